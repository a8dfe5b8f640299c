"""Answers by the URL that a job has given to a third party, without credentials."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.domain.job import MINUTE, SECOND
from chalicelib.memory.stores import MemorySecrets
from chalicelib.tasks import Job
from tests.api.albums import NO, YES, Album, Callback, publishes
from tests.api.harness import BASE, Service, is_problem
from tests.aws import counted


def test_a_url_takes_the_answer_without_credentials(service: Service) -> None:
    called = Callback(service)
    assert called.urls[0].startswith(f"{BASE}/answers/")
    answer = called.calls_back()
    assert (answer.status_code, answer.body) == (204, b"")
    assert called.calls_back().status_code == 204
    assert is_problem(called.calls_back(NO), 409, "already-answered")
    service.work()
    assert called.now["result"] == "published"


def test_a_call_that_comes_before_the_job_asks_is_found_when_it_asks(service: Service) -> None:
    called: list[int] = []

    def work(job: Job) -> str:
        url = job.answer_url("publish", 3_600)
        called.append(service.post(url, YES).status_code)
        return publishes(job)

    album = Album(service, work)
    assert (called, album.now["result"]) == ([204], "published")


def test_a_third_party_that_calls_back_after_10_seconds_holds_no_worker(service: Service) -> None:
    called = Callback(service)
    for _ in range(10):
        service.clock.time += SECOND
        service.sweep()
        assert service.messages() == []
        assert service.record(called.id).lease_token is None
    assert called.calls_back().status_code == 204
    service.work()
    verbs = [entry.verb for entry in service.record(called.id).history]
    assert verbs == ["submit", "claim", "suspend", "wake", "claim", "succeed"]
    assert called.now["attempt"] == 1


def spoiled(called: Callback) -> dict[str, str]:
    sealed = called.sealed
    return {
        "cut": sealed[:-1],
        "longer": f"{sealed}A",
        "another letter": f"{sealed[:40]}{'A' if sealed[40] != 'A' else 'B'}{sealed[41:]}",
        "not base64": "%00%FF",
        "a job's id": called.id,
        "long": "A" * 5_000,
    }


def test_a_damaged_url_finds_nothing_and_reads_nothing(service: Service) -> None:
    called = Callback(service)
    with counted(wiring.client("dynamodb")) as made:
        for why, sealed in spoiled(called).items():
            assert is_problem(called.calls_back(YES, sealed), 404, "not-found"), why
    assert made == []
    assert called.now["wait_reason"] == "answer"


def test_a_url_ends_with_its_question(service: Service) -> None:
    called = Callback(service, timeout=60)
    service.clock.time += MINUTE
    assert is_problem(called.calls_back(), 404, "not-found")


def test_a_url_answers_its_own_step_and_job_alone(service: Service) -> None:
    """Two jobs, each with two questions: each URL leads to one of the four."""
    urls: dict[tuple[str, str], str] = {}

    def work(job: Job) -> list[bool]:
        for step in ("publish", "print"):
            urls[job.id, step] = job.answer_url(step, 3_600)
        asked = (job.ask(step, prompt="", timeout=3_600) for step in ("publish", "print"))
        return [one.approved for one in asked]

    albums = [Album(service, work) for _ in range(2)]
    assert len(set(urls.values())) == 4
    for (job_id, step), url in urls.items():
        mine = {"approved": (job_id, step) == (albums[0].id, "print")}
        assert service.post(url, mine).status_code == 204
    for _ in range(2):
        service.work()
    assert [album.now["result"] for album in albums] == [[False, True], [False, False]]


def test_a_url_of_a_job_that_is_gone_finds_nothing(service: Service) -> None:
    called = Callback(service)
    service.post(f"/jobs/{called.id}/cancel")
    assert is_problem(called.calls_back(), 409, "job-finished")
    assert service.delete(f"/jobs/{called.id}").status_code == 204
    assert is_problem(called.calls_back(), 404, "not-found")


def test_a_url_outlives_a_rotation_of_the_secret_while_the_old_one_is_valid(
    service: Service,
) -> None:
    called = Callback(service)
    [first] = service.system.answer_secrets.for_seals()
    service.replace(answer_secrets=MemorySecrets(seals=(b"second", b"first")))
    assert is_problem(called.calls_back(), 404, "not-found")
    service.replace(answer_secrets=MemorySecrets(seals=(b"second", first)))
    assert called.calls_back().status_code == 204
