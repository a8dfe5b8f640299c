"""When a webhook is tried again, and how its delivery is found."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chalicelib.domain import verbs
from chalicelib.domain.internal import internal_job_id
from chalicelib.domain.job import DAY, Status, Webhook
from chalicelib.domain.webhooks import (
    PAUSES,
    TASK,
    TIME_LIMIT,
    pause_seconds,
    wanted,
    webhook_job,
    webhook_job_ids,
)
from tests.records import failed, new_id, queued, stamp, succeeded

MINUTE, HOUR = 60.0, 3_600.0
WEBHOOK = Webhook("https://ada.example/hook", (Status.FAILED,), "https://jobs.example")
SCHEDULE = [
    (1, 5.0),
    (2, 5 * MINUTE),
    (3, 30 * MINUTE),
    (4, 2 * HOUR),
    (5, 5 * HOUR),
    (6, 10 * HOUR),
    (7, 14 * HOUR),
    (8, 20 * HOUR),
    (9, 24 * HOUR),
]


@pytest.mark.parametrize(("attempt", "seconds"), SCHEDULE)
def test_each_failure_is_followed_by_a_longer_pause(attempt: int, seconds: float) -> None:
    assert pause_seconds(attempt, None, lambda: 0.5) == seconds
    earliest = pause_seconds(attempt, None, lambda: 0.0)
    latest = pause_seconds(attempt, None, lambda: 0.999)
    assert 0.89 * seconds < earliest < seconds < latest < 1.11 * seconds


@pytest.mark.parametrize(
    ("attempt", "asked", "seconds"),
    [
        (1, 0.0, 5.0),
        (1, 4.0, 5.0),
        (1, 120.0, 120.0),
        (3, 60.0, 30 * MINUTE),
        (9, 86_400.0, 24 * HOUR),
    ],
)
def test_a_receiver_may_ask_for_a_longer_pause_but_for_no_shorter_one(
    attempt: int, asked: float, seconds: float
) -> None:
    assert pause_seconds(attempt, asked, lambda: 0.5) == seconds


def test_all_attempts_fit_into_its_time_whatever_the_receiver_asks_for() -> None:
    assert len(SCHEDULE) == len(PAUSES)
    assert len(PAUSES) * 1.1 * DAY < TIME_LIMIT


def test_each_end_of_a_job_has_a_delivery_of_its_own() -> None:
    job = replace(failed(webhook=WEBHOOK), generation=2)
    assert len(set(webhook_job_ids(job))) == 3
    assert webhook_job_ids(job)[-1] == internal_job_id(job, TASK, 2)
    assert webhook_job_ids(job) == webhook_job_ids(job)
    later = replace(job, uid=new_id())  # under the same Idempotency-Key
    assert not set(webhook_job_ids(job)) & set(webhook_job_ids(later))


def test_a_job_without_a_webhook_has_none() -> None:
    assert webhook_job_ids(failed()) == []
    assert not wanted(failed())


def test_only_the_ends_that_were_asked_for_are_told() -> None:
    assert wanted(failed(webhook=WEBHOOK))
    assert not wanted(succeeded(webhook=WEBHOOK))
    assert not wanted(queued(webhook=WEBHOOK))


def test_a_delivery_is_a_job_of_the_owners_and_has_no_webhook() -> None:
    job = failed(webhook=WEBHOOK)
    delivery = webhook_job(job, "{}", new_id())
    assert (delivery.owner, delivery.task, delivery.lane) == ("ada", "overtime.webhook", "webhooks")
    assert (delivery.status, delivery.webhook, delivery.internal) == (Status.QUEUED, None, True)
    assert delivery.due is not None
    assert delivery.deadline == job.updated_at + TIME_LIMIT
    assert delivery.params.text == '{"url":"https://ada.example/hook","body":"{}"}'


def test_a_delivery_is_kept_as_long_as_the_end_that_it_tells_of_and_no_longer() -> None:
    job = failed(webhook=WEBHOOK)
    waiting = webhook_job(job, "{}", new_id())
    given_up = verbs.expire(waiting, stamp(waiting.deadline)).applied_to(waiting)
    assert given_up.finished_at == waiting.deadline
    assert given_up.expires_at == job.expires_at
