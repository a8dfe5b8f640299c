"""Routes that answer the questions of `job.ask`: with a caller's credentials, or by a URL that is a
credential itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from chalice.app import Blueprint, Response

from chalicelib.http.operations import Answer, Operation
from chalicelib.http.routes import Routes

ANSWER_AT_MOST = 64 * 1024  # bytes: it is stored beside the job's record, and read by each run
TAKEN = {204: Answer("The answer is stored, now or before, and the job goes on.")}
REFUSALS = (400, 404, 409, 413, 415, 422, 503)

ANSWER = Operation("POST", "/jobs/{job_id}/answers/{step}", TAKEN, REFUSALS, body=Any)
ANSWER_SEALED = Operation("POST", "/answers/{sealed}", TAKEN, REFUSALS, body=Any)


class UseCases(Protocol):
    def answer(self, system: Any, owner: str, job_id: str, step: str, value: Any) -> None: ...

    def answer_sealed(self, system: Any, sealed: str, value: Any) -> None: ...


def surface(
    routes: Routes, use_cases: Callable[[], UseCases], system: Callable[[], Any]
) -> Blueprint:
    """`use_cases` is called by a request, so that a start does not load them."""
    blueprint = Blueprint(__name__)
    route = routes.on(blueprint)

    @route(ANSWER)
    def answer_question(job_id: str, step: str) -> Response:
        """Answer a question that a job asks.

        `waits_for` of the job shows the question and the schema of its answer. The first answer
        counts: the same answer again is taken, another one is refused.
        """
        call = routes.call()
        value = call.body(Any, at_most=ANSWER_AT_MOST)
        use_cases().answer(system(), call.owner, job_id, step, value)
        return Response("", status_code=204)

    @route(ANSWER_SEALED)
    def answer_by_url(sealed: str) -> Response:
        """Answer a question by a URL of `job.answer_url`.

        The URL is the credential: it takes the answer to one question, until the question expires.
        """
        value = routes.call().body(Any, at_most=ANSWER_AT_MOST)
        use_cases().answer_sealed(system(), sealed, value)
        return Response("", status_code=204)

    return blueprint
