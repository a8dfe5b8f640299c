"""Push: whoever is subscribed to a job is told of every change, and of nobody else's jobs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

import app as app_module
from chalicelib import wiring
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.task import Job, task
from chalicelib.runtime.outbox import ThreadedOutbox
from chalicelib.service import tickets
from chalicelib.telemetry.metrics import Metric
from tests.api.harness import BASE, Context, Service
from tests.api.sockets import Sockets
from tests.aws import counted

CHANGE = ["dynamodb.UpdateItem", "dynamodb.Query"]  # of a watched job: who is to be told?


@pytest.fixture
def sockets(service: Service) -> Sockets:
    return Sockets(service)


def problem_of(message: dict[str, Any]) -> str:
    assert message["type"] == "error"
    assert message["problem"]["detail"]
    return f"{message['problem']['status']} {message['problem']['type']}"


# ── what is told ──────────────────────────────────────────────────────────────────────────


def test_a_subscriber_is_told_at_once_how_the_job_stands(
    service: Service, sockets: Sockets
) -> None:
    job = service.submitted(params={"text": "x"})
    browser = sockets.connected()
    browser.subscribe(job)
    shown = service.job(job)
    assert browser.take() == [
        {"type": "job.updated", "job": {**shown, "params": None, "result": None}}
    ]


def test_json_in_a_binary_message_is_taken(service: Service, sockets: Sockets) -> None:
    job = service.submitted()
    browser = sockets.connected()
    browser.say_in_bytes({"action": "subscribe", "job": job})
    [answer] = browser.take()
    assert (answer["type"], answer["job"]["id"]) == ("job.updated", job)


def test_every_change_of_status_is_told(service: Service, sockets: Sockets) -> None:
    job = service.submitted()
    browser = sockets.watching(job)
    service.work()
    assert browser.statuses() == ["running", "succeeded"]


def test_params_and_results_are_never_told(service: Service, sockets: Sockets) -> None:
    job = service.submitted(params={"text": "secret"})
    browser = sockets.watching(job)
    service.work()
    assert service.job(job)["result"] == {"text": "secret", "number": 0.0}
    for message in browser.take():
        assert message["job"]["params"] is None
        assert message["job"]["result"] is None


def test_what_is_told_is_what_a_read_shows(service: Service, sockets: Sockets) -> None:
    job = service.submitted("busy")
    browser = sockets.watching(job)
    service.work()
    told = browser.take()[-1]["job"]
    assert told == {**service.job(job), "params": None, "result": None}
    assert told["artifacts"][0]["url"] == f"{BASE}/jobs/{job}/artifacts/half.txt"


def test_a_backoff_another_attempt_and_a_failure_are_told(
    service: Service, sockets: Sockets
) -> None:
    job = service.submitted("broken")
    browser = sockets.watching(job)
    service.work()
    service.run(job)
    told = [(one["job"]["status"], one["job"]["wait_reason"]) for one in browser.take()]
    assert told == [("running", None), ("queued", "backoff"), ("running", None), ("failed", None)]


def test_a_cancel_of_a_queued_job_is_told(service: Service, sockets: Sockets) -> None:
    job = service.submitted()
    browser = sockets.watching(job)
    service.post(f"/jobs/{job}/cancel")
    assert browser.statuses() == ["canceled"]


def test_a_cancel_of_a_running_job_is_told_before_it_ends(
    service: Service, sockets: Sockets
) -> None:
    @task("canceled")
    def canceled(job: Job) -> None:
        service.post(f"/jobs/{job.id}/cancel")
        service.beat()
        job.time_left()
        job.progress(0.5)

    service.does(canceled)
    job = service.submitted("canceled")
    browser = sockets.watching(job)
    service.work()
    told = [(one["job"]["status"], one["job"]["cancel_requested"]) for one in browser.take()]
    assert told == [("running", False), ("running", True), ("canceled", True)]


def test_a_clients_retry_goes_on_being_told(service: Service, sockets: Sockets) -> None:
    job = service.submitted("hopeless")
    browser = sockets.watching(job)
    service.work()
    service.post(f"/jobs/{job}/retry")
    service.work()
    assert browser.statuses() == ["running", "failed", "queued", "running", "failed"]


def test_a_deadline_that_the_sweeper_sees_is_told(service: Service, sockets: Sockets) -> None:
    job = service.submitted(Cancel_After="30s")
    browser = sockets.watching(job)
    service.clock.sleep(31)
    service.sweep()
    assert browser.statuses() == ["failed"]


def test_a_deadline_that_a_read_notices_is_told(service: Service, sockets: Sockets) -> None:
    job = service.submitted(Cancel_After="30s")
    browser = sockets.watching(job)
    service.clock.sleep(31)
    service.get(f"/jobs/{job}")
    assert browser.statuses() == ["failed"]


def test_a_rescue_is_told(service: Service, sockets: Sockets) -> None:
    @task("lost")
    def lost(job: Job) -> None:
        raise MemoryError  # of the whole process, below

    service.does(lost)
    job = service.submitted("lost")
    browser = sockets.watching(job)
    [message] = service.messages()
    service.monkeypatch.setattr("chalicelib.service.worker._finish", lambda *_: None)
    service.deliver(message)
    service.clock.sleep(61)
    service.sweep()
    told = [(one["job"]["status"], one["job"]["wait_reason"]) for one in browser.take()]
    assert told == [("running", None), ("queued", "rescued")]


def test_a_reminder_and_an_erase_are_not_told(service: Service, sockets: Sockets) -> None:
    job = service.submitted()
    browser = sockets.watching(job)
    service.messages()
    service.clock.sleep(121)
    service.sweep()
    assert len(service.messages()) == 1, "it was reminded"
    assert browser.take() == []
    service.run(job)
    browser.take()
    service.delete(f"/jobs/{job}")
    assert browser.take() == []


def test_progress_is_told_as_often_as_a_heartbeat_writes_it(
    service: Service, sockets: Sockets
) -> None:
    @task("progressing")
    def progressing(job: Job) -> None:
        for step in range(10):
            job.progress(step / 10, f"step {step}")
            if step in (4, 9):
                service.beat()
        service.beat()  # nothing new

    service.does(progressing)
    job = service.submitted("progressing")
    browser = sockets.watching(job)
    service.work()
    told = [one["job"]["progress"] for one in browser.take()]
    assert told == [
        None,
        {"percent": 40.0, "message": "step 4"},
        {"percent": 90.0, "message": "step 9"},
        {"percent": 100.0, "message": ""},
    ]


def test_who_subscribes_while_the_job_runs_is_told_of_the_rest(
    service: Service, sockets: Sockets
) -> None:
    """The mark changes the record's nonce under the heartbeat, which decides again."""
    browser = sockets.connected()

    @task("found-late")
    def found_late(job: Job) -> None:
        job.progress(0.1)
        service.beat()
        browser.subscribe(job.id)
        job.progress(0.5)
        service.beat()

    service.does(found_late)
    service.submitted("found-late")
    service.work()
    percents = [one["job"]["progress"]["percent"] for one in browser.take()]
    assert percents == [10.0, 50.0, 100.0]


