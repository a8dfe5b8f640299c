"""GET /jobs: one's own jobs, newest first, page by page."""

from __future__ import annotations

import re
from itertools import chain
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.memory.stores import MemorySecrets
from chalicelib.service import read
from tests.api.harness import BASE, Service, is_problem


def submitted(service: Service, count: int, task: str = "echo") -> list[str]:
    """Ids of new jobs, oldest first, a second apart."""
    ids = []
    for _ in range(count):
        service.clock.sleep(1)
        ids.append(service.submitted(task))
    return ids


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.body
    return [job["id"] for job in answer.json_body["jobs"]]


def walk(service: Service, path: str) -> list[list[str]]:
    """The pages, from `next` to `next`."""
    pages, following = [], path
    for _ in range(20):
        answer = service.get(following)
        pages.append(ids(answer))
        following = answer.json_body["next"]
        if not following:
            return pages
    raise AssertionError("the list does not end")


def cursor_of(service: Service, path: str) -> str:
    following: str = service.get(path).json_body["next"]
    return parse_qs(urlsplit(following).query)["cursor"][0]


def test_without_jobs_the_list_is_empty(service: Service) -> None:
    answer = service.get("/jobs")
    assert answer.json_body == {"jobs": [], "next": None}
    assert "Link" not in answer.headers
    assert answer.headers["Cache-Control"] == "private, no-cache"


def test_jobs_come_newest_first(service: Service) -> None:
    oldest_first = submitted(service, 4)
    assert ids(service.get("/jobs")) == oldest_first[::-1]


def test_a_page_holds_20_jobs_unless_asked_otherwise(service: Service) -> None:
    oldest_first = submitted(service, 21)
    assert [len(page) for page in walk(service, "/jobs")] == [20, 1]
    assert ids(service.get("/jobs?limit=100")) == oldest_first[::-1]
    assert ids(service.get("/jobs?limit=1")) == oldest_first[-1:]


def test_pages_together_hold_every_job_once(service: Service) -> None:
    oldest_first = submitted(service, 7)
    pages = walk(service, "/jobs?limit=3")
    assert [len(page) for page in pages] == [3, 3, 1]
    assert list(chain(*pages)) == oldest_first[::-1]


@pytest.mark.parametrize("path", ["/jobs?limit=3", "/jobs?limit=3&task=echo"])
def test_a_list_that_fills_its_pages_ends_with_the_last_of_them(
    service: Service, path: str
) -> None:
    submitted(service, 6)
    assert [len(page) for page in walk(service, path)] == [3, 3]


def test_a_job_submitted_between_two_pages_moves_nothing(service: Service) -> None:
    oldest_first = submitted(service, 4)
    first = service.get("/jobs?limit=2")
    submitted(service, 1)
    assert ids(service.get(first.json_body["next"])) == oldest_first[1::-1]


def test_the_next_page_is_an_absolute_url_in_body_and_link(service: Service) -> None:
    submitted(service, 2)
    answer = service.get("/jobs?limit=1&task=echo&status=queued")
    following = answer.json_body["next"]
    assert answer.headers["Link"] == f'<{following}>; rel="next"'
    assert following.startswith(f"{BASE}/jobs?")
    assert re.fullmatch(r"[!-;=?-~]+", following)  # nothing that could end the <> of Link
    query = parse_qs(urlsplit(following).query)
    assert (query["limit"], query["task"], query["status"]) == (["1"], ["echo"], ["queued"])


def test_a_listed_job_is_as_a_read_says_without_payloads_and_children(service: Service) -> None:
    job_id = service.submitted("echo", {"text": "a"})
    service.work()
    [listed] = service.get("/jobs").json_body["jobs"]
    read_one = service.job(job_id)
    assert read_one["params"] and read_one["result"]  # noqa: PT018
    assert listed | {"children": None} == {**read_one, "params": None, "result": None}


def test_statuses_are_fresh(service: Service) -> None:
    service.submitted()
    assert service.get("/jobs").json_body["jobs"][0]["status"] == "queued"
    service.work()
    assert service.get("/jobs").json_body["jobs"][0]["status"] == "succeeded"


def test_a_list_can_be_filtered_by_status_and_task(service: Service) -> None:
    echo, hopeless = service.submitted("echo"), service.submitted("hopeless")
    service.work()
    waiting = service.submitted("hopeless")
    assert ids(service.get("/jobs?status=queued")) == [waiting]
    assert ids(service.get("/jobs?status=succeeded")) == [echo]
    assert set(ids(service.get("/jobs?task=hopeless"))) == {hopeless, waiting}
    assert ids(service.get("/jobs?task=hopeless&status=failed")) == [hopeless]
    assert ids(service.get("/jobs?task=nothing")) == []
    assert ids(service.get("/jobs?status=running")) == []


def test_filtered_pages_together_hold_what_fits(service: Service) -> None:
    wanted = []
    for _ in range(3):
        submitted(service, 2)
        wanted += submitted(service, 1, "big")
    assert list(chain(*walk(service, "/jobs?task=big&limit=2"))) == wanted[::-1]


