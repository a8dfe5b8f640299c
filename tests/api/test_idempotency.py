"""Idempotency-Key: however often and in whatever order a request comes, one job is made of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.domain.errors import ConditionFailed, Unavailable
from chalicelib.memory.stores import MemorySecrets
from chalicelib.service.submit import Submission, submit
from tests.api.harness import Service, is_problem, pointers

KEY = '"8e03978e-40d5-43dd-bc93-6894a57f9324"'


def keyed(service: Service, params: Any = None, key: str = KEY, task: str = "echo") -> Any:
    return service.submit(task, params or {}, Idempotency_Key=key)


def raw(service: Service, body: bytes) -> Any:
    return service.request("POST", "/jobs", {"Idempotency-Key": KEY}, body)


def jobs(service: Service) -> int:
    return sum(item["sk"]["S"] == "job" for item in service.items())


def test_the_same_request_answers_with_the_job_that_exists(service: Service) -> None:
    first = keyed(service, {"text": "once"})
    again = keyed(service, {"text": "once"})
    assert again.status_code == 202
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert again.json_body == first.json_body
    assert again.headers["Location"] == first.headers["Location"]
    assert jobs(service) == 1


def test_nothing_runs_twice(service: Service) -> None:
    job_id = keyed(service).json_body["id"]
    for _ in range(3):
        keyed(service)
    service.work()
    keyed(service)
    service.work()
    assert service.record(job_id).attempt == 1


def test_once_the_job_is_finished_the_replay_is_200_with_its_result(service: Service) -> None:
    keyed(service, {"text": "once"})
    service.work()
    again = keyed(service, {"text": "once"})
    assert (again.status_code, again.json_body["status"]) == (200, "succeeded")
    assert again.json_body["result"]["text"] == "once"
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Retry-After" not in again.headers
    assert service.messages() == []


def test_a_replay_may_wait_for_the_job(service: Service) -> None:
    keyed(service)
    service.clock.meanwhile = [service.work]
    again = service.submit("echo", {}, Idempotency_Key=KEY, Prefer="wait=5")
    assert (again.status_code, again.headers["Preference-Applied"]) == (200, "wait=5")


def test_a_replay_sends_the_message_that_a_crash_had_kept(service: Service) -> None:
    keyed(service)
    assert len(service.messages()) == 1  # and it is lost
    keyed(service)
    assert len(service.messages()) == 1


@pytest.mark.parametrize(
    "body",
    [
        b'{"params":{"number":1,"text":"a"},"task":"echo"}',
        b' { "task" : "echo" , "params" : { "text" : "a" , "number" : 1 } } ',
        b'{"task":"echo","params":{"text":"a","number":1.0}}',
        b'{"task":"echo","params":{"text":"\\u0061","number":1e0}}',
        b'{"task":"echo","params":{"text":"a","number":1},"run_at":null}',
    ],
)
def test_bodies_are_compared_by_value(service: Service, body: bytes) -> None:
    keyed(service, {"text": "a", "number": 1})
    assert raw(service, body).headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("body", "differing"),
    [
        ({"task": "echo", "params": {"text": "b"}}, ["/params/text"]),
        ({"task": "echo", "params": {}}, ["/params/text"]),
        ({"task": "echo", "params": {"text": "a", "number": 1}}, ["/params/number"]),
        ({"task": "big", "params": {}}, ["/params/text", "/task"]),
        (
            {"task": "echo", "params": {"text": "a"}, "run_at": "2027-01-15T09:00:00Z"},
            ["/run_at"],
        ),
    ],
)
def test_another_body_is_refused_and_told_where_it_differs(
    service: Service, body: Any, differing: list[str]
) -> None:
    keyed(service, {"text": "a"})
    refused = service.post("/jobs", body, Idempotency_Key=KEY)
    assert is_problem(refused, 422, "idempotency-key-reused")
    assert pointers(refused) == differing
    assert jobs(service) == 1


def test_params_kept_in_the_bucket_are_compared_too(service: Service) -> None:
    many = ["x" * 60] * 100
    first = keyed(service, {"files": many, "number": 1})
    assert first.json_body["params"] is None
    same = keyed(service, {"number": 1.0, "files": many})
    assert same.headers["Idempotency-Replayed"] == "true"
    refused = keyed(service, {"files": [*many[:-1], "y"], "number": 1})
    assert pointers(refused) == ["/params/files/99"]


def test_true_is_not_one(service: Service) -> None:
    """Python would say that it is."""
    keyed(service, {"number": 1})
    refused = keyed(service, {"number": True})
    assert is_problem(refused, 422, "idempotency-key-reused")
    assert pointers(refused) == ["/params/number"]


# ── races and lost answers ──


class Before:
    """A store to which something happens just before the next job is stored."""

    def __init__(self, jobs: Any, happens: Any) -> None:
        self.jobs, self.happens = jobs, happens

    def __getattr__(self, verb: str) -> Any:
        return getattr(self.jobs, verb)

    def submit(self, record: Any) -> None:
        happens, self.happens = self.happens, lambda: None
        happens()
        self.jobs.submit(record)


def test_of_two_that_race_both_get_the_same_job(service: Service) -> None:
    others: list[Any] = []
    service.replace(jobs=Before(service.system.jobs, lambda: others.append(keyed(service))))
    answer = keyed(service)
    assert answer.status_code == others[0].status_code == 202
    assert answer.json_body["id"] == others[0].json_body["id"]
    assert answer.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in others[0].headers
    assert jobs(service) == 1
    service.work()
    assert service.record(answer.json_body["id"]).attempt == 1


def test_of_two_that_race_with_different_bodies_one_is_refused(service: Service) -> None:
    def other() -> None:
        assert keyed(service, {"text": "first"}).status_code == 202

    service.replace(jobs=Before(service.system.jobs, other))
    refused = keyed(service, {"text": "second"})
    assert is_problem(refused, 422, "idempotency-key-reused")
    assert jobs(service) == 1


def test_a_record_that_vanishes_during_a_submit_does_no_harm(service: Service) -> None:
    def vanished() -> None:
        raise ConditionFailed(None)

    service.replace(jobs=Before(service.system.jobs, vanished))
    answer = keyed(service)
    assert (answer.status_code, jobs(service)) == (202, 1)
    assert "Idempotency-Replayed" not in answer.headers


def test_an_answer_that_was_lost_is_found_by_repeating_the_request(service: Service) -> None:
    stored = service.system.jobs

    class LosesTheAnswer:
        def submit(self, record: Any) -> None:
            stored.submit(record)
            raise Unavailable("The jobs table did not answer.")

    service.replace(jobs=LosesTheAnswer())
    assert is_problem(keyed(service), 503, "unavailable")
    service.replace(jobs=stored)
    again = keyed(service)
    assert (again.status_code, jobs(service)) == (202, 1)
    service.work()
    assert service.job(again.json_body["id"])["status"] == "succeeded"


# ── what the key outlives ──


def test_a_replay_answers_although_the_task_is_gone_since(service: Service) -> None:
    job_id = keyed(service).json_body["id"]
    del service.tasks["echo"]
    again = keyed(service)
    assert (again.status_code, again.json_body["id"]) == (202, job_id)
    assert is_problem(keyed(service, {"text": "other"}), 422, "idempotency-key-reused")
    assert is_problem(keyed(service, key="another"), 422, "invalid-request")


def test_a_replay_answers_although_the_upload_is_gone_since(service: Service) -> None:
    params = {"source": service.upload(b"a picture")}
    job_id = keyed(service, params, task="picture").json_body["id"]
    for key in service.objects():
        service.system.payloads.erase(key, 1)
    again = keyed(service, params, task="picture")
    assert (again.status_code, again.json_body["id"]) == (202, job_id)


def test_after_an_erase_the_same_key_makes_a_new_job(service: Service) -> None:
    first = keyed(service, {"text": "first"}).json_body
    service.work()
    assert service.delete(f"/jobs/{first['id']}").status_code == 204
    service.clock.sleep(1)
    second = keyed(service, {"text": "second"})
    assert (second.status_code, second.json_body["status"]) == (202, "queued")
    assert "Idempotency-Replayed" not in second.headers
    assert second.json_body["created_at"] > first["created_at"]
    service.work()
    assert service.job(second.json_body["id"])["result"]["text"] == "second"


def test_once_the_job_has_expired_the_same_key_makes_a_new_one(service: Service) -> None:
    keyed(service, {"text": "first"})
    service.work()
    service.clock.sleep(30 * 86_400)
    second = keyed(service, {"text": "second"})
    assert second.status_code == 202
    assert "Idempotency-Replayed" not in second.headers


# ── keys ──


@pytest.mark.parametrize(
    "key",
    ['"a"', "a", '"with space"', r'"a\"b\\c"', "a,b;c=d", "x" * 255, f'"{"x" * 255}"', r"a\b"],
)
def test_a_key_is_a_quoted_string_or_bare(service: Service, key: str) -> None:
    assert keyed(service, key=key).status_code == 202
    assert keyed(service, key=key).headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(("one", "other"), [('"a"', "a"), (r'"a\\b"', r"a\b"), ('"a"', ' "a" ')])
def test_two_ways_to_write_the_same_key(service: Service, one: str, other: str) -> None:
    assert keyed(service, key=one).json_body == keyed(service, key=other).json_body


@pytest.mark.parametrize(
    "key",
    ["", '""', "x" * 256, f'"{"x" * 256}"', '"a', 'a"', "a b", r'"\a"', '"é"', "é", '"\n"', "\x7f"],
)
def test_a_key_that_is_none_is_refused(service: Service, key: str) -> None:
    assert is_problem(keyed(service, key=key), 400, "malformed-request")
    assert service.nothing_is_stored()


def test_different_keys_make_different_jobs(service: Service) -> None:
    assert keyed(service, key="a").json_body["id"] != keyed(service, key="A").json_body["id"]


def test_the_same_key_of_another_owner_leads_to_another_job(service: Service) -> None:
    def of(owner: str, key: str) -> str:
        asked = Submission(owner=owner, task="echo", params={}, key=key)
        return submit(service.system, asked).job.id

    ids = [of("ann", "1"), of("bob", "1"), of("an", "n1"), of("", "ann1"), of("ann1", "")]
    assert len(set(ids)) == len(ids)
    assert of("ann", "1") == ids[0]


def test_a_key_finds_its_job_after_any_rotation_of_the_secret(service: Service) -> None:
    ours = keyed(service).json_body["id"]
    service.replace(secrets=MemorySecrets(seals=(b"new",)))
    assert keyed(service).json_body["id"] == ours


def test_an_id_says_nothing_of_its_key(service: Service) -> None:
    """Other stages, with other secrets, have other ids for the same key."""
    ours = keyed(service).json_body["id"]
    service.replace(secrets=MemorySecrets(ids=b"another stage's"))
    assert keyed(service).json_body["id"] != ours
    assert json.dumps(KEY) not in json.dumps(service.items())
