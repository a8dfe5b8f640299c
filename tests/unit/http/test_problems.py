"""Errors as problem documents."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from chalice.app import Chalice, Response

from chalicelib.domain import errors
from chalicelib.domain.errors import ClientError, FieldError, OvertimeError
from chalicelib.domain.job import Problem
from chalicelib.http.problems import STATUS, answering, problem


def kinds(root: type[OvertimeError]) -> Iterator[type[OvertimeError]]:
    for kind in root.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield kind
            yield from kinds(kind)


def document(answer: Response) -> Any:
    return json.loads(answer.body)


@pytest.mark.parametrize("kind", list(kinds(ClientError)))
def test_every_error_of_a_client_has_a_status_below_500(kind: type[ClientError]) -> None:
    assert 400 <= STATUS[kind] < 500


def test_slugs_and_titles_tell_errors_apart_and_fit_into_a_url() -> None:
    found: list[type[OvertimeError]] = [OvertimeError, *kinds(OvertimeError)]
    found.remove(ClientError)  # the root of a branch, never raised itself
    assert len({kind.slug for kind in found}) == len(found)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.slug) for kind in found)
    assert all(kind.title for kind in found)


def test_a_problem_is_a_document_of_rfc_9457() -> None:
    answer = problem(errors.InvalidRequest("No.", errors=(FieldError("/a~1b", "is wrong"),)))
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert document(answer) == {
        "type": "/problems/invalid-request",
        "title": "The request is well-formed but not valid",
        "status": 422,
        "detail": "No.",
        "errors": [{"pointer": "/a~1b", "detail": "is wrong"}],
    }


def test_a_problem_always_has_a_detail() -> None:
    assert document(problem(errors.NotFound()))["detail"] == "Not found"


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (errors.Unavailable(), "2"),
        (errors.JobNotFinished(), "2"),
        (errors.NotFound(), None),
        (errors.JobFinished(), None),
    ],
)
def test_a_temporary_problem_has_a_retry_after(error: OvertimeError, seconds: str | None) -> None:
    assert problem(error).headers.get("Retry-After") == seconds


def test_a_job_without_a_result_says_why() -> None:
    why = Problem("/problems/attempt-failed", "The task failed", "no")
    assert document(problem(errors.JobNotSucceeded("It failed.", why)))["error"] == {
        "type": "/problems/attempt-failed",
        "title": "The task failed",
        "detail": "no",
        "code": "attempt-failed",
        "message": "The task failed: no",
    }
    assert "error" not in document(problem(errors.JobNotSucceeded("It was canceled.", None)))


def invalid(detail: str, *found: FieldError) -> Any:
    return document(problem(errors.InvalidRequest(detail, errors=found)))


def test_of_very_many_errors_the_first_hundred_are_listed() -> None:
    some = [FieldError(f"/{number}", "is wrong") for number in range(240_000)]
    told = invalid("No.", *some)
    assert [error["pointer"] for error in told["errors"]] == [f"/{n}" for n in range(100)]
    assert told["detail"] == "No. Only the first 100 errors are listed."
    assert invalid("No.", *some[:100])["detail"] == "No."


def test_an_answer_stays_small_whatever_is_wrong_with_a_request() -> None:
    long = "\U0001f9ea" * 1_000_000
    some = [FieldError(f"/params/{long}/{number}", long) for number in range(200)]
    answer = problem(errors.InvalidRequest(long, errors=tuple(some)))
    assert len(answer.body.encode()) < 500_000
    told = document(answer)
    assert told["detail"].startswith("\U0001f9ea" * 1_999 + "…")
    assert told["errors"][0]["detail"] == "\U0001f9ea" * 499 + "…"


@pytest.mark.parametrize(
    ("pointer", "shown"),
    [
        ("", ""),
        ("/" + "a" * 499, "/" + "a" * 499),
        ("/" + "a" * 500, ""),
        ("/params/" + "a" * 500 + "/b", "/params"),
        ("/params/b" * 100, "/params/b" * 55),
        ("/b/params" * 100, "/b/params" * 55 + "/b"),
    ],
)
def test_a_pointer_that_is_too_long_ends_above_what_it_points_to(pointer: str, shown: str) -> None:
    assert invalid("No.", FieldError(pointer, "is wrong"))["errors"][0]["pointer"] == shown


# ── the decorator ──


def view_raising(error: BaseException | None) -> Any:
    @answering(Chalice("test"))
    def view() -> Response:
        """What the view is for."""
        if error is not None:
            raise error
        return Response("fine")

    return view


def test_a_view_keeps_its_name_and_words_from_which_the_description_is_made() -> None:
    view = view_raising(None)
    assert (view.__name__, view.__doc__) == ("view", "What the view is for.")
    assert view().body == "fine"


@pytest.mark.parametrize("error", [ValueError("secret"), OvertimeError("secret")])
def test_an_unexpected_error_is_a_500_without_internals(error: Exception) -> None:
    answer = view_raising(error)()
    assert answer.status_code == 500
    assert document(answer)["type"] == "/problems/internal-error"
    assert "secret" not in answer.body


def test_what_ends_the_process_is_not_answered() -> None:
    with pytest.raises(KeyboardInterrupt):
        view_raising(KeyboardInterrupt())()
