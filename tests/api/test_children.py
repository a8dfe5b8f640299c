"""Children over HTTP: how many there are, which, and what their parent says of them."""

from __future__ import annotations

from typing import Any

from chalicelib.service.cascade import cancel_children
from chalicelib.tasks import Job, PermanentError, task
from tests.api.harness import BASE, Service, is_problem
from tests.api.tasks import Echo
from tests.api.test_call_counts import calls


@task("page", lane="heavy", timeout=3_600)
def page(job: Job, params: Echo) -> str:
    if params.text == "blank":
        raise PermanentError("a blank page")
    job.attach("page.txt", params.text)
    return params.text


@task("book", timeout=3_600)
def book(job: Job, params: Echo) -> list[Any]:
    items = [{"text": text} for text in params.files]
    return [child.result for child in job.map("pages", page, items)]


def waiting(service: Service, *texts: str) -> str:
    """The id of a book whose pages are queued in another lane."""
    for one in (page, book, cancel_children):
        service.does(one)
    job_id = service.submitted("book", {"files": list(texts)})
    service.work()
    return job_id


def test_a_parent_shows_how_many_children_have_ended_and_waits_for_the_rest(
    service: Service,
) -> None:
    job_id = waiting(service, "a", "blank", "c")
    first = service.get(f"/jobs/{job_id}")
    assert (first.json_body["status"], first.json_body["wait_reason"]) == ("queued", "children")
    assert first.json_body["waits_for"] == {"children": 3}
    none = {"total": 3, "live": 3, "succeeded": 0, "failed": 0, "canceled": 0}
    assert first.json_body["children"] == none
    messages = service.messages("heavy")
    for message in messages[:2]:
        service.deliver(message, "heavy")
    second = service.get(f"/jobs/{job_id}", If_None_Match=first.headers["ETag"])
    assert second.status_code == 200
    assert second.json_body["children"] == {**none, "live": 1, "succeeded": 1, "failed": 1}
    assert second.json_body["progress"] == {
        "percent": 66.7,
        "message": "2 of 3 children have ended",
    }
    same = service.get(f"/jobs/{job_id}", If_None_Match=second.headers["ETag"])
    assert same.status_code == 304
    service.deliver(messages[2], "heavy")
    service.work()
    done = service.job(job_id)
    assert (done["status"], done["result"]) == ("succeeded", ["a", None, "c"])
    assert done["children"] == {**none, "live": 0, "succeeded": 2, "failed": 1}


def test_the_children_are_listed_in_the_order_of_the_items_and_by_status(service: Service) -> None:
    job_id = waiting(service, "a", "blank", "c", "d", "e")
    for message in service.messages("heavy")[:2]:
        service.deliver(message, "heavy")
    url = service.job(job_id)["links"]["children"]
    assert url == f"{BASE}/jobs/{job_id}/children"
    first = service.get(f"{url}?limit=3").json_body
    rest = service.get(first["next"]).json_body
    assert rest["next"] is None
    texts = [service.get(one["links"]["params"]).json_body["text"] for one in first["jobs"]]
    assert texts == ["a", "blank", "c"]
    assert [len(first["jobs"]), len(rest["jobs"])] == [3, 2]
    assert {one["parent"] for one in (*first["jobs"], *rest["jobs"])} == {job_id}
    failed = service.get(f"{url}?status=failed").json_body["jobs"]
    assert [one["id"] for one in failed] == [first["jobs"][1]["id"]]
    assert "children" not in first["jobs"][0]


def test_a_job_without_children_lists_none(service: Service) -> None:
    job_id = service.submitted()
    assert service.job(job_id)["children"] is None
    assert service.job(job_id)["parent"] is None
    assert service.get(f"/jobs/{job_id}/children").json_body == {"jobs": [], "next": None}
    assert is_problem(service.get(f"/jobs/{'0' * 32}/children"), 404, "not-found")


def test_children_are_not_among_their_owners_jobs(service: Service) -> None:
    job_id = waiting(service, "a", "b")
    assert [one["id"] for one in service.get("/jobs").json_body["jobs"]] == [job_id]


def test_a_child_can_be_canceled_and_neither_retried_nor_deleted(service: Service) -> None:
    job_id = waiting(service, "a", "b")
    [child, _] = service.get(f"/jobs/{job_id}/children").json_body["jobs"]
    canceled = service.post(child["links"]["cancel"])
    assert canceled.json_body["status"] == "canceled"
    assert "retry" not in canceled.json_body["links"]
    for answer in (
        service.post(f"/jobs/{child['id']}/retry"),
        service.delete(f"/jobs/{child['id']}"),
    ):
        assert is_problem(answer, 409, "job-has-parent")
        assert f" {BASE}/jobs/{job_id}: " in answer.json_body["detail"]
    service.work("heavy")
    service.work()
    assert service.job(job_id)["result"] == [None, "b"]


def test_a_canceled_parent_takes_its_children_with_it(service: Service) -> None:
    job_id = waiting(service, "a", "b")
    assert service.post(f"/jobs/{job_id}/cancel").status_code == 200
    service.work("webhooks")
    children = service.get(f"/jobs/{job_id}/children").json_body["jobs"]
    assert [one["status"] for one in children] == ["canceled", "canceled"]
    service.messages("heavy")
    service.sweep()
    assert service.delete(f"/jobs/{job_id}").status_code == 204
    assert service.nothing_is_stored()


def test_a_job_with_children_costs_one_read_more_to_show_and_others_none(service: Service) -> None:
    job_id = waiting(service, "a", "b")
    with calls() as made:
        tag = service.etag(job_id)
        service.get(f"/jobs/{job_id}", If_None_Match=tag)
    assert made == ["dynamodb.GetItem", "dynamodb.BatchGetItem"] * 2
    [child, _] = service.get(f"/jobs/{job_id}/children").json_body["jobs"]
    with calls() as made:
        service.get(f"/jobs/{child['id']}")
    assert made == ["dynamodb.GetItem"]


def test_a_child_costs_a_read_and_a_write_more_than_another_job(service: Service) -> None:
    for one in (page, book):
        service.does(one)
    job_id = service.submitted("book", {"files": ["a", "b"]})
    [message] = service.messages()
    with calls() as made:
        service.deliver(message)
    claim, note, ledger = "dynamodb.UpdateItem", "dynamodb.UpdateItem", "dynamodb.UpdateItem"
    assert made == [
        *(claim, "dynamodb.GetItem", note),
        *["dynamodb.PutItem"] * 2,
        "sqs.SendMessageBatch",
        *(ledger, note, "dynamodb.UpdateItem", "dynamodb.BatchGetItem"),
    ]
    first, last = service.messages("heavy")
    with calls() as made:
        service.deliver(first, "heavy")
    write = "dynamodb.UpdateItem"
    assert made == [write, "dynamodb.GetItem", "s3.PutObject", write, write]
    with calls() as made:
        service.deliver(last, "heavy")
    look = ["dynamodb.BatchGetItem"] * 2
    assert made == [
        *(write, "dynamodb.GetItem", "s3.PutObject", write, write, *look),
        *(write, "sqs.SendMessage"),
    ]
    service.work()
    assert service.job(job_id)["status"] == "succeeded"