def test_a_finished_job_can_be_subscribed_to(service: Service, sockets: Sockets) -> None:
    job = service.submitted()
    service.work()
    browser = sockets.connected()
    browser.subscribe(job)
    assert browser.statuses() == ["succeeded"]


class Between:
    """Lets something happen right before or after a call of a port."""

    def __init__(self, port: Any, name: str, when: str, happen: Callable[[], None]) -> None:
        self._port, self._name, self._when, self._happen = port, name, when, happen

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._port, name)
        if name != self._name:
            return call

        def around(*arguments: Any) -> Any:
            if self._when == "before":
                self._happen_once()
            value = call(*arguments)
            if self._when == "after":
                self._happen_once()
            return value

        return around

    def _happen_once(self) -> None:
        happen, self._happen = self._happen, lambda: None
        happen()


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", ["find", "reserve", "subscribe", "read", "apply", "send"])
def test_no_change_falls_between_subscribing_and_being_told(
    service: Service, sockets: Sockets, call: str, when: str, watched: bool
) -> None:
    job = service.submitted()
    if watched:
        sockets.watching(job)
    browser = sockets.connected()

    def finish() -> None:
        service.replace(jobs=jobs)
        sockets.replace(connections=connections, push=sockets.wire)
        service.clock.sleep(1)
        service.run(job)

    jobs, connections = service.system.jobs, sockets.pushing.connections
    if call in ("read", "apply"):
        service.replace(jobs=Between(jobs, call, when, finish))
    elif call == "send":
        sockets.replace(push=Between(sockets.wire, call, when, finish))
    else:
        sockets.replace(connections=Between(connections, call, when, finish))
    browser.subscribe(job)
    if call == "apply" and watched:  # there is no mark to write
        finish()
    latest = sorted(browser.take(), key=lambda message: str(message["job"]["updated_at"]))[-1]
    assert service.job(job)["status"] == "succeeded"
    assert latest["job"]["status"] == "succeeded"


# ── to whom ───────────────────────────────────────────────────────────────────────────────


def test_all_subscribers_of_a_job_are_told(service: Service, sockets: Sockets) -> None:
    job = service.submitted()
    browsers = [sockets.watching(job) for _ in range(3)]
    service.work()
    assert [browser.statuses() for browser in browsers] == [["running", "succeeded"]] * 3


