"""The sweeper: whatever is past due is found, and only that."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.domain import verbs
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.events import LogLine
from chalicelib.domain.job import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    DuePartition,
    JobRecord,
    Status,
    Webhook,
)
from chalicelib.domain.transitions import message_delay
from chalicelib.memory.stores import MemoryJobs, MemoryQueue, Message
from chalicelib.service import control
from chalicelib.service.erase import WEBHOOKS_A_VISIT, erase
from chalicelib.service.submit import Submission, submit
from chalicelib.service.sweeper import FIRST, sweep, what_is_due
from chalicelib.tasks import task
from chalicelib.testing import OWNER, Bench
from tests.lines import lines
from tests.records import LEASE, NOW, failed, new_id, queued, running, stamp, succeeded


def swept(bench: Bench, *records: JobRecord, after: int) -> dict[str, int]:
    for record in records:
        bench.jobs.records[record.id] = record
    bench.clock.time = NOW + after
    return dict(sweep(bench.system, bench.clock.time + MINUTE))


def test_the_sweeper_ignores_a_job_that_is_not_due() -> None:
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


def waiting(bench: Bench, *records: JobRecord) -> None:
    """Their messages are in the queue."""
    for record in records:
        bench.queue.send(record, 0)


def sent(bench: Bench, record: JobRecord) -> int:
    return sum(message.job == record.id for message in bench.queue.lanes.get(record.lane, ()))


def test_a_backlog_gets_ten_messages_and_those_that_its_queue_lacks() -> None:
    bench, late = Bench(), [queued() for _ in range(50)]
    waiting(bench, *late[:30])
    assert swept(bench, *late, after=2 * MINUTE) == {"remind": FIRST + 20, "postpone": 30 - FIRST}
    assert len(bench.queue.lanes["default"]) == 30 + FIRST + 20


def test_a_postponed_job_is_due_again_as_late_as_a_reminded_one() -> None:
    bench, late = Bench(), [queued() for _ in range(50)]
    waiting(bench, *late)
    swept(bench, *late, after=2 * MINUTE)
    assert {record.due_at for record in bench.jobs.records.values()} == {NOW + 6 * MINUTE}
    assert {record.reminders for record in bench.jobs.records.values()} == {1}
    assert swept(bench, after=3 * MINUTE) == {}


def test_a_lost_message_is_found_in_a_lane_that_is_never_empty() -> None:
    bench, lost = Bench(), queued()
    bench.queue.lanes["default"] = [Message(new_id(), 0, 600) for _ in range(5)]
    assert swept(bench, lost, after=2 * MINUTE) == {"remind": 1}
    assert sent(bench, lost) == 1


def test_a_long_backlog_hides_neither_another_lanes_lost_message_nor_a_deadline() -> None:
    bench, backlog = Bench(), [queued() for _ in range(2_500)]
    lost, brief = queued(NOW + 1, lane="heavy"), queued(NOW + 1, deadline=NOW + 5 * MINUTE)
    waiting(bench, *backlog, brief)
    swept(bench, *backlog, lost, brief, after=2 * MINUTE + 1)
    assert sent(bench, lost) == 1
    assert len(bench.queue.lanes["default"]) == 2_501 + FIRST
    swept(bench, after=5 * MINUTE)
    assert bench.jobs.records[brief.id].status == "failed"


def test_a_late_job_past_its_deadline_is_expired_in_any_partition() -> None:
    bench, late = Bench(), queued(deadline=NOW + 5 * MINUTE)
    assert late.due is DuePartition.REMIND
    waiting(bench, late)
    assert swept(bench, late, after=5 * MINUTE) == {"expire": 1}


def test_a_lane_whose_queue_does_not_answer_keeps_no_other_from_its_reminders() -> None:
    bench = Bench()
    heavy, default = [queued(lane="heavy") for _ in range(FIRST + 5)], [queued(NOW + 1)]
    asked: list[str] = []

    class Half(MemoryQueue):
        def waiting(self, lane: str) -> int:
            asked.append(lane)
            if lane == "heavy":
                raise Unavailable
            return super().waiting(lane)

    bench.system = replace(bench.system, messages=Half(bench.queue.lanes))
    with lines() as said:
        done = swept(bench, *heavy, *default, after=2 * MINUTE + 1)
    assert done == {"remind": FIRST + 1, "postpone": 5}
    assert sent(bench, default[0]) == 1
    assert asked == ["heavy", "default"], "each is asked once"
    assert [line["lane"] for line in said if line["event"] == "lane_not_asked"] == ["heavy"]
    assert said[-1]["event"] == "swept"


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
    assert waiting.due is DuePartition.MUST
    assert swept(bench, waiting, busy, after=MINUTE) == {"expire": 2}


def test_a_scheduled_job_is_sent_with_the_delay_that_remains() -> None:
    bench, record = Bench(), queued(not_before=NOW + HOUR, deadline=NOW + DAY)
    assert record.due is DuePartition.MUST
    assert swept(bench, record, after=HOUR - 90 * SECOND) == {"remind": 1}
    assert bench.queue.lanes["default"] == [Message(record.id, 0, 90)]


def erasing(**fields: Any) -> JobRecord:
    record = failed(**fields)
    return verbs.erase(record, stamp()).applied_to(record)


class Slow(MemoryJobs):
    """Every write takes so many seconds of the bench's clock."""

    def __init__(self, bench: Bench, seconds: float) -> None:
        super().__init__(bench.jobs.records)
        self.bench, self.seconds = bench, seconds

    def apply(self, job_id: str, write: Any) -> JobRecord:
        self.bench.clock.sleep(self.seconds)
        return super().apply(job_id, write)

    def delete(self, record: JobRecord, at_most: int) -> bool:
        self.bench.clock.sleep(self.seconds)
        return super().delete(record, at_most)