def test_with_filters_a_page_examines_a_bounded_number_of_jobs(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "EXAMINED_AT_MOST", 4)
    [wanted] = submitted(service, 1, "big")
    submitted(service, 5)
    pages = walk(service, "/jobs?task=big&limit=2")
    assert pages[0] == []  # though there is more to come
    assert list(chain(*pages)) == [wanted]


def test_erased_jobs_are_not_listed(service: Service) -> None:
    stays, goes = service.submitted(), service.submitted()
    service.work()
    service.delete(f"/jobs/{goes}")
    assert ids(service.get("/jobs")) == [stays]


def test_others_jobs_are_not_listed(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.submitted()
    monkeypatch.setattr("app.owner_of", lambda auth, context: "somebody else")
    assert ids(service.get("/jobs")) == []


# ── what is refused ──


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.0", "ten", "", "1000", "٣", "1e1", "+5"])
def test_a_limit_must_be_a_whole_number_from_1_to_100(service: Service, limit: str) -> None:
    assert is_problem(service.get(f"/jobs?limit={limit}"), 400, "malformed-request")


@pytest.mark.parametrize("status", ["done", "", "QUEUED", "erasing", "queued,running"])
def test_a_status_must_be_one_there_is(service: Service, status: str) -> None:
    answer = service.get(f"/jobs?status={status}")
    assert is_problem(answer, 400, "malformed-request")
    assert "erasing" not in answer.json_body["detail"]


@pytest.mark.parametrize(
    "query",
    ["state=queued", "Status=queued", "limit=1&limit=2", "cursor=a&cursor=a", "=", "a%00=b"],
)
def test_a_query_parameter_must_be_known_and_come_once(service: Service, query: str) -> None:
    assert is_problem(service.get(f"/jobs?{query}"), 400, "malformed-request")


@pytest.mark.parametrize(
    "cursor", ["", "x", "é", "%00", "A" * 5_000, "../..", "====", "AAAAA", "a b", "%ff%fe", "-_-_"]
)
def test_a_cursor_must_be_one_of_ours(service: Service, cursor: str) -> None:
    assert is_problem(service.get(f"/jobs?cursor={cursor}"), 400, "malformed-request")


def test_a_cursor_that_was_tampered_with_is_refused(service: Service) -> None:
    submitted(service, 2)
    cursor = cursor_of(service, "/jobs?limit=1")
    for place in range(0, len(cursor), 5):
        other = "A" if cursor[place] != "A" else "B"
        damaged = cursor[:place] + other + cursor[place + 1 :]
        assert is_problem(service.get(f"/jobs?cursor={damaged}"), 400, "malformed-request")
    assert is_problem(service.get(f"/jobs?cursor={cursor[:-4]}"), 400, "malformed-request")


def test_a_cursor_is_good_for_the_same_list_only(service: Service) -> None:
    job_id = submitted(service, 3)[0]
    service.work()
    cursor = cursor_of(service, "/jobs?limit=1&status=succeeded")
    assert service.get(f"/jobs?status=succeeded&cursor={cursor}").status_code == 200
    for other in ("/jobs?", "/jobs?status=failed&", "/jobs?task=echo&status=succeeded&"):
        assert is_problem(service.get(f"{other}cursor={cursor}"), 400, "malformed-request")
    events = service.get(f"/jobs/{job_id}/events?cursor={cursor}")
    assert is_problem(events, 400, "malformed-request")


def test_a_cursor_does_not_depend_on_the_size_of_pages(service: Service) -> None:
    oldest_first = submitted(service, 4)
    cursor = cursor_of(service, "/jobs?limit=1")
    assert ids(service.get(f"/jobs?limit=2&cursor={cursor}")) == oldest_first[2:0:-1]


def test_a_cursor_of_another_owner_is_refused(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted(service, 2)
    cursor = cursor_of(service, "/jobs?limit=1")
    monkeypatch.setattr("app.owner_of", lambda auth, context: "somebody else")
    assert is_problem(service.get(f"/jobs?cursor={cursor}"), 400, "malformed-request")


def test_a_cursor_outlives_a_rotation_of_the_secret(service: Service) -> None:
    submitted(service, 3)
    cursor = cursor_of(service, "/jobs?limit=1")
    service.replace(secrets=MemorySecrets(seals=(b"new", *service.system.secrets.for_seals())))
    after = cursor_of(service, f"/jobs?limit=1&cursor={cursor}")
    service.replace(secrets=MemorySecrets(seals=(b"new",)))
    assert len(service.get(f"/jobs?cursor={after}").json_body["jobs"]) == 1


def test_a_cursor_of_another_stage_is_refused(service: Service) -> None:
    submitted(service, 2)
    cursor = cursor_of(service, "/jobs?limit=1")
    service.replace(secrets=MemorySecrets(seals=(b"another stage's",)))
    assert is_problem(service.get(f"/jobs?cursor={cursor}"), 400, "malformed-request")
