"""A connection is told of its own jobs and of no others."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import Unavailable
from chalicelib.service import tickets
from tests.api.harness import BASE, Service
from tests.api.push.harness import problem_of
from tests.api.sockets import Sockets


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
