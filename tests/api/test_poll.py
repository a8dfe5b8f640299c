"""GET /jobs/{id}: what it shows, conditional requests, and how long to wait between them."""

from __future__ import annotations

import pytest

from chalicelib.http.fields import rfc3339
from chalicelib.tasks import Job, task
from tests.api.harness import Service, is_problem


def running(service: Service) -> str:
    """The id of a job whose worker died and left it running."""

    @task("deadly")
    def deadly(job: Job) -> None:
        raise KeyboardInterrupt

    service.does(deadly)
    job_id = service.submitted("deadly")
    with pytest.raises(KeyboardInterrupt):
        service.work()
    return job_id


def test_a_job_can_be_read_straight_after_the_202(service: Service) -> None:
    answer = service.get(f"/jobs/{service.submitted()}")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, no-cache"


def test_a_finished_job_says_no_more_when_to_ask_again(service: Service) -> None:
    job_id = service.submitted()
    assert "Retry-After" in service.get(f"/jobs/{job_id}").headers
    service.work()
    answer = service.get(f"/jobs/{job_id}")
    assert "Retry-After" not in answer.headers
    assert answer.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(("age", "seconds"), [(0, "1"), (9, "1"), (10, "2"), (59, "2"), (60, "5")])
def test_the_older_a_job_the_less_often_it_is_worth_asking(
    service: Service, age: int, seconds: str
) -> None:
    job_id = service.submitted()
    service.clock.sleep(age)
    assert service.get(f"/jobs/{job_id}").headers["Retry-After"] == seconds


def test_a_running_job_shows_its_progress(service: Service) -> None:
    seen = {}

    @task("walk")
    def walk(job: Job) -> None:
        job.progress(0.425, "Adding up flights")
        service.beat()
        seen.update(service.job(job.id))

    service.does(walk)
    job_id = service.submitted("walk")
    service.work()
    assert (seen["status"], seen["attempt"]) == ("running", 1)
    assert seen["progress"] == {"percent": 42.5, "message": "Adding up flights"}
    assert seen["started_at"] == rfc3339(service.clock.time)
    assert service.job(job_id)["progress"]["percent"] == 100


def test_a_job_that_waits_for_another_attempt_says_why_and_how_long(service: Service) -> None:
    job_id = service.submitted("patient")
    service.work()
    job = service.job(job_id)
    assert (job["status"], job["wait_reason"], job["attempt"]) == ("queued", "backoff", 1)
    assert job["next_attempt_at"] == rfc3339(service.clock.time + 600_000)
    assert job["error"] == {
        "type": "/problems/retry-later",
        "title": "The task asked to be tried again later",
        "detail": "come back later",
        "code": "retry-later",
        "message": "The task asked to be tried again later: come back later",
    }
    service.clock.sleep(600)
    service.run(job_id)
    job = service.job(job_id)
    assert (job["status"], job["result"], job["error"]) == ("succeeded", "at last", None)


def test_a_failed_job_shows_type_and_message_of_its_error_and_no_more(service: Service) -> None:
    job_id = service.submitted("broken")
    service.work()
    service.run(job_id)
    job = service.job(job_id)
    assert (job["status"], job["attempt"], job["max_attempts"]) == ("failed", 2, 2)
    assert job["error"] == {
        "type": "/problems/attempt-failed",
        "title": "The task failed",
        "detail": "ValueError: the moon is in the wrong house",
        "code": "attempt-failed",
        "message": "The task failed: ValueError: the moon is in the wrong house",
    }


def test_a_result_over_32_kib_is_left_out_and_linked(service: Service) -> None:
    job_id = service.submitted("big")
    service.work()
    job = service.job(job_id)
    assert (job["status"], job["result"]) == ("succeeded", None)
    assert job["links"]["result"].endswith(f"/jobs/{job_id}/result")


def test_links_are_what_is_possible_now(service: Service) -> None:
    def links(job_id: str) -> set[str]:
        return set(service.job(job_id)["links"])

    queued, failed = service.submitted(), service.submitted("hopeless")
    assert links(queued) == {"self", "params", "events", "cancel"}
    service.work()
    assert links(queued) == {"self", "params", "events", "result"}
    assert links(failed) == {"self", "params", "events", "retry"}
    canceled = service.submitted()
    service.post(f"/jobs/{canceled}/cancel")
    assert links(canceled) == {"self", "params", "events", "retry"}
    assert links(running(service)) == {"self", "params", "events", "cancel"}


