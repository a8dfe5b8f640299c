"""python -m tests.fanout [CHILDREN] [ORDINARY] [PORT]     by default 20,000, 2,000 and port 21500

Runs ORDINARY jobs on the local AWS, and then one job.map with CHILDREN, both with a sweeper and
workers of which one is killed each second. Prints what a job of each kind calls and writes, what
killed processes did in vain included. Fails if a child costs over 1.3 times an ordinary job, a
result or a count is wrong, the parent goes on late, or a process needs 200 MB.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.process import BaseProcess
from pathlib import Path

from chalicelib import wiring
from chalicelib.domain.children import ChildCounts, child_ids
from chalicelib.domain.job import SECOND, JobRecord, Status
from chalicelib.ports.stores import READ_AT_ONCE
from chalicelib.service.family import counts
from chalicelib.service.submit import Submission, submit
from local.aws import LocalAws
from local.settings import read_settings
from tests.aws import ENVIRONMENT, create_all
from tests.fanout.counts import Totals
from tests.fanout.roles import SERVICES, VISIBILITY, submit_ordinary, sweep_often, system, work

WORKERS = 12
MEMORY_AT_MOST = 200  # MB, of each process of ours
RATIO_AT_MOST = 1.3
WAKES_WITHIN = 5  # seconds from the last end to the parent's claim
LOOK_EVERY = 5  # seconds

# A fork of a process that has imported all: a new worker each second costs little then.
FORKS = multiprocessing.get_context("forkserver")


@dataclass
class Round:
    """Jobs of one kind, while workers are killed."""

    jobs: int
    took: float
    killed: int
    peak: float
    totals: Totals

    def tell(self, kind: str) -> None:
        print(f"\n{self.jobs} {kind} in {self.took:.0f} s, {self.jobs / self.took:.0f} a second")
        print(f"  {self.killed} workers killed; the largest process needed {self.peak:.0f} MB")
        print(f"  each: {self.calls:.3f} calls, {self.units:.3f} write units")
        print(f"  calls of each: {self.totals.calls_of_each(self.jobs)}")
        late, units = (
            number / self.jobs for number in (self.totals.calls_waiting, self.totals.units_waiting)
        )
        print(
            f"  and {late:.3f} calls, {units:.3f} units to stand behind others in the queue, for"
            " minutes: the sweeper reminds and postpones, as for any job",
            flush=True,
        )

    @property
    def calls(self) -> float:
        return self.totals.calls_made / self.jobs

    @property
    def units(self) -> float:
        return self.totals.units / self.jobs


@dataclass
class Workers:
    """One is killed each second, and another started."""

    notes: Path
    running: list[BaseProcess] = field(default_factory=list)
    killed: int = 0
    peak: float = 0
    over: threading.Event = field(default_factory=threading.Event)

    def kill_often(self, others: list[BaseProcess]) -> None:
        while len(self.running) < WORKERS:
            self.running.append(start(work, self.notes))
        while not self.over.wait(1):
            self.peak = max(self.peak, *(peak_of(one.pid) for one in self.running + others))
            end(self.running.pop(random.randrange(WORKERS)))
            self.running.append(start(work, self.notes))
            self.killed += 1

    @contextmanager
    def working(self, others: list[BaseProcess]) -> Iterator[None]:
        thread = threading.Thread(target=self.kill_often, args=[others])
        thread.start()
        try:
            yield
        finally:
            self.over.set()
            thread.join()
            for process in self.running:
                end(process)


def run(jobs: int, notes: Path, wait: Callable[[], None], submitting: int = 0) -> Round:
    began, workers = time.monotonic(), Workers(notes)
    with ExitStack() as ending:
        others = [start(sweep_often, notes)]
        if submitting:
            others.append(start(submit_ordinary, notes, submitting))
        for process in others:
            ending.callback(end, process)
        with workers.working(others):
            if submitting:
                others[1].join()
            wait()
    took = time.monotonic() - began
    return Round(jobs, took, workers.killed, max(workers.peak, peak_of(os.getpid())), Totals(notes))


def start(role: Callable[..., None], notes: Path, *arguments: int) -> BaseProcess:
    process = FORKS.Process(target=role, args=[str(notes), *arguments], daemon=True)
    process.start()
    return process


def end(process: BaseProcess) -> None:
    process.kill()
    process.join()


def peak_of(pid: int | None) -> float:
    """In MB, of a process's whole life; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) / 1_024 for line in lines if line.startswith("VmHWM"))


def run_ordinary(count: int, notes: Path) -> Round:
    at = system()

    def wait() -> None:
        left = [job for _, job in at.jobs.owned("ordinary", None, count + 1)]
        assert len(left) == count, f"{len(left)} jobs were submitted"
        while left:
            page = at.jobs.read_many(left[:READ_AT_ONCE])
            if all(record.status is Status.SUCCEEDED for record in page):
                del left[:READ_AT_ONCE]
            else:
                time.sleep(LOOK_EVERY)

    return run(count, notes, wait, submitting=count)


