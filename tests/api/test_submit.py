"""POST /jobs: what is accepted, what it answers, and that it is kept."""

from __future__ import annotations

import re
from typing import Any

import pytest

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.job import DAY
from chalicelib.http.fields import rfc3339
from tests.api.harness import BASE, Service, is_problem, pointers

MEMBERS = set(
    "id task status wait_reason progress params result artifacts error attempt max_attempts "
    "cancel_requested created_at started_at finished_at updated_at next_attempt_at deadline "
    "expires_at links waits_for parent children".split()
)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class NoQueue:
    """A queue that cannot be reached."""

    def send(self, *_: Any) -> None:
        raise Unavailable("The queue did not answer.")

    def waiting(self, lane: str) -> int:
        return 0


class Watched:
    """A queue that remembers by how many seconds its messages were to be delayed."""

    def __init__(self, queue: Any) -> None:
        self.queue, self.delays = queue, list[int]()
        self.waiting = queue.waiting

    def send(self, record: Any, delay_seconds: int) -> None:
        self.delays.append(delay_seconds)
        self.queue.send(record, delay_seconds)


def test_a_submitted_job_is_accepted_done_and_told_of(service: Service) -> None:
    accepted = service.submit("echo", {"text": "hello", "number": 2})
    assert accepted.status_code == 202
    job_id = accepted.json_body["id"]
    assert accepted.json_body["status"] == "queued"
    assert accepted.json_body["wait_reason"] == "backlog"
    service.work()
    done = service.job(job_id)
    assert (done["status"], done["wait_reason"]) == ("succeeded", None)
    assert done["result"] == {"text": "hello", "number": 2}
    assert (done["attempt"], done["max_attempts"]) == (1, 5)


def test_the_answer_tells_where_to_look_and_when(service: Service) -> None:
    accepted = service.submit()
    url = f"{BASE}/jobs/{accepted.json_body['id']}"
    assert accepted.headers["Location"] == url
    assert accepted.headers["Operation-Location"] == url
    assert accepted.headers["Retry-After"] == "1"
    assert accepted.headers["Content-Type"] == "application/json"
    assert "Idempotency-Replayed" not in accepted.headers
    assert "Preference-Applied" not in accepted.headers


def test_the_answer_is_what_a_read_says_with_the_same_tag(service: Service) -> None:
    accepted = service.submit("echo", {"text": "a"})
    read = service.get(accepted.headers["Location"])
    assert read.json_body == accepted.json_body
    assert read.headers["ETag"] == accepted.headers["ETag"]


def test_a_job_has_the_members_of_the_contract_and_no_others(service: Service) -> None:
    job_id = service.submitted()
    assert set(service.job(job_id)) == MEMBERS
    service.work()
    assert set(service.job(job_id)) == MEMBERS


def test_times_are_rfc_3339_in_utc_with_milliseconds(service: Service) -> None:
    service.clock.time += 7
    job_id = service.submitted()
    service.work()
    job = service.job(job_id)
    times = {name: job[name] for name in job if name.endswith("_at") or name == "deadline"}
    assert times.pop("next_attempt_at") is None
    assert all(TIME.fullmatch(time) for time in times.values())
    assert job["created_at"] == "2027-01-15T08:00:00.007Z"


def test_params_over_4_kib_are_left_out_of_the_answer_but_reach_the_task(service: Service) -> None:
    small, large = "x" * 4_000, "x" * 5_000
    assert service.submit("echo", {"text": small}).json_body["params"] == {"text": small}
    accepted = service.submit("echo", {"text": large})
    assert accepted.json_body["params"] is None
    service.work()
    assert service.job(accepted.json_body["id"])["result"]["text"] == large


def test_numbers_and_texts_of_all_kinds_come_back_as_they_were(service: Service) -> None:
    params = {"text": 'Ω \U0001f9ea \\ " \n </script>', "number": 1e300}
    accepted = service.submit("echo", params)
    assert accepted.json_body["params"] == params
    service.work()
    assert service.job(accepted.json_body["id"])["result"] == params


def test_a_whole_number_is_an_integer_however_it_is_written(service: Service) -> None:
    """As JSON Schema has it, by which the params are described."""
    body = b'{"task":"order","params":{"lines":[{"article":"a","pieces":2.0},{"article":"b"}]}}'
    accepted = service.post("/jobs", body)
    assert accepted.status_code == 202
    service.work()
    assert service.job(accepted.json_body["id"])["result"] == 3
    half = body.replace(b"2.0", b"2.5")
    assert pointers(service.post("/jobs", half)) == ["/params/lines/0/pieces"]


def test_a_job_goes_to_the_lane_of_its_task(service: Service) -> None:
    job_id = service.submitted("slow")
    assert service.messages("default") == []
    service.work("heavy")
    assert service.job(job_id)["status"] == "succeeded"