def test_a_connection_is_told_of_all_its_jobs_and_no_others(
    service: Service, sockets: Sockets
) -> None:
    jobs = [service.submitted() for _ in range(3)]
    browser = sockets.watching(jobs[0], jobs[2])
    service.work()
    told = [(one["job"]["id"], one["job"]["status"]) for one in browser.take()]
    assert sorted(told) == sorted(
        (job, status) for job in (jobs[0], jobs[2]) for status in ("running", "succeeded")
    )


def test_who_unsubscribes_is_told_so_and_nothing_more(service: Service, sockets: Sockets) -> None:
    job, other = service.submitted(), service.submitted()
    browser = sockets.watching(job, other)
    browser.say({"action": "unsubscribe", "job": job})
    assert browser.take() == [{"type": "unsubscribed", "job": job}]
    service.work()
    assert {one["job"]["id"] for one in browser.take()} == {other}


def test_somebody_elses_job_and_an_unknown_one_are_refused_alike(
    service: Service, sockets: Sockets
) -> None:
    job = service.submitted()
    eve = sockets.connected(tickets.issue(service.system, "eve", BASE).text)
    eve.subscribe(job, "0" * 32, "nonsense")
    answers = eve.take()
    assert [problem_of(one) for one in answers] == ["404 /problems/not-found"] * 3
    assert answers[0]["problem"] == answers[1]["problem"]
    assert [one["job"] for one in answers] == [job, "0" * 32, "nonsense"]
    service.work()
    assert eve.take() == []
    assert not service.record(job).watched


def test_an_erased_job_is_refused(service: Service, sockets: Sockets) -> None:
    job = service.submitted()
    service.work()
    service.delete(f"/jobs/{job}")
    browser = sockets.connected()
    browser.subscribe(job)
    assert [problem_of(one) for one in browser.take()] == ["404 /problems/not-found"]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "hello",
        "[]",
        "{}",
        "null",
        "{",
        '{"action": "subscribe"}',
        '{"job": "x"}',
        '{"action": "shout", "job": "x"}',
        '{"action": "subscribe", "job": 7}',
        f'{{"action": "unsubscribe", "job": "{"x" * 65}"}}',
        '{"action": "subscribe", "job": "x", "extra": 1}',
        '{"action": "subscribe", "job": "\\ud800"}',
        "[" * 5_000,
    ],
)
def test_a_message_that_is_none_of_ours_is_answered_with_what_one_looks_like(
    sockets: Sockets, body: str
) -> None:
    browser = sockets.connected()
    browser.say(body)
    [answer] = browser.take()
    assert problem_of(answer) == "400 /problems/malformed-request"
    assert '"action"' in answer["problem"]["detail"]


def test_a_connection_takes_100_jobs(service: Service, sockets: Sockets) -> None:
    service.monkeypatch.setattr("chalicelib.service.subscribe.SUBSCRIPTIONS_AT_MOST", 2)
    jobs = [service.submitted() for _ in range(3)]
    browser = sockets.watching(*jobs[:2])
    browser.subscribe(jobs[2])
    assert [problem_of(one) for one in browser.take()] == ["409 /problems/too-many-subscriptions"]
    service.work()
    assert {one["job"]["id"] for one in browser.take()} == set(jobs[:2])


def test_a_connection_whose_time_is_over_has_to_connect_again(
    service: Service, sockets: Sockets
) -> None:
    job = service.submitted()
    browser = sockets.watching(job)
    service.clock.sleep(2 * 3_600 + 300)
    browser.subscribe(job)
    assert [problem_of(one) for one in browser.take()] == ["401 /problems/unauthorized"]
    service.run(job)
    assert browser.take() == [], "and its subscriptions have had their time as well"


def test_a_store_that_is_away_is_told_and_another_try_does(
    service: Service, sockets: Sockets
) -> None:
    job, jobs = service.submitted(), service.system.jobs
    browser = sockets.connected()

    class Away:
        def read(self, job_id: str) -> None:
            raise Unavailable("The jobs table could not be reached.")

    service.replace(jobs=Away())
    browser.subscribe(job)
    assert [problem_of(one) for one in browser.take()] == ["503 /problems/unavailable"]
    service.replace(jobs=jobs)
    browser.subscribe(job)
    assert browser.statuses() == ["queued"]


