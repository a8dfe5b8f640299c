"""What is pushed to WebSockets, and who does it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from chalicelib.domain.values import encode
from tests.e2e.lab import (
    ADMITTED,
    Act,
    Lab,
    Work,
    expect,
    listening,
    said,
    subscribed,
)
from tests.e2e.waiting import until
from tests.e2e.works.workers import orphaned
from tests.websocket import refusal


def pushing(prepare: Callable[[Lab], tuple[dict[str, Any], Act]]) -> Work:
    """What changes the job is seen by a subscriber, who has to be told of its end."""

    def prepared(lab: Lab) -> Act:
        job, change = prepare(lab)
        watching = ExitStack()
        subscriptions = watching.enter_context(listening(lab.client))
        subscribed(subscriptions, job, lab.patience)

        def act() -> None:
            with watching:
                change()
                subscriptions.until_finished(job["id"], seconds=lab.patience)

        return act

    return prepared


@pushing
def pushing_a_cancel(lab: Lab) -> tuple[dict[str, Any], Act]:
    job = lab.submit()
    return job, lambda: expect(lab.client.call("POST", f"/jobs/{job['id']}/cancel").status, 200)


def pushing_the_work(lane: str) -> Work:
    @pushing
    def prepare(lab: Lab) -> tuple[dict[str, Any], Act]:
        job = lab.submit(lane=lane)
        return job, lambda: expect(lab.deliver(job, lane)["status"], "succeeded")

    return prepare


@pushing
def pushing_a_deadline(lab: Lab) -> tuple[dict[str, Any], Act]:
    job = lab.submit()

    def change() -> None:
        lab.lose(job["id"], "default")
        lab.pass_by(job["id"], "deadline")
        lab.sweep()

    return job, change


pushing_to_a_child = pushing(orphaned)


def forgetting_of_a_child(lab: Lab) -> Act:
    child, cancel = orphaned(lab)
    connection = lab.left_behind(child)

    def act() -> None:
        cancel()
        expect(lab.forgot(child, connection), True)

    return act


def forgetting(lane: str) -> Work:
    def prepare(lab: Lab) -> Act:
        job = lab.submit()
        connection = lab.left_behind(job)

        def act() -> None:
            lab.deliver(job, lane)
            expect(lab.forgot(job, connection), True)

        return act

    return prepare


def forgetting_while_answering(lab: Lab) -> Act:
    job = lab.submit()
    connection = lab.left_behind(job)
    message = encode({"action": "subscribe", "job": job["id"]})

    def act() -> None:
        lab.stage.invoke("websocket_message", said(connection, message))
        expect(lab.forgot(job, connection), True)

    return act


def connecting(lab: Lab) -> Act:
    """In a fresh environment, which does not know the stage's secret yet."""
    ticket = lab.client.call("POST", "/tickets").json
    lab.stage.kill("websocket_connect")
    return lambda: expect(
        refusal(ticket["url"], ticket["ticket"], lab.client.certificate), ADMITTED
    )


def subscribing(lab: Lab) -> Act:
    job, watching = lab.submit(), ExitStack()
    subscriptions = watching.enter_context(listening(lab.client))

    def act() -> None:
        with watching:
            subscribed(subscriptions, job, lab.patience)

    return act


def unsubscribing(lab: Lab) -> Act:
    job, watching = lab.submit(), ExitStack()
    subscriptions = watching.enter_context(listening(lab.client))
    subscribed(subscriptions, job, lab.patience)

    def act() -> None:
        with watching:
            subscriptions.say({"action": "unsubscribe", "job": job["id"]})
            expect(subscriptions.next(lab.patience)["type"], "unsubscribed")

    return act


def leaving(lab: Lab) -> Act:
    job, watching = lab.submit(), ExitStack()
    subscribed(watching.enter_context(listening(lab.client)), job, lab.patience)
    (left,) = lab.subscribers(job)

    def act() -> None:
        watching.close()
        until(lambda: lab.forgot(job, left.rpartition("#")[2]), lab.patience)

    return act
