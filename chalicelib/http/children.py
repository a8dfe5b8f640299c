"""The route that lists the children of a job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from chalice.app import Blueprint, Response

from chalicelib.http import answers
from chalicelib.http.operations import PAGE_HEADERS, Answer, Operation
from chalicelib.http.representation import JobListView
from chalicelib.http.routes import Routes

LIST_CHILDREN = Operation(
    "GET",
    "/jobs/{job_id}/children",
    answers={200: Answer("A page of the job's children.", JobListView, PAGE_HEADERS)},
    problems=(400, 404, 503),
    query=("status", "limit", "cursor"),
)


class UseCases(Protocol):
    def list_children(
        self, system: Any, owner: str, job_id: str, *, status: Any, limit: int, after: str | None
    ) -> Any: ...


def surface(routes: Routes, use_cases: UseCases, system: Callable[[], Any]) -> Blueprint:
    blueprint = Blueprint(__name__)
    route = routes.on(blueprint)

    @route(LIST_CHILDREN)
    def list_children(job_id: str) -> Response:
        """List the children of a job, in the order of its items.

        With a status a page may be short or empty. The list ends at `"next": null`.
        """
        call = routes.call()
        query = call.list_query("status")
        found = use_cases.list_children(
            system(),
            call.owner,
            job_id,
            status=query.status,
            limit=query.limit,
            after=query.position,
        )
        return answers.job_list(call, found.jobs, query.following(found.next))

    return blueprint
