"""What pushes cost, and what an invocation waits for when it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

import app as app_module
from chalicelib import wiring
from chalicelib.runtime.outbox import ThreadedOutbox
from tests.api.harness import Context, Service
from tests.api.push.harness import pushes
from tests.api.sockets import Sockets
from tests.aws import counted

CHANGE = ["dynamodb.UpdateItem", "dynamodb.Query"]  # of a watched job: who is to be told?


# ── what it costs ──


def calls_of(service: Service, act: Callable[[], Any]) -> list[str]:
    with counted(*map(wiring.client, ("dynamodb", "sqs", "s3"))) as made:
        act()
    return made


def test_a_job_that_nobody_watches_asks_for_no_subscribers(
    service: Service, sockets: Sockets
) -> None:
    sockets.watching(service.submitted())
    service.messages()

    def whole_job() -> None:
        service.submit()
        service.work()

    made = calls_of(service, whole_job)
    dynamodb = [call for call in made if call.startswith("dynamodb")]
    assert dynamodb == ["dynamodb.PutItem", "dynamodb.UpdateItem", "dynamodb.UpdateItem"]


def test_a_watched_job_costs_one_query_a_change(service: Service, sockets: Sockets) -> None:
    job = service.submitted()
    sockets.watching(job)
    made = calls_of(service, lambda: service.post(f"/jobs/{job}/cancel"))
    assert made == ["dynamodb.GetItem", *CHANGE]


def test_a_subscription_is_two_reads_and_three_writes(service: Service, sockets: Sockets) -> None:
    job, browser = service.submitted(), sockets.connected()
    assert calls_of(service, lambda: browser.subscribe(job)) == [
        "dynamodb.GetItem",  # the connection
        "dynamodb.GetItem",  # the job
        "dynamodb.UpdateItem",  # a place on the connection
        "dynamodb.PutItem",  # beside the job
        "dynamodb.UpdateItem",  # the mark, which gives the state to tell
    ]


def test_another_subscription_to_the_job_reads_it_again_instead_of_marking_it(
    service: Service, sockets: Sockets
) -> None:
    job = service.submitted()
    sockets.watching(job)
    browser = sockets.connected()
    assert calls_of(service, lambda: browser.subscribe(job))[-2:] == [
        "dynamodb.PutItem",
        "dynamodb.GetItem",
    ]


def test_subscribing_sends_no_message_and_shows_no_change(
    service: Service, sockets: Sockets
) -> None:
    job = service.submitted()
    service.messages()
    tag, history = service.etag(job), service.record(job).history
    sockets.watching(job)
    assert service.messages() == []
    assert service.etag(job) == tag
    assert service.record(job).history == history


def test_subscribing_to_a_finished_job_tells_no_webhook_again(
    service: Service, sockets: Sockets
) -> None:
    service.system.signing_secrets.replace("local", None, "whsec_c2VjcmV0", 0)
    body = {"task": "echo", "params": {}, "webhook": {"url": "http://127.0.0.1:9/"}}
    job = str(service.post("/jobs", body).json_body["id"])
    service.work()
    assert len(service.messages("webhooks")) == 1
    browser = sockets.connected()
    browser.subscribe(job)
    assert browser.statuses() == ["succeeded"]
    assert service.record(job).watched
    assert service.messages("webhooks") == []
    assert len([one for one in service.items() if one["sk"]["S"] == "job"]) == 2


# ── the end of an invocation ──


@pytest.fixture
def outbox(service: Service, sockets: Sockets) -> ThreadedOutbox:
    """The one with a thread; the middleware waits for it, too."""
    outbox = ThreadedOutbox(time_limit=10)
    sockets.replace(outbox=outbox)
    service.monkeypatch.setattr(wiring.outbox, "drain", outbox.drain)
    service.monkeypatch.setattr(wiring.outbox, "time_limit", 10)
    return outbox


def test_what_is_to_be_told_has_left_when_an_invocation_ends(
    service: Service, sockets: Sockets, outbox: ThreadedOutbox
) -> None:
    job = service.submitted()
    browsers = [sockets.watching(job) for _ in range(3)]
    service.work()
    assert [browser.statuses()[-1] for browser in browsers] == ["succeeded"] * 3


def test_a_client_that_takes_nothing_keeps_no_worker_waiting(
    service: Service,
    sockets: Sockets,
    outbox: ThreadedOutbox,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The time_limit is zero here; how long it is otherwise is below."""
    job, other = service.submitted(), service.submitted()
    browser = sockets.watching(job, other)
    stuck, released = threading.Event(), threading.Event()

    def blocks() -> None:
        stuck.set()
        assert released.wait(30)

    service.monkeypatch.setattr(wiring.outbox, "time_limit", 0)
    sockets.wire.before_sending = blocks
    try:
        service.run(job)
        assert stuck.wait(30)
        service.run(other)  # while the first push is still stuck
        assert service.job(job)["status"] == service.job(other)["status"] == "succeeded"
        assert browser.take() == []
        assert pushes(caplog)[1] >= 1, "what had to be dropped is counted"
    finally:
        released.set()
        outbox.drain(30)


@pytest.mark.parametrize(("seconds", "waited"), [(300.0, 2.0), (1.5, 1.0), (0.1, 0.0)])
def test_an_invocation_waits_for_pushes_for_two_seconds_and_never_past_its_end(
    service: Service, seconds: float, waited: float
) -> None:
    asked: list[float] = []
    service.monkeypatch.setattr(wiring.outbox, "drain", asked.append)
    event = service.client.events.generate_cw_event("aws.events", "Scheduled Event", {}, [])
    app_module.sweep(event, Context(seconds))
    assert asked == [pytest.approx(waited)]
