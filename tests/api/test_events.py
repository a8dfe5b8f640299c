"""GET /jobs/{id}/events: what happened to a job, oldest first."""

from __future__ import annotations

from itertools import chain
from typing import Any

from chalicelib.http.fields import rfc3339
from chalicelib.tasks import Job, task
from tests.api.harness import BASE, Service, is_problem


def events(service: Service, job_id: str) -> list[dict[str, Any]]:
    answer = service.get(f"/jobs/{job_id}/events?limit=100")
    assert (answer.status_code, answer.json_body["next"]) == (200, None), answer.body
    return list(answer.json_body["events"])


def told(service: Service, job_id: str) -> list[str]:
    """Verbs, and the messages of log lines."""
    return [event.get("verb") or event["message"] for event in events(service, job_id)]


def test_a_job_tells_its_transitions_and_its_log_in_order(service: Service) -> None:
    @task("speaks")
    def speaks(job: Job) -> None:
        service.clock.sleep(1)
        job.log("begun")
        service.clock.sleep(1)

    service.does(speaks)
    job_id = service.submitted("speaks")
    service.work()
    told = events(service, job_id)
    begun, spoke, done = (rfc3339(service.clock.began + 1_000 * second) for second in (0, 1, 2))
    assert told[0] == {
        "at": begun,
        "type": "transition",
        "run": 1,
        "verb": "submit",
        "status": "queued",
    }
    claim, log, succeed = told[1:]
    assert claim == {
        "at": begun,
        "type": "transition",
        "run": 1,
        "attempt": 1,
        "verb": "claim",
        "status": "running",
    }
    assert log == {"at": spoke, "type": "log", "run": 1, "attempt": 1, "message": "begun"}
    assert (succeed["verb"], succeed["status"], succeed["attempt"]) == ("succeed", "succeeded", 1)
    assert succeed["at"] == done


def test_every_attempt_is_told_with_why_it_ended(service: Service) -> None:
    job_id = service.submitted("broken")
    service.work()
    service.run(job_id)
    assert told(service, job_id) == ["submit", "claim", "retry_later", "claim", "fail"]
    told_events = events(service, job_id)
    assert [event.get("attempt") for event in told_events] == [None, 1, 1, 2, 2]
    assert told_events[2]["error"] == told_events[4]["error"] == service.job(job_id)["error"]


def test_an_events_error_is_cut_short_and_the_jobs_is_not(service: Service) -> None:
    @task("wordy", max_attempts=1)
    def wordy(job: Job) -> None:
        raise ValueError("x" * 5_000)

    service.does(wordy)
    job_id = service.submitted("wordy")
    service.work()
    [told] = [event["error"]["detail"] for event in events(service, job_id) if "error" in event]
    assert told == "ValueError: xxx".ljust(300, "x")
    assert service.job(job_id)["error"]["detail"] == "ValueError: xxx".ljust(2_000, "x")


def test_every_event_names_the_run_that_it_belongs_to(service: Service) -> None:
    @task("grumbles", max_attempts=1)
    def grumbles(job: Job) -> None:
        service.clock.sleep(1)
        job.log("again")
        service.clock.sleep(1)
        raise ValueError

    service.does(grumbles)
    job_id = service.submitted("grumbles")
    service.work()
    service.post(f"/jobs/{job_id}/retry")
    service.work()
    assert told(service, job_id)[:4] == ["submit", "claim", "again", "fail"]
    assert told(service, job_id)[4:] == ["retry", "claim", "again", "fail"]
    found = [(event["run"], event.get("attempt")) for event in events(service, job_id)]
    assert found == [(1, None), (1, 1), (1, 1), (1, 1), (2, 1), (2, 1), (2, 1), (2, 1)]


def test_what_clients_did_is_told_as_well(service: Service) -> None:
    job_id = service.submitted()
    service.post(f"/jobs/{job_id}/cancel")
    service.post(f"/jobs/{job_id}/retry")
    service.work()
    assert told(service, job_id) == ["submit", "cancel", "retry", "claim", "succeed"]


def test_events_come_in_pages(service: Service) -> None:
    @task("chatty")
    def chatty(job: Job) -> None:
        for number in range(7):
            job.log(f"line {number}")
            service.clock.sleep(1)

    service.does(chatty)
    job_id = service.submitted("chatty")
    service.work()
    expected = ["submit", "claim", *(f"line {number}" for number in range(7)), "succeed"]
    assert told(service, job_id) == expected
    path, pages = f"/jobs/{job_id}/events?limit=3", []
    for more in (True, True, True, False):
        answer = service.get(path)
        pages.append([e.get("verb") or e["message"] for e in answer.json_body["events"]])
        path = answer.json_body["next"]
        assert (path is not None) is ("Link" in answer.headers) is more
        assert not more or path.startswith(f"{BASE}/jobs/{job_id}/events?")
    assert [len(page) for page in pages] == [3, 3, 3, 1]
    assert list(chain(*pages)) == expected


def test_a_page_that_ends_where_the_events_do_is_the_last(service: Service) -> None:
    job_id = service.submitted()
    service.work()
    answer = service.get(f"/jobs/{job_id}/events?limit=3")
    assert (len(answer.json_body["events"]), answer.json_body["next"]) == (3, None)


def test_events_after_a_cursor_are_found_though_they_came_later(service: Service) -> None:
    job_id = service.submitted()
    service.post(f"/jobs/{job_id}/cancel")
    following = service.get(f"/jobs/{job_id}/events?limit=1").json_body["next"]
    service.clock.sleep(5)
    service.post(f"/jobs/{job_id}/retry")
    verbs = [event["verb"] for event in service.get(following).json_body["events"]]
    assert verbs == ["cancel"]  # the page has the size that was asked for
    rest = service.get(service.get(following).json_body["next"]).json_body
    assert [event["verb"] for event in rest["events"]] == ["retry"]


def test_a_cursor_of_another_jobs_events_is_refused(service: Service) -> None:
    one, other = service.submitted(), service.submitted()
    service.work()
    following = service.get(f"/jobs/{one}/events?limit=1").json_body["next"]
    stolen = service.get(following.replace(one, other))
    assert is_problem(stolen, 400, "malformed-request")


def test_a_long_history_says_how_much_of_it_is_left_out(service: Service) -> None:
    job_id = service.submitted()
    for _ in range(25):
        service.post(f"/jobs/{job_id}/cancel")
        service.post(f"/jobs/{job_id}/retry")
    told = events(service, job_id)
    assert len(told) == 32
    assert sum(1 + event.get("left_out", 0) for event in told) == 51
    [gap] = [event for event in told if "left_out" in event]
    assert told.index(gap) == 8
    assert [event["run"] for event in told[:8]] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert [event["run"] for event in told[-3:]] == [25, 25, 26]


def test_events_take_the_parameters_of_lists_without_filters(service: Service) -> None:
    job_id = service.submitted()
    for query in ("status=queued", "limit=0", "cursor=x", "after=1"):
        answer = service.get(f"/jobs/{job_id}/events?{query}")
        assert is_problem(answer, 400, "malformed-request")


def test_a_later_job_under_the_same_key_has_no_memory_of_the_erased_one(service: Service) -> None:
    job_id = service.submitted("busy", Idempotency_Key="k")
    service.work()
    service.delete(f"/jobs/{job_id}")
    assert service.submitted("busy", Idempotency_Key="k") == job_id
    assert told(service, job_id) == ["submit"]