def test_every_link_leads_somewhere(service: Service) -> None:
    job_id = service.submitted("hopeless")
    service.work()
    links = service.job(job_id)["links"]
    assert service.get(links["self"]).json_body["id"] == job_id
    assert service.get(links["events"]).status_code == 200
    assert service.get(links["params"]).json_body == {}
    assert service.post(links["retry"]).status_code == 202
    assert service.post(service.job(job_id)["links"]["cancel"]).status_code == 200


@pytest.mark.parametrize("job_id", ["0" * 32, "nothing", "0" * 31, "A" * 32, "0" * 33])
def test_an_id_that_leads_nowhere_is_404(service: Service, job_id: str) -> None:
    assert is_problem(service.get(f"/jobs/{job_id}"), 404, "not-found")


def test_another_owners_job_looks_as_if_it_were_not_there(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = service.submitted()
    unknown = service.get(f"/jobs/{'0' * 32}")
    monkeypatch.setattr("app.owner_of", lambda auth, context: "somebody else")
    assert service.get(f"/jobs/{job_id}").body == unknown.body
    for path in ("/result", "/events", "/artifacts/half.txt"):
        assert is_problem(service.get(f"/jobs/{job_id}{path}"), 404, "not-found")
    for action in ("cancel", "retry"):
        assert is_problem(service.post(f"/jobs/{job_id}/{action}"), 404, "not-found")
    assert is_problem(service.delete(f"/jobs/{job_id}"), 404, "not-found")


# ── If-None-Match ──


@pytest.mark.parametrize(
    "known", ["{0}", "W/{0}", '"other", {0}', '{0},"other"', "*", ' {0} , "x"']
)
def test_a_tag_that_is_known_answers_304_without_a_body(service: Service, known: str) -> None:
    job_id = service.submitted()
    tag = service.etag(job_id)
    answer = service.get(f"/jobs/{job_id}", If_None_Match=known.format(tag))
    assert (answer.status_code, answer.body) == (304, b"")
    assert answer.headers["ETag"] == tag
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "Content-Type" not in answer.headers


@pytest.mark.parametrize("known", ['"other"', '"other", W/"another"', '""'])
def test_a_tag_that_is_not_the_jobs_answers_200(service: Service, known: str) -> None:
    job_id = service.submitted()
    assert service.get(f"/jobs/{job_id}", If_None_Match=known).status_code == 200


@pytest.mark.parametrize(
    "known", ["abc", '"abc', 'abc"', '"a" "b"', '"a", b', "", ",", "w/", '*, "a"']
)
def test_what_is_no_tag_is_refused(service: Service, known: str) -> None:
    job_id = service.submitted()
    answer = service.get(f"/jobs/{job_id}", If_None_Match=known)
    assert is_problem(answer, 400, "malformed-request")


def test_the_tag_changes_with_every_visible_change(service: Service) -> None:
    tags = []

    @task("walk")
    def walk(job: Job) -> None:
        tags.append(service.etag(job.id))
        for step in (0.2, 0.4):
            job.progress(step)
            service.beat()
            tags.append(service.etag(job.id))
        service.post(f"/jobs/{job.id}/cancel")
        tags.append(service.etag(job.id))

    service.does(walk)
    job_id = service.submitted("walk")
    tags.append(service.etag(job_id))
    service.work()
    tags.append(service.etag(job_id))
    assert len(set(tags)) == len(tags) == 6


def test_what_is_not_visible_leaves_the_tag_alone(service: Service) -> None:
    tags = []

    @task("walk")
    def walk(job: Job) -> None:
        tags.append(service.etag(job.id))
        service.clock.sleep(10)
        service.beat()  # renews the lease
        job.checkpoint({"row": 1})
        service.beat()
        tags.append(service.etag(job.id))

    service.does(walk)
    service.submitted("walk")
    service.work()
    assert tags[0] == tags[1]


def test_the_tag_does_not_depend_on_the_host_that_was_asked(service: Service) -> None:
    job_id = service.submitted()
    tag = service.etag(job_id)
    service.set(public_url="https://jobs.example.com")
    assert service.etag(job_id) == tag
