"""tasks/get, tasks/cancel and tasks/update; get_job, cancel_job and create_upload."""

from __future__ import annotations

import pytest

from chalicelib.tasks import Job, task
from tests.api.harness import Service
from tests.api.mcp.harness import Agent, refused, text


def test_a_task_shows_where_its_job_stands(agent: Agent, service: Service) -> None:
    @task("steps")
    def steps(job: Job) -> str:
        job.progress(0.425, "half </system> way")
        service.beat()
        seen.append(agent.task(handle["taskId"]))
        return "done"

    seen: list[dict[str, object]] = []
    service.does(steps)
    handle = agent.call("steps")
    queued = agent.task(handle["taskId"])
    assert (queued["status"], queued["statusMessage"]) == ("working", "The job waits in the queue.")
    assert queued["resultType"] == "complete"
    service.work()
    [running] = seen
    assert running["status"] == "working"
    assert running["statusMessage"] == (
        'The job is running, 42.5 % done. The task reports: "half </system> way"'
    )
    done = agent.task(handle["taskId"])
    assert done["status"] == "completed"
    assert done["result"]["structuredContent"] == "done"
    assert done["result"]["resultType"] == "complete"
    assert "pollIntervalMs" not in done


def test_times_of_a_task_are_milliseconds_from_its_creation(agent: Agent, service: Service) -> None:
    handle = agent.call("slow")  # timeout=60
    day = 86_400_000
    assert handle["ttlMs"] == 60_000 + 30 * day
    assert handle["pollIntervalMs"] == 1_000
    assert handle["createdAt"] == service.job(handle["taskId"])["created_at"]
    service.clock.time += 30_000
    service.work("heavy")
    done = agent.task(handle["taskId"])
    assert done["ttlMs"] == 32_000 + 30 * day
    assert done["lastUpdatedAt"] == service.job(handle["taskId"])["updated_at"]


def test_a_failed_job_is_a_completed_task_with_an_error(agent: Agent, service: Service) -> None:
    handle = agent.call("hopeless")
    service.work()
    done = agent.task(handle["taskId"])
    assert (done["status"], done["result"]["isError"]) == ("completed", True)
    assert "there is no such file" in text(done["result"])


def test_a_task_can_be_canceled_and_a_finished_one_is_acknowledged(
    agent: Agent, service: Service
) -> None:
    handle = agent.call("echo")
    acknowledged = agent.ask("tasks/cancel", taskId=handle["taskId"])
    assert acknowledged.keys() == {"resultType", "_meta"}
    assert agent.task(handle["taskId"])["status"] == "cancelled"
    done = agent.call("echo")
    service.work()
    for task_id in (handle["taskId"], done["taskId"]):
        assert agent.ask("tasks/cancel", taskId=task_id)["resultType"] == "complete"
    assert agent.task(done["taskId"])["status"] == "completed"


def test_answers_that_no_task_waits_for_are_acknowledged(agent: Agent) -> None:
    handle = agent.call("echo")
    given = {"nothing": {"action": "accept", "content": {}}}
    done = agent.ask("tasks/update", taskId=handle["taskId"], inputResponses=given)
    assert done["resultType"] == "complete"
    refused(agent.send("tasks/update", taskId=handle["taskId"]), 400, -32602)


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
@pytest.mark.parametrize("task_id", ["a" * 32, "../jobs", ""])
def test_an_unknown_task_is_refused(agent: Agent, method: str, task_id: str) -> None:
    answer = agent.send(method, taskId=task_id, inputResponses={})
    refused(answer, 400, -32602)


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
def test_a_task_id_must_be_text(agent: Agent, method: str) -> None:
    body = agent.message(method, taskId=5, inputResponses={})
    refused(agent.post(body, {"Mcp-Method": method}), 400, -32602)


def test_another_owners_job_is_unknown(agent: Agent, service: Service) -> None:
    handle = agent.call("echo")
    record = service.record(handle["taskId"])
    assert record.owner == "local"
    from chalicelib.http import auth

    service.monkeypatch.setattr(auth, "LOCAL_OWNER", "eve")
    for method in ("tasks/get", "tasks/cancel"):
        refused(agent.send(method, taskId=handle["taskId"]), 400, -32602)
    for tool in ("get_job", "cancel_job"):
        result = agent.call(tool, {"job_id": handle["taskId"]})
        assert result["isError"] is True
        assert "There is no job" in text(result)
    service.monkeypatch.undo()
    assert service.record(handle["taskId"]) == record


def test_get_job_waits_as_long_as_it_is_asked_to(earlier: Agent, service: Service) -> None:
    job_id = service.submitted()
    began = service.clock.elapsed
    result = earlier.call("get_job", {"job_id": job_id, "wait": 3})
    assert service.clock.elapsed - began == 3
    assert result["structuredContent"]["status"] == "queued"
    result = earlier.call("get_job", {"job_id": job_id, "wait": 0})
    assert service.clock.elapsed - began == 3


def test_get_job_shows_the_failure_and_the_files(earlier: Agent, service: Service) -> None:
    failed, busy = service.submitted("hopeless"), service.submitted("busy")
    service.work()
    result = earlier.call("get_job", {"job_id": failed})
    assert result["isError"] is True
    assert result["structuredContent"]["status"] == "failed"
    result = earlier.call("get_job", {"job_id": busy})
    assert result["structuredContent"]["result"] == "done"
    assert result["content"][1]["name"] == "half.txt"


@pytest.mark.parametrize("arguments", [{}, {"job_id": "x"}, {"job_id": "a" * 32, "wait": 21}])
def test_arguments_of_get_job_are_checked(earlier: Agent, arguments: dict[str, object]) -> None:
    assert earlier.call("get_job", arguments)["isError"] is True


def test_cancel_job_cancels_and_says_where_the_job_stands(earlier: Agent, service: Service) -> None:
    job_id, done = service.submitted(), service.submitted("busy")
    result = earlier.call("cancel_job", {"job_id": job_id})
    assert result["isError"] is False
    assert result["structuredContent"]["status"] == "canceled"
    service.work()
    assert earlier.call("cancel_job", {"job_id": done})["structuredContent"]["result"] == "done"


def test_a_file_reaches_a_task_by_create_upload(earlier: Agent, service: Service) -> None:
    made = earlier.call("create_upload", {"size": 5, "content_type": "text/plain"})
    upload = made["structuredContent"]
    assert upload["upload"]["method"] == "PUT"
    assert upload["id"] in text(made)
    result = earlier.call("picture", {"source": upload["id"]})
    assert result["isError"] is True  # nothing has been put there
    upload_id = service.upload(b"12345")
    service.clock.meanwhile = [service.work]
    assert text(earlier.call("picture", {"source": upload_id})) == "5"


def test_create_upload_checks_its_arguments(earlier: Agent) -> None:
    result = earlier.call("create_upload", {"size": -1, "content_type": "no type"})
    assert result["isError"] is True
    assert "- /size: " in text(result)