def test_an_error_of_ours_tells_no_internals(
    service: Service, sockets: Sockets, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def read(self, job_id: str) -> None:
            raise RuntimeError("password=hunter2")

    browser = sockets.connected()
    service.replace(jobs=Broken())
    browser.subscribe("0" * 32)
    [answer] = browser.take()
    assert problem_of(answer) == "500 /problems/internal-error"
    assert "hunter2" not in str(answer)
    assert "hunter2" in caplog.text


# ── whoever is not there ──────────────────────────────────────────────────────────────────


def left_over(service: Service) -> list[str]:
    kinds = ("connection", "sub#")
    return [one["sk"]["S"] for one in service.items() if one["sk"]["S"].startswith(kinds)]


def test_who_disconnects_leaves_nothing_behind(service: Service, sockets: Sockets) -> None:
    browser = sockets.watching(service.submitted(), service.submitted())
    assert len(left_over(service)) == 3
    browser.leave()
    assert left_over(service) == []
    service.work()
    assert browser.take() == []


def test_who_is_gone_is_forgotten_with_all_its_subscriptions(
    service: Service, sockets: Sockets
) -> None:
    job, other = service.submitted(), service.submitted()
    gone, there = sockets.watching(job, other), sockets.watching(job)
    sockets.wire.gone.add(gone.id)
    service.run(job)
    assert there.statuses() == ["running", "succeeded"]
    assert not [sk for sk in left_over(service) if gone.id in sk]
    assert len(left_over(service)) == 2, "the other connection and its subscription"


def test_who_leaves_while_it_subscribes_is_forgotten_with_the_next_change(
    service: Service, sockets: Sockets
) -> None:
    job = service.submitted()
    browser = sockets.connected()
    connections = sockets.pushing.connections
    sockets.replace(connections=Between(connections, "subscribe", "before", browser.leave))
    browser.subscribe(job)
    sockets.wire.gone.add(browser.id)
    service.run(job)
    assert left_over(service) == []


def test_who_is_gone_before_its_answer_is_forgotten(service: Service, sockets: Sockets) -> None:
    browser = sockets.connected()
    sockets.wire.gone.add(browser.id)
    browser.subscribe(service.submitted())
    assert left_over(service) == []


def pushes(caplog: pytest.LogCaptureFixture) -> tuple[int, int]:
    """How many were told and how many not, over all that was logged."""
    found = [getattr(record, "metrics", {}) for record in caplog.records]
    return (
        sum(one.get(Metric.PUSHES, 0) for one in found),
        sum(one.get(Metric.PUSH_FAILURES, 0) for one in found),
    )


def test_who_does_not_answer_keeps_nobody_else_from_being_told_and_is_counted(
    service: Service, sockets: Sockets, caplog: pytest.LogCaptureFixture
) -> None:
    job = service.submitted()
    dead, there = sockets.watching(job), sockets.watching(job)
    sockets.wire.dead.add(dead.id)
    caplog.clear()
    service.work()
    assert service.job(job)["status"] == "succeeded"
    assert there.statuses() == ["running", "succeeded"]
    assert pushes(caplog) == (2, 2)


def test_one_change_is_pushed_for_five_seconds_and_no_longer(
    service: Service, sockets: Sockets, caplog: pytest.LogCaptureFixture
) -> None:
    job = service.submitted()
    browsers = [sockets.watching(job) for _ in range(10)]
    sockets.wire.before_sending = lambda: service.clock.sleep(2)
    caplog.clear()
    service.post(f"/jobs/{job}/cancel")
    told = [browser.statuses() for browser in browsers]
    assert sorted(told) == [[]] * 7 + [["canceled"]] * 3  # at 0, 2 and 4 s
    assert pushes(caplog) == (3, 7)


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_it_is_not_always_the_same_who_miss_it(
    service: Service, sockets: Sockets, chance: float
) -> None:
    job = service.submitted()
    browsers = sorted((sockets.watching(job) for _ in range(4)), key=lambda one: one.id)
    sockets.wire.before_sending = lambda: service.clock.sleep(6)
    service.replace(random=lambda: chance)
    service.post(f"/jobs/{job}/cancel")
    assert [bool(one.take()) for one in browsers].index(True) == int(chance * 4)


def test_a_store_that_does_not_tell_the_subscribers_harms_no_job(
    service: Service, sockets: Sockets, caplog: pytest.LogCaptureFixture
) -> None:
    job = service.submitted()
    browser = sockets.watching(job)

    class Away:
        def subscribers(self, *_: Any) -> None:
            raise Unavailable("The jobs table could not be reached.")

    sockets.replace(connections=Away())
    caplog.clear()
    service.work()
    assert service.job(job)["status"] == "succeeded"
    assert browser.take() == []
    assert pushes(caplog) == (0, 2)


# ── what it costs ─────────────────────────────────────────────────────────────────────────


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


# ── the end of an invocation ──────────────────────────────────────────────────────────────


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
