"""Objects that the bucket does not hold any more, or not at this moment."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.domain.errors import KeyReused, Unavailable
from chalicelib.domain.handle import Job
from chalicelib.domain.job import HOUR, JobRecord
from chalicelib.domain.task import task
from chalicelib.service.submit import Submission, submit
from chalicelib.testing import OWNER, Bench
from tests.unit.harness import delivered, queued

LARGE = "x" * 5_000  # kept as an object of its own


def with_large_params(bench: Bench, large: str = LARGE) -> JobRecord:
    def read(job: Job, params: dict[str, str]) -> None: ...

    bench.tasks["work"] = task("work")(read)
    asked = Submission(owner=OWNER, task="work", params={"x": large}, key="once")
    return submit(bench.system, asked).job


def with_a_large_checkpoint(bench: Bench) -> JobRecord:
    def work(job: Job) -> Any:
        if job.state is None:
            job.checkpoint(LARGE)
            raise ValueError("later")
        return len(job.state)

    record = delivered(bench, queued(bench, work))
    bench.clock.sleep(60)
    return record


def test_a_job_whose_params_are_gone_fails_at_once_and_says_so() -> None:
    bench = Bench()
    record = with_large_params(bench)
    bench.payloads.objects.clear()
    after = delivered(bench, record)
    assert (after.status, after.attempt) == ("failed", 1)
    assert after.error is not None
    assert after.error.detail == "The job's params no longer exist."


def test_a_job_whose_checkpoint_is_gone_fails_at_once_and_says_so() -> None:
    bench = Bench()
    record = with_a_large_checkpoint(bench)
    bench.payloads.objects.clear()
    after = delivered(bench, record)
    assert after.status == "failed"
    assert after.error is not None
    assert after.error.detail == "The job's checkpoint no longer exists, so it cannot continue."


@pytest.mark.parametrize("failure", [Unavailable("away"), RuntimeError("cut off")])
def test_a_checkpoint_that_cannot_be_fetched_now_is_fetched_by_the_next_attempt(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench()
    record = with_a_large_checkpoint(bench)

    def away(key: str) -> bytes:
        raise failure

    bench.jobs.records[record.id] = replace(record, max_attempts=3)
    with monkeypatch.context() as patched:
        patched.setattr(bench.payloads, "get", away)
        after = delivered(bench, record)
    assert (after.status, after.wait_reason, after.attempt) == ("queued", "backoff", 2)
    bench.clock.sleep(HOUR / 1_000)
    done = delivered(bench, record)
    assert done.result is not None
    assert (done.status, done.result.text) == ("succeeded", "5000")


def test_a_replay_whose_first_params_are_gone_is_unavailable() -> None:
    bench = Bench()
    with_large_params(bench)
    with pytest.raises(KeyReused):
        with_large_params(bench, LARGE + "y")
    bench.payloads.objects.clear()
    with pytest.raises(Unavailable, match="no longer exist"):
        with_large_params(bench, LARGE + "y")
