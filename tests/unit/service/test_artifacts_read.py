"""job.open("artifact:NAME"): a job reads what it has attached before."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from msgspec.structs import replace

from chalicelib.tasks import Job, PermanentError, task
from chalicelib.testing import Bench
from tests.unit.harness import ended


def test_a_later_attempt_reads_what_an_earlier_one_attached() -> None:
    @task("work", max_attempts=2)
    def work(job: Job) -> str:
        if job.attempt == 1:
            job.attach("half.csv", b"a,b\n1,2\n")
            raise OSError("the third party is away")
        with job.open("artifact:half.csv") as half:
            return half.read().decode()

    done = Bench().run(work, {})
    assert (done.result, done.attempts) == ("a,b\n1,2\n", 2)


def test_the_invocation_that_continues_reads_what_was_attached_before_its_checkpoint() -> None:
    @task("work", max_attempts=1)
    def work(job: Job) -> str:
        if job.state is None:
            job.attach("half.csv", b"abc")
            job.checkpoint("half")
            while True:
                job.progress(0.5)
        with job.open("artifact:half.csv", start=1) as half:
            return half.read().decode()

    done = Bench().run(work, {}, end_invocations_after=4)
    assert (done.status, done.result, done.attempts) == ("succeeded", "bc", 1)


def test_in_the_same_attempt_the_last_one_of_that_name_is_read() -> None:
    @task("work")
    def work(job: Job) -> list[str]:
        found = []
        for text in ("first", "second"):
            job.attach("a.txt", text)
            with job.open("artifact:a.txt") as file:
                found.append(file.read().decode())
        return found

    assert Bench().run(work, {}).result == ["first", "second"]


def test_an_artifact_is_read_before_a_heartbeat_has_recorded_it() -> None:
    def work(job: Job) -> bytes:
        job.attach("a.txt", "not recorded yet")
        assert not bench.jobs.records[job.id].artifacts
        return job.open("artifact:a.txt").read()

    bench = Bench()
    bench.system = replace(bench.system, beating=lambda heartbeat: nullcontext())
    assert ended(lambda job: work(job).decode(), bench).status == "succeeded"


@pytest.mark.parametrize(
    ("attached", "said"),
    [
        ([], "job.open: this job has no artifact 'c.csv'. It has: none."),
        (["b.csv", "a.csv"], "job.open: this job has no artifact 'c.csv'. It has: a.csv, b.csv."),
        ([f"{number:02d}" for number in range(22)], ", 18, 19 and 2 more."),
    ],
)
def test_a_name_that_is_not_there_fails_at_once_with_those_that_are(
    attached: list[str], said: str
) -> None:
    def work(job: Job) -> None:
        for name in attached:
            job.attach(name, b"")
        job.open("artifact:c.csv")

    record = ended(work)
    assert (record.status, record.attempt) == ("failed", 1)
    assert record.error is not None
    assert said in record.error.detail


def test_an_artifact_whose_object_is_gone_fails_the_job() -> None:
    bench = Bench()

    def work(job: Job) -> None:
        job.attach("a.csv", b"a")
        bench.payloads.objects.clear()
        with pytest.raises(PermanentError, match=r"artifact:a\.csv no longer exists"):
            job.open("artifact:a.csv")

    assert ended(work, bench).status == "succeeded"
