"""Clients submit while workers are killed every second, the local AWS stands still, and at last
the whole program is killed and started again. Every 202 has to end `succeeded`.

    python -m tests.faults [JOBS] [CLIENTS]     default 2000 16
"""

from __future__ import annotations

import contextlib
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

from tests.faults.clients import Clients
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
        began = time.monotonic()
        stack.start()
        with killing(stack) as killed:
            clients.submit(range(jobs // 2))
            say(began, f"{len(clients.accepted)} jobs accepted, {len(killed)} workers killed")
            freeze_aws(stack)
            say(began, f"the local AWS stood still for {FREEZE_SECONDS} s")
            clients.submit(range(jobs // 2, jobs))
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
        waits = clients.rescue_waits(done, down)
        say(began, "every job has ended")
        code = stack.stop()
        third_party.close()
    killed_in_all = len(killed) + len(killed_later)
    return report(clients, done, waits, third_party, killed_in_all, code)


def report(
    clients: Clients,
    done: dict[int, dict[str, Any]],
    waits: list[float],
    third_party: ThirdParty,
    killed: int,
    code: int,
) -> int:
    succeeded = sum(job["status"] == "succeeded" for job in done.values())
    attempts = sum(job["attempt"] for job in done.values())
    twice = sum(count > 1 for count in third_party.paths.values())
    expected = {f"/{number}/{step}" for number in done for step in ("first", "second")}
    as_told = sum(
        job["result"] == [third_party.effects.get(key) for key in sorted(_keys(third_party, job))]
        for job in done.values()
    )
    bound = LEASE_SECONDS + 2 * SWEEP_SECONDS + LEASE_SECONDS / 3 + 1  # and a beat, and a write
    checks = {
        f"{len(done)} jobs accepted, {succeeded} succeeded": succeeded == len(clients.accepted),
        f"{len(third_party.effects)} effects, {twice} happened twice": (
            not twice and third_party.paths.keys() == expected
        ),
        f"{as_told} results are what the third party counted": as_told == len(done),
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


def _keys(third_party: ThirdParty, job: dict[str, Any]) -> list[str]:
    return [key for key in third_party.effects if key.startswith(job["id"])]


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
