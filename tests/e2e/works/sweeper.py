"""What the sweeper does."""

from __future__ import annotations

import json

from chalicelib.service.sweeper import FIRST
from tests.e2e.lab import (
    LARGE,
    Act,
    Lab,
    Work,
    expect,
)


def reminding(lane: str, jobs: int = 1) -> Work:
    def prepare(lab: Lab) -> Act:
        for _ in range(jobs):
            if lane == "webhooks":
                job = json.loads(lab.owed("/hook/reminded"))["job"]
            else:
                job = lab.submit(lane=lane)["id"]
            lab.lose(job, lane)

        def act() -> None:
            lab.sweep()
            expect(lab.stage.depth(lane) >= jobs, True)

        return act

    return prepare


def asking(lane: str) -> Work:
    """How much the queue holds: more are sent a message than the few that always are, once it is
    known that theirs are not there."""
    return reminding(lane, jobs=FIRST + 1)


def expiring(lab: Lab) -> Act:
    """And telling of it."""
    job = lab.submit_told()
    lab.lose(job["id"], "default")
    lab.pass_by(job["id"], "deadline")
    before = lab.stage.depth("webhooks")

    def act() -> None:
        lab.sweep()
        expect(lab.stage.depth("webhooks") > before, True)

    return act


def ending_erasures(lab: Lab) -> Act:
    job = lab.ran("log", filler=LARGE)
    lab.erase_half(job)
    assert len(lab.remains(job)) == 3, lab.remains(job)

    def act() -> None:
        lab.sweep()
        expect(lab.remains(job), [])

    return act