def test_an_erasure_comes_after_all_due_jobs_however_old_it_is() -> None:
    bench = Bench()
    first, second = erasing(), erasing()
    done = swept(bench, first, second, queued(NOW + 1), running(NOW + 2), after=HOUR)
    assert list(done.items()) == [("rescue", 1), ("remind", 1), ("erase", 2)]
    assert bench.jobs.records.keys().isdisjoint({first.id, second.id})


@pytest.mark.parametrize("late", [queued, running])
def test_neither_erasures_nor_due_jobs_take_all_of_a_sweeps_time(late: Any) -> None:
    bench = Bench()
    bench.system = replace(bench.system, jobs=Slow(bench, 1))
    done = swept(bench, *(late() for _ in range(90)), *(erasing() for _ in range(90)), after=HOUR)
    assert sum(done.values()) == 60
    assert done["erase"] == 12


def test_an_erase_that_was_cut_off_is_finished() -> None:
    bench, record = Bench(), failed()
    bench.payloads.put(f"{record.prefix}artifacts/a", b"x", "text/plain")
    erasing = verbs.erase(record, stamp()).applied_to(record)
    assert swept(bench, erasing, after=0) == {"erase": 1}
    assert bench.jobs.records == {}
    assert bench.payloads.objects == {}


def often_told(bench: Bench, ends: int) -> JobRecord:
    """A job that was canceled so many times, each of which a webhook tells of."""
    bench.tasks["adds"] = task("adds")(lambda job: 3)
    bench.system.signing_secrets.replace(OWNER, None, "whsec_c2VjcmV0", 0)
    webhook = Webhook("https://ada.example/hook", (Status.CANCELED,), "https://jobs.example")
    asked = Submission(owner=OWNER, task="adds", params={}, webhook=webhook)
    job = submit(bench.system, asked).job
    for _ in range(ends - 1):
        control.cancel(bench.system, OWNER, job.id)
        control.retry(bench.system, OWNER, job.id)
    return control.cancel(bench.system, OWNER, job.id)


def test_a_large_erasure_is_finished_by_the_next_sweeps() -> None:
    bench = Bench()
    job = often_told(bench, ends=2 * WEBHOOKS_A_VISIT + 10)
    erase(bench.system, OWNER, job.id)
    left = [len(bench.jobs.records)]
    for _ in range(2):
        swept(bench, after=DAY)
        left.append(len(bench.jobs.records))
    assert left == [WEBHOOKS_A_VISIT + 11, 11, 0]


def test_items_beside_a_job_are_deleted_in_portions_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chalicelib.service.erase.ITEMS_A_VISIT", 3)
    monkeypatch.setattr("chalicelib.service.erase.OBJECTS_A_VISIT", 3)
    bench, job = Bench(), erasing()
    for number in range(5):
        bench.payloads.put(f"{job.prefix}{number}", b"x", "text/plain")
        bench.jobs.log(job, [LogLine(NOW, 1, "line", str(number))], NOW + DAY)
    done = [swept(bench, job, after=0), swept(bench, after=0), swept(bench, after=0)]
    assert done == [{"erasing": 1}, {"erasing": 1}, {"erase": 1}]
    assert not bench.jobs.records
    assert not bench.payloads.objects


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


def test_the_sweeper_ignores_a_job_that_is_no_longer_due() -> None:
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
