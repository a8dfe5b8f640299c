"""Clients submit while workers are killed every second, the local AWS stands still, and at last
the whole program is killed and started again. Every 202 has to end `succeeded`. A third of the jobs
are children, 50 of each parent.

    python -m tests.faults [JOBS] [CLIENTS]     default 2000 16
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults.clients import CHILDREN, PARENTS_FROM, Clients
from tests.faults.stack import LEASE_SECONDS, SWEEP_SECONDS, Stack, wait_until_gone
from tests.faults.third_party import ThirdParty

WORKERS = 4
FREEZE_SECONDS = 4
KILL_ON_SECONDS = 30  # after the restart


def main(arguments: list[str]) -> int:
    jobs = int(arguments[0]) if arguments else 2_000
    clients_at_once = int(arguments[1]) if len(arguments) > 1 else 16
    third_party = ThirdParty()
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), WORKERS)
        clients = Clients(stack.url, third_party.url, clients_at_once)
        first, second = halves(jobs)
        began = time.monotonic()
        stack.start()
        with killing(stack) as killed:
            clients.submit(first)
            say(began, f"{len(clients.accepted)} jobs accepted, {len(killed)} workers killed")
            freeze_aws(stack)
            say(began, f"the local AWS stood still for {FREEZE_SECONDS} s")
            clients.submit(second)
            say(began, f"{len(clients.accepted)} jobs accepted, {len(killed)} workers killed")
        down_from = datetime.now(UTC)
        wait_until_gone(stack.kill())
        say(began, "the whole program was killed by SIGKILL")
        stack.start()
        down = (down_from, datetime.now(UTC))
        with killing(stack) as killed_later:
            time.sleep(KILL_ON_SECONDS)
        say(began, f"{len(killed_later)} more workers killed, and no more from here on")
        done = clients.wait_for_all()
        say(began, "every job has ended")
        children = clients.children_of(done[number] for number in done if number >= PARENTS_FROM)
        others = [job for number, job in done.items() if number < PARENTS_FROM]
        waits = clients.rescue_waits([*others, *children], down)
        code = stack.stop()
        third_party.close()
    killed_in_all = len(killed) + len(killed_later)
    return report(clients, done, children, waits, third_party, killed_in_all, code)


def halves(jobs: int) -> tuple[list[int], list[int]]:
    """The numbers of the jobs that are submitted, parents first: two parents at least."""
    families = max(2, jobs // 3 // CHILDREN)
    parents = [PARENTS_FROM + CHILDREN * number for number in range(families)]
    others = [*range(max(2, jobs - families * CHILDREN))]
    parts = [(all_[: len(all_) // 2], all_[len(all_) // 2 :]) for all_ in (parents, others)]
    return parts[0][0] + parts[1][0], parts[0][1] + parts[1][1]


def report(
    clients: Clients,
    done: dict[int, dict[str, Any]],
    children: list[dict[str, Any]],
    waits: list[float],
    third_party: ThirdParty,
    killed: int,
    code: int,
) -> int:
    def told(number: int) -> list[int | None]:
        return [third_party.numbers.get(f"/{number}/{step}") for step in ("first", "second")]

    succeeded = sum(job["status"] == "succeeded" for job in done.values())
    attempts = sum(job["attempt"] for job in [*done.values(), *children])
    twice = sum(count > 1 for count in third_party.paths.values())
    parents = [number for number in done if number >= PARENTS_FROM]
    members = {parent: range(parent, parent + CHILDREN) for parent in parents}
    numbers = [*(done.keys() - members.keys()), *itertools.chain(*members.values())]
    expected = {f"/{number}/{step}" for number in numbers for step in ("first", "second")}
    right = sum(
        job["result"] == ([*map(told, members[number])] if number in members else told(number))
        for number, job in done.items()
    )
    kinds = {"total": CHILDREN, "live": 0, "succeeded": CHILDREN, "failed": 0, "canceled": 0}
    whole = sum(done[parent]["children"] == kinds for parent in parents)
    well = sum(child["status"] == "succeeded" for child in children)
    bound = LEASE_SECONDS + 2 * SWEEP_SECONDS + LEASE_SECONDS / 3 + 1  # and a beat, and a write
    checks = {
        f"{len(done)} jobs accepted, {succeeded} succeeded": succeeded == len(clients.accepted),
        f"{len(third_party.effects)} effects, {twice} happened twice": (
            not twice and third_party.paths.keys() == expected
        ),
        f"{right} results are what the third party counted": right == len(done),
        f"{whole} parents with {CHILDREN} children each, {well} of these succeeded": (
            whole == len(parents) > 1 and well == len(children) == len(parents) * CHILDREN
        ),
        f"{killed} workers killed": killed > 0,
        f"{len(waits)} rescues, the longest wait {max(waits, default=0):.1f} s of {bound:.1f} s": (
            0 < max(waits, default=0) <= bound
        ),
        f"stopped with exit code {code}": code == 0,
    }
    print(
        f"{attempts} attempts; {third_party.calls} calls for "
        f"{len(third_party.effects)} effects; {clients.unanswered} submits repeated"
    )
    for text, holds in checks.items():
        print(f"{'ok  ' if holds else 'FAIL'} {text}")
    print(f"{sum(checks.values())} passed, {len(checks) - sum(checks.values())} failed")
    return 0 if all(checks.values()) else 1


@contextmanager
def killing(stack: Stack) -> Iterator[list[int]]:
    """While inside, a worker is killed every second; the list holds their process ids."""
    stopped, killed = threading.Event(), []

    def kill() -> None:
        while not stopped.wait(1.0):
            for pid in stack.pids("local.work")[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield killed
    finally:
        stopped.set()
        thread.join()


def freeze_aws(stack: Stack) -> None:
    (pid,) = stack.pids("local.aws_server")
    os.kill(pid, signal.SIGSTOP)
    time.sleep(FREEZE_SECONDS)
    os.kill(pid, signal.SIGCONT)


def say(began: float, text: str) -> None:
    print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
