"""What the workers do, those of the lanes and the one that delivers webhooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.e2e.lab import (
    SECRET,
    TASKS,
    Act,
    Lab,
    Work,
    delivery,
    expect,
    succeeded,
)


def working(*do: str, **more: str) -> Callable[[str], Work]:
    def of(lane: str) -> Work:
        def prepare(lab: Lab) -> Act:
            source = {"source": lab.upload()} if "read" in do else {}
            job = lab.submit(*do, lane=lane, **more, **source)
            return lambda: expect(succeeded(lab.deliver(job, lane))["attempt"], 1)

        return prepare

    return of


def reading_a_secret(lane: str) -> Work:
    def prepare(lab: Lab) -> Act:
        job = lab.submit("secret", lane=lane)

        def act() -> None:
            done = succeeded(lab.deliver(job, lane))
            expect(done["result"], [f"{len(SECRET)} characters"])
            for name in (f"{lane}_worker", "api_handler"):
                expect(lab.stage.log(name, SECRET), [])

        return act

    return prepare


def replacing(lane: str) -> Work:
    """No outcome hangs on it: the object that was replaced goes."""

    def prepare(lab: Lab) -> Act:
        job = lab.submit("replace", lane=lane)

        def act() -> None:
            succeeded(lab.deliver(job, lane))
            expect(len(lab.stage.objects(f"jobs/{job['id']}/")), 1)

        return act

    return prepare


def keeping_lines(lane: str) -> Work:
    """Of the job's own log: no outcome hangs on them."""

    def prepare(lab: Lab) -> Act:
        job = lab.submit("log", lane=lane)

        def act() -> None:
            succeeded(lab.deliver(job, lane))
            events = lab.client.call("GET", f"/jobs/{job['id']}/events").json["events"]
            expect("log" in [event["type"] for event in events], True)

        return act

    return prepare


def trying_again(lane: str) -> Work:
    def prepare(lab: Lab) -> Act:
        job = lab.submit("fail", lane=lane)
        before = lab.stage.depth(lane)

        def act() -> None:
            expect(lab.deliver(job, lane)["wait_reason"], "backoff")
            expect(lab.stage.depth(lane), before + 1)

        return act

    return prepare


def telling(lane: str) -> Work:
    def prepare(lab: Lab) -> Act:
        job = lab.submit_told(lane)
        before = lab.stage.depth("webhooks")

        def act() -> None:
            succeeded(lab.deliver(job, lane))
            expect(lab.stage.depth("webhooks"), before + 1)

        return act

    return prepare


def delivering(lab: Lab) -> Act:
    message = lab.owed("/hook/delivered")
    before = len(lab.receiver.posts["delivered"])

    def act() -> None:
        lab.stage.invoke("webhooks_worker", delivery(message))
        expect(len(lab.receiver.posts["delivered"]), before + 1)

    return act


def delivering_again(lab: Lab) -> Act:
    message = lab.owed("/hook/refused/500/500/500/500")
    before = lab.stage.depth("webhooks")

    def act() -> None:
        lab.stage.invoke("webhooks_worker", delivery(message))
        expect(lab.stage.depth("webhooks"), before + 1)

    return act


def mapping(lane: str, children: str | None = None) -> Work:
    """The children run in a lane of theirs, or in the parent's."""
    theirs = children or lane

    def prepare(lab: Lab) -> Act:
        job = lab.submit("map", lane=lane, task=TASKS[theirs])
        before = lab.stage.depth(theirs)

        def act() -> None:
            expect(lab.deliver(job, lane)["wait_reason"], "children")
            expect(lab.stage.depth(theirs), before + 1)

        return act

    return prepare


def canceling_children(lab: Lab) -> Act:
    child, cancel = orphaned(lab)

    def act() -> None:
        cancel()
        expect(lab.client.job(child)["status"], "canceled")

    return act


def orphaned(lab: Lab) -> tuple[dict[str, Any], Act]:
    """A child, which waits for one of its own, and what cancels it: its parent is canceled."""
    job = lab.submit("map", inner=["map"])
    lab.deliver(job)
    [child] = lab.client.get(f"/jobs/{job['id']}/children")["jobs"]
    expect(lab.deliver(child)["wait_reason"], "children")
    lab.forget_messages("webhooks")
    expect(lab.client.call("POST", f"/jobs/{job['id']}/cancel").status, 200)
    message = lab.stage.read_message("webhooks", "job")

    def cancel() -> None:
        lab.stage.invoke("webhooks_worker", delivery(message))

    return child, cancel
