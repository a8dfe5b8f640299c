"""The sweeper: whatever is past due is found, and only that."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain import verbs
from chalicelib.domain.job import DAY, HOUR, MINUTE, SECOND, JobRecord, Urgency
from chalicelib.domain.transitions import TABLE, Stamp, Verb, message_delay
from chalicelib.memory import Message
from chalicelib.service.sweeper import sweep, what_is_due
from chalicelib.tasks.testing import Bench
from tests.records import LEASE, NOW, failed, queued, running, stamp, succeeded


def swept(bench: Bench, *records: JobRecord, after: int) -> dict[str, int]:
    for record in records:
        bench.jobs.records[record.id] = record
    bench.clock.time = NOW + after
    return dict(sweep(bench.system, bench.clock.time + MINUTE))


def test_nothing_is_done_to_what_is_not_due() -> None:
    assert swept(Bench(), queued(), running(), succeeded(), failed(), after=30 * SECOND) == {}


def test_a_message_that_was_lost_is_sent_again() -> None:
    bench, record = Bench(), queued()
    assert swept(bench, record, after=2 * MINUTE) == {"remind": 1}
    assert bench.queue.lanes["default"] == [Message(record.id, 0, 0)]


def test_reminders_are_further_out_each_time_up_to_an_hour() -> None:
    bench, record = Bench(), queued(deadline=NOW + 30 * DAY)
    waits = []
    for _ in range(8):
        swept(bench, bench.jobs.records.get(record.id, record), after=0)
        bench.queue.lanes.clear()
        now_is = bench.jobs.records[record.id]
        waits.append(((now_is.due_at or 0) - bench.clock.time) // MINUTE)
        bench.clock.time = now_is.due_at or 0
        sweep(bench.system, bench.clock.time + MINUTE)
    record = bench.jobs.records[record.id]
    assert record.due_at is not None
    assert record.due_at - bench.clock.time == HOUR


def test_a_backlog_needs_no_reminding() -> None:
    bench = Bench()
    late = [queued() for _ in range(5)]
    bench.queue.lanes["default"] = [Message(record.id, 0, 0) for record in late[:3]]
    assert swept(bench, *late, after=2 * MINUTE) == {"remind": 2}


def test_a_backlog_hides_no_deadline() -> None:
    bench = Bench()
    late = [queued(), queued(deadline=NOW + 5 * MINUTE)]
    bench.queue.lanes["default"] = [Message(record.id, 0, 0) for record in late]
    assert swept(bench, *late, after=5 * MINUTE - 1) == {}
    assert swept(bench, after=5 * MINUTE) == {"expire": 1}
    assert [bench.jobs.records[record.id].status for record in late] == ["queued", "failed"]


def test_a_silent_workers_job_is_queued_again_and_says_so() -> None:
    bench, record = Bench(), running()
    assert swept(bench, record, after=LEASE) == {"rescue": 1}
    rescued = bench.jobs.records[record.id]
    assert (rescued.status, rescued.wait_reason, rescued.attempt) == ("queued", "rescued", 1)
    assert bench.queue.lanes["default"] == [Message(record.id, 0, 0)]


def test_a_silent_workers_last_attempt_fails_the_job() -> None:
    bench, record = Bench(), running(max_attempts=1)
    swept(bench, record, after=LEASE)
    now_is = bench.jobs.records[record.id]
    assert now_is.status == "failed"
    assert now_is.error is not None
    assert now_is.error.type == "/problems/worker-lost"


def test_a_silent_workers_job_that_a_client_canceled_is_canceled() -> None:
    bench, record = Bench(), running()
    told = verbs.request_cancel(record, stamp()).applied_to(record)
    swept(bench, told, after=LEASE)
    assert bench.jobs.records[record.id].status == "canceled"


def test_a_deadline_ends_a_queued_job_and_a_running_one() -> None:
    bench = Bench()
    waiting = queued(deadline=NOW + MINUTE)
    claim = verbs.claim(0, "token", NOW + MINUTE, NOW)
    busy = claim.applied_to(queued(deadline=NOW + MINUTE))
    assert waiting.due is Urgency.MUST
    assert swept(bench, waiting, busy, after=MINUTE) == {"expire": 2}


def test_a_scheduled_job_is_sent_with_the_delay_that_remains() -> None:
    bench, record = Bench(), queued(not_before=NOW + HOUR, deadline=NOW + DAY)
    assert record.due is Urgency.MUST
    assert swept(bench, record, after=HOUR - 90 * SECOND) == {"remind": 1}
    assert bench.queue.lanes["default"] == [Message(record.id, 0, 90)]


def test_an_erase_that_was_cut_off_is_finished() -> None:
    bench, record = Bench(), failed()
    bench.payloads.put(f"{record.prefix}artifacts/a", b"x", "text/plain")
    erasing = verbs.erase(record, stamp()).applied_to(record)
    assert swept(bench, erasing, after=0) == {"erase": 1}
    assert bench.jobs.records == {}
    assert bench.payloads.objects == {}


def test_one_jobs_failure_does_not_keep_the_sweeper_from_the_others() -> None:
    bench, bad, good = Bench(), running(), running()
    apply = bench.jobs.apply

    def broken(job_id: str, write: Any) -> JobRecord:
        if job_id == bad.id:
            raise ValueError("this one")
        return apply(job_id, write)

    bench.jobs.apply = broken  # type: ignore[method-assign]
    assert swept(bench, bad, good, after=LEASE) == {"error": 1, "rescue": 1}


def test_a_sweep_ends_when_its_time_is_up() -> None:
    bench = Bench()
    for record in (running(), running()):
        bench.jobs.records[record.id] = record
    bench.clock.time = NOW + LEASE
    assert dict(sweep(bench.system, bench.clock.time)) == {}


def test_what_an_index_tells_late_is_left_alone() -> None:
    assert what_is_due(succeeded(), stamp(NOW + DAY)) is None
    assert what_is_due(queued(), stamp(NOW + MINUTE)) is None


@pytest.mark.parametrize(
    ("ahead", "seconds"),
    [(0, 0), (-5_000, 0), (1, 1), (1_000, 1), (1_001, 2), (900_000, 900), (900_001, None)],
)
def test_a_messages_delay_is_rounded_up_and_sqs_serves_the_last_15_minutes(
    ahead: int, seconds: int | None
) -> None:
    assert message_delay(NOW + ahead, NOW) == seconds


def test_every_verb_stands_in_the_table_and_leads_where_it_says() -> None:
    assert set(TABLE) == set(Verb)
    write = verbs.retry(failed(), Stamp(NOW, "n"))
    assert write.put["status"] in TABLE[Verb.RETRY].end
