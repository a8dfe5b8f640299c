"""A subscriber of a job is told of every change, and how the job stands when it subscribes."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.handle import Job
from chalicelib.domain.task import task
from tests.api.harness import BASE, Service
from tests.api.push.harness import Between
from tests.api.sockets import Sockets


def pushed(shown: dict[str, Any]) -> dict[str, Any]:
    """A job as a read shows it, without what pushes leave out."""
    left = {name: value for name, value in shown.items() if name != "children"}
    return {**left, "params": None, "result": None}


def test_a_subscriber_is_told_at_once_how_the_job_stands(
    service: Service, sockets: Sockets
) -> None:
    job = service.submitted(params={"text": "x"})
    browser = sockets.connected()
    browser.subscribe(job)
    assert browser.take() == [{"type": "job.updated", "job": pushed(service.job(job))}]


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
    assert told == pushed(service.job(job))
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


def test_a_question_and_the_wake_by_its_answer_are_told(service: Service, sockets: Sockets) -> None:
    def asks(job: Job) -> bool:
        answer: bool = job.ask("publish", prompt="Publish?", timeout=60)
        return answer

    service.does(task("asks", asks={"publish": bool})(asks))
    job = service.submitted("asks")
    browser = sockets.watching(job)
    service.work()
    shown = service.job(job)["waits_for"]
    service.post(f"/jobs/{job}/answers/publish", True)
    told = [(one["job"]["wait_reason"], one["job"]["waits_for"]) for one in browser.take()]
    assert told == [(None, None), ("answer", shown), ("backlog", None)]
    assert shown["answers"][0]["schema"] == {"type": "boolean"}


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
