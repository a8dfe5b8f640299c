"""How records look from outside."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest
from msgspec import structs

from chalicelib.domain.job import (
    DAY,
    SECOND,
    Artifact,
    JobRecord,
    Progress,
    Status,
    Stored,
    WaitReason,
)
from chalicelib.http.fields import rfc3339
from chalicelib.http.representation import (
    job_headers,
    job_page,
    job_view,
    poll_after,
)
from tests.records import NOW, PARENT, PROBLEM, queued, running, succeeded

BASE = "https://jobs.example.com"


def shown(record: Any, **options: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(job_view(record, BASE, **options)))


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (1_795_335_330_123, "2026-11-22T08:15:30.123Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_times(milliseconds: int, text: str) -> None:
    assert rfc3339(milliseconds) == text


def test_no_millisecond_is_lost_on_its_way_through_a_float() -> None:
    for millisecond in range(1_000):
        assert rfc3339(1_795_335_330_000 + millisecond)[-4:-1] == f"{millisecond:03d}"


def test_payloads_are_shown_as_the_json_they_are_unless_they_lie_elsewhere() -> None:
    record = succeeded(params=Stored(text='{"a":[1,2.50]}'))
    assert shown(record)["params"] == {"a": [1, 2.5]}
    assert shown(record)["result"] == "done"
    assert (shown(record, payloads=False)["params"], shown(record, payloads=False)["result"]) == (
        None,
        None,
    )
    elsewhere = structs.replace(record, params=Stored(key="k"), result=Stored(key="k"))
    assert (shown(elsewhere)["params"], shown(elsewhere)["result"]) == (None, None)


def test_the_place_of_an_artifact_is_a_url() -> None:
    record = structs.replace(
        succeeded(), artifacts=(Artifact("a b?.txt", "text/plain", 3, "secret key"),)
    )
    [artifact] = shown(record)["artifacts"]
    assert artifact["url"] == f"{BASE}/jobs/{record.id}/artifacts/a%20b%3F.txt"
    assert "secret" not in str(shown(record))


@pytest.mark.parametrize("reason", list(WaitReason))
def test_only_what_waits_for_a_time_says_when(reason: WaitReason) -> None:
    record = structs.replace(queued(), wait_reason=reason)
    told = reason in (WaitReason.SCHEDULED, WaitReason.BACKOFF)
    assert shown(record)["next_attempt_at"] == (rfc3339(record.not_before) if told else None)


# ── tags ──


def etag(record: JobRecord) -> str:
    return job_page(record, BASE).etag


INSIDE = "nonce uid owner lane generation lease_token due due_at reminders watched run_at history"
INSIDE += (
    " time_limit retention webhook base request_digest checkpoint not_before wait maps schedule"
)
SHOWN: dict[str, Any] = {
    "id": "other",
    "task": "other",
    "created_at": NOW + 1,
    "params": Stored(text="1"),
    "status": Status.QUEUED,
    "wait_reason": WaitReason.BACKLOG,
    "attempt": 2,
    "max_attempts": 4,
    "deadline": NOW + 1,
    "cancel_requested": True,
    "parent": PARENT,
    "updated_at": NOW + 1,
    "started_at": NOW + 1,
    "finished_at": NOW + 1,
    "expires_at": NOW + 1,
    "progress": Progress(1.0, ""),
    "result": Stored(text="1"),
    "artifacts": (Artifact("a", "b", 1, "k"),),
    "error": PROBLEM,
}


def test_every_field_of_a_record_is_shown_or_inside() -> None:
    names = [one.name for one in structs.fields(JobRecord)]
    assert sorted([*SHOWN, *INSIDE.split()]) == sorted(names)


@pytest.mark.parametrize("name", INSIDE.split())
def test_what_is_not_shown_does_not_change_the_tag(name: str) -> None:
    record, change = running(), cast("dict[str, Any]", {name: "other"})
    assert etag(structs.replace(record, **change)) == etag(record)


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_shown_changes_the_tag(name: str) -> None:
    record = running()
    assert getattr(record, name) != SHOWN[name]
    assert etag(structs.replace(record, **{name: SHOWN[name]})) != etag(record)


def test_a_tag_is_an_opaque_quoted_string() -> None:
    assert etag(queued())[0] == etag(queued())[-1] == '"'
    assert etag(queued()).strip('"').isalnum()


# ── when to ask again ──


@pytest.mark.parametrize(
    ("age", "seconds"), [(0, 1), (9.999, 1), (10, 2), (59.999, 2), (60, 5), (86_400, 5)]
)
def test_the_older_a_job_the_later(age: float, seconds: int) -> None:
    record = queued()
    assert poll_after(record, NOW + int(age * SECOND)) == seconds


@pytest.mark.parametrize(
    ("ahead", "seconds"), [(0.001, 1), (1, 1), (1.001, 2), (59.5, 60), (61, 60), (86_400, 60)]
)
def test_a_job_that_waits_for_a_time_is_not_asked_for_before_it(ahead: float, seconds: int) -> None:
    record = queued(not_before=NOW + round(ahead * SECOND))
    assert poll_after(record, NOW) == seconds


def test_a_finished_job_is_not_asked_for_again() -> None:
    assert "Retry-After" not in job_headers(succeeded(), "", NOW + DAY)
    assert "Retry-After" in job_headers(running(), "", NOW)