def test_a_job_is_accepted_although_its_message_cannot_be_sent(service: Service) -> None:
    queue = service.system.messages
    service.replace(messages=NoQueue())
    job_id = service.submitted()
    service.replace(messages=queue)
    assert service.messages() == []
    service.clock.sleep(121)
    service.sweep()
    service.work()
    assert service.job(job_id)["status"] == "succeeded"


# ── run_at ──


def at(service: Service, seconds: float) -> str:
    return rfc3339(service.clock.time + int(seconds * 1_000))


def scheduled(service: Service, seconds: float, **headers: str) -> Any:
    body = {"task": "echo", "params": {}, "run_at": at(service, seconds)}
    return service.post("/jobs", body, **headers)


def test_a_job_can_be_scheduled(service: Service) -> None:
    service.replace(messages=(queue := Watched(service.system.messages)))
    answer = scheduled(service, 600)
    job = answer.json_body
    assert (job["status"], job["wait_reason"]) == ("queued", "scheduled")
    assert job["next_attempt_at"] == at(service, 600)
    assert job["deadline"] == at(service, 600 + 3_600)  # the task's timeout, from run_at on
    assert answer.headers["Retry-After"] == "60"
    assert queue.delays == [600]


def test_a_job_scheduled_for_later_than_a_message_can_wait_is_sent_by_the_sweeper(
    service: Service,
) -> None:
    service.replace(messages=(queue := Watched(service.system.messages)))
    job_id = scheduled(service, 86_400).json_body["id"]
    assert queue.delays == []
    service.clock.sleep(86_400 - 90)
    service.sweep()
    assert queue.delays == [90]
    service.clock.sleep(90)
    service.run(job_id)
    assert service.job(job_id)["status"] == "succeeded"


def test_a_scheduled_job_is_not_begun_early(service: Service) -> None:
    job_id = scheduled(service, 60).json_body["id"]
    service.run(job_id)
    assert service.job(job_id)["status"] == "queued"


def test_a_time_that_has_passed_means_now(service: Service) -> None:
    job = scheduled(service, -60).json_body
    assert (job["wait_reason"], job["next_attempt_at"]) == ("backlog", None)


def test_run_at_may_be_30_days_ahead_and_no_more(service: Service) -> None:
    assert scheduled(service, 30 * DAY / 1_000).status_code == 202
    service.work()
    refused = scheduled(service, 30 * DAY / 1_000 + 1)
    assert is_problem(refused, 422, "invalid-request")
    assert pointers(refused) == ["/run_at"]


@pytest.mark.parametrize(
    "run_at", ["tomorrow", "2027-01-15T09:00:00", "2027-02-30T09:00:00Z", 1_800_000_000, {}, True]
)
def test_run_at_must_be_a_time_with_its_offset(service: Service, run_at: Any) -> None:
    refused = service.post("/jobs", {"task": "echo", "params": {}, "run_at": run_at})
    assert is_problem(refused, 422, "invalid-request")
    assert pointers(refused) == ["/run_at"]
    assert service.nothing_is_stored()


# ── what is refused ──


@pytest.mark.parametrize("name", ["nothing", "", "overtime.internal", "Echo", "echo\n", "é", "x/y"])
def test_a_task_that_clients_cannot_submit_is_refused(service: Service, name: str) -> None:
    refused = service.submit(name)
    assert is_problem(refused, 422, "invalid-request")
    assert pointers(refused) == ["/task"]
    assert "overtime." not in refused.json_body["detail"].partition("there are:")[2]
    assert service.nothing_is_stored()


def test_an_upload_that_params_name_must_exist(service: Service) -> None:
    refused = service.submit("picture", {"source": "upload:" + "0" * 32})
    assert is_problem(refused, 422, "invalid-request")
    assert pointers(refused) == ["/params/source"]
    assert service.nothing_is_stored()


def test_when_the_store_fails_the_answer_is_503_and_says_when_to_repeat(service: Service) -> None:
    class Down:
        def __getattr__(self, verb: str) -> Any:
            raise Unavailable("The jobs table did not answer.")

    service.replace(jobs=Down())
    refused = service.submit()
    assert is_problem(refused, 503, "unavailable")
    assert refused.headers["Retry-After"] == "2"
    assert service.messages() == []


def test_a_job_is_accepted_although_waiting_for_it_fails(service: Service) -> None:
    """The 202 is for what is stored; an error would make the client submit it again."""
    stored = service.system.jobs

    class Unreadable:
        submit = stored.submit

        def read(self, job_id: str) -> Any:
            raise Unavailable("The jobs table did not answer.")

    service.replace(jobs=Unreadable())
    assert service.submit(Prefer="wait=5").status_code == 202