def run_children(count: int, notes: Path) -> tuple[Round, JobRecord, list[ChildCounts]]:
    at, seen = system(), list[ChildCounts]()
    given = submit(at, Submission(owner="ada", task="many", params={"count": count}))

    def wait() -> None:
        while not read().finished:
            if now := counts(at, read()):
                seen.append(now)
            time.sleep(LOOK_EVERY)

    def read() -> JobRecord:
        record = at.jobs.read(given.job.id)
        assert record is not None
        return record

    return run(count, notes, wait), read(), [*seen, *filter(None, [counts(at, read())])]


def main(children: int, ordinary: int, port: int) -> int:
    os.environ.update(ENVIRONMENT)
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        settings = replace(read_settings({}), aws_port=port, state=state)
        aws = LocalAws(settings, everything=True, PERSIST_STATE="0", S3_PERSIST="0")
        aws.start(time.sleep)
        assert aws.process is not None
        try:
            os.environ.update({"AWS_ENDPOINT_URL": settings.aws_url, "LEASE_SECONDS": "5"})
            create_all(*map(wiring.client, SERVICES))
            sqs = wiring.client("sqs")
            for lane in ("default", "heavy", "webhooks"):
                url = sqs.get_queue_url(QueueName=f"overtime-local-{lane}")["QueueUrl"]
                os.environ[f"QUEUE_{lane.upper()}"] = url
            FORKS.set_forkserver_preload(["tests.fanout.ready"])
            others = run_ordinary(ordinary, state / "ordinary")
            others.tell("ordinary jobs")
            ours, parent, seen = run_children(children, state / "children")
            ours.tell("children")
            code = report(others, ours, parent, seen)
            print(f"The local AWS itself needed {peak_of(aws.process.pid):.0f} MB.")
        finally:
            aws.stop()
    return code


def report(others: Round, ours: Round, parent: JobRecord, seen: list[ChildCounts]) -> int:
    words, count = ours.totals.others, ours.jobs
    began = sorted(int(word.split()[2]) for word in words.elements() if "parent began" in word)
    ended = {word.split()[2]: words[word] for word in words if "parent ended" in word}
    print(f"\nThe parent took {len(began)} invocations; {len(began) - sum(ended.values())} were")
    print(f"  killed, the others ended so: {ended}. Children stored when each began: {began}")
    for name, round in (("ordinary jobs", others), ("children", ours)):
        swept = {word[8:]: n for word, n in round.totals.others.items() if "sweeper " in word}
        print(f"The sweeper's visits to {name}: {swept}")
    statuses, last_end = _ends(parent)
    claims = [one.at for one in parent.history if one.verb == "claim" and one.at >= last_end]
    late = (min(claims, default=last_end + 3_600_000) - last_end) / SECOND
    right = parent.result and parent.result.text
    final = ChildCounts(count, count, 0, 0)
    calls, units = ours.calls / others.calls, ours.units / others.units
    peak = max(others.peak, ours.peak)
    checks = {
        f"{parent.status}: {right} of {count} results are right": right == str(count),
        f"children by status: {dict(statuses)}": statuses == {Status.SUCCEEDED: count},
        f"{len(seen)} counts of children, none below the one before, the last {seen[-1]}": (
            seen == sorted(seen, key=lambda one: (one.total, one.ended)) and seen[-1] == final
        ),
        f"{late:.2f} s from the last end to the parent's claim": late <= WAKES_WITHIN + VISIBILITY,
        f"{peak:.0f} MB at most of {MEMORY_AT_MOST} MB": peak < MEMORY_AT_MOST,
        f"{calls:.3f} times an ordinary job's calls": calls <= RATIO_AT_MOST,
        f"{units:.3f} times an ordinary job's write units": units <= RATIO_AT_MOST,
    }
    for text, holds in checks.items():
        print(f"{'ok  ' if holds else 'FAIL'} {text}")
    return 0 if all(checks.values()) else 1


def _ends(parent: JobRecord) -> tuple[Counter[Status], int]:
    """How many children there are of each status, and when the last of them ended."""
    at, statuses, last = system(), Counter[Status](), 0
    for one in parent.maps or ():
        ids = list(child_ids(parent, one.step, 0, one.reach))
        for start in range(0, len(ids), READ_AT_ONCE):
            for child in at.jobs.read_many(ids[start : start + READ_AT_ONCE]):
                statuses[child.status] += 1
                last = max(last, child.finished_at or 0)
    return statuses, last


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ends the others, too
    given = [int(one) for one in sys.argv[1:]]
    sys.exit(main(*given, *(20_000, 2_000, 21_500)[len(given) :]))
