"""A job that asks: input_required for clients that show forms, and tasks/update with the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import pytest

from chalicelib.mcp.inputs import form
from chalicelib.tasks import Job, Unanswered, task
from tests.api.harness import BASE, Service
from tests.api.mcp.harness import WITH_TASKS, Agent, refused, text
from tests.api.test_call_counts import calls


@dataclass
class Approval:
    approved: bool
    by: str = ""


@dataclass
class Pages:
    numbers: list[int]


@task("album", asks={"publish": Approval, "copies": int, "pages": Pages})
def album(job: Job) -> Any:
    """Ask for three things."""
    try:
        answer = job.ask("publish", prompt="Publish 12 pages?", timeout=3_600)
    except Unanswered:
        return "unanswered"
    if not answer.approved:
        return "kept"
    copies = job.ask("copies", prompt="How many?", timeout=3_600)
    if copies < 100:
        return copies
    return len(job.ask("pages", prompt="Which?", timeout=3_600).numbers)


@pytest.fixture
def asker(service: Service) -> Agent:
    service.does(album)
    return Agent(service, capabilities={**WITH_TASKS, "elicitation": {}})


def compact(schema: Any) -> str:
    return msgspec.json.encode(schema).decode()


def begun(agent: Agent) -> str:
    """The id of a task that has asked its first question."""
    task_id = str(agent.call("album")["taskId"])
    agent.service.work()
    return task_id


def update(agent: Agent, task_id: str, **responses: Any) -> Any:
    given = {key.replace("__", ":"): one for key, one in responses.items()}
    return agent.send("tasks/update", taskId=task_id, inputResponses=given)


def accepted(**content: Any) -> dict[str, Any]:
    return {"action": "accept", "content": content}


def test_a_question_is_an_elicitation_of_the_user(asker: Agent) -> None:
    shown = asker.task(begun(asker))
    assert shown["status"] == "input_required"
    assert shown["statusMessage"] == 'The job waits for an answer. It asks: "Publish 12 pages?"'
    assert shown["inputRequests"] == {
        "publish:0": {
            "method": "elicitation/create",
            "params": {
                "mode": "form",
                "message": "Publish 12 pages?",
                "requestedSchema": {
                    "type": "object",
                    "properties": {
                        "approved": {"type": "boolean"},
                        "by": {"type": "string", "default": ""},
                    },
                    "required": ["approved"],
                },
            },
        }
    }


def test_a_job_of_a_tool_call_knows_the_apis_url(asker: Agent) -> None:
    """Which `job.answer_url` needs on a stage without PUBLIC_URL."""
    record = asker.service.system.jobs.read(begun(asker))
    assert record is not None
    assert record.base == BASE


def test_an_answer_lets_the_job_go_on_to_its_next_question_and_its_end(
    asker: Agent, service: Service
) -> None:
    task_id = begun(asker)
    done = update(asker, task_id, publish__0=accepted(approved=True)).json_body["result"]
    assert done.keys() == {"resultType", "_meta"}
    assert asker.task(task_id)["status"] == "working"
    service.work()
    [(key, request)] = asker.task(task_id)["inputRequests"].items()
    assert key == "copies:0"
    assert request["params"]["requestedSchema"] == {
        "type": "object",
        "properties": {"answer": {"type": "integer"}},
        "required": ["answer"],
    }
    update(asker, task_id, copies__0=accepted(answer=3))
    service.work()
    assert asker.task(task_id)["result"]["structuredContent"] == 3


def test_a_question_that_no_form_holds_is_shown_as_a_message(
    asker: Agent, service: Service
) -> None:
    task_id = begun(asker)
    update(asker, task_id, publish__0=accepted(approved=True))
    service.work()
    update(asker, task_id, copies__0=accepted(answer=100))
    service.work()
    shown = asker.task(task_id)
    assert (shown["status"], "inputRequests" in shown) == ("working", False)
    assert '"Which?"' in shown["statusMessage"]
    assert service.post(f"/jobs/{task_id}/answers/pages", {"numbers": [1, 2]}).status_code == 204
    service.work()
    assert asker.task(task_id)["result"]["structuredContent"] == 2


@pytest.mark.parametrize("elicitation", [None, {"url": {}}])
def test_a_client_without_forms_sees_the_question_as_a_message(
    asker: Agent, service: Service, elicitation: Any
) -> None:
    declared = {} if elicitation is None else {"elicitation": elicitation}
    other = Agent(service, capabilities={**WITH_TASKS, **declared})
    shown = other.task(begun(asker))
    assert shown["status"] == "working"
    assert "Publish 12 pages?" in shown["statusMessage"]


def test_a_decline_is_unanswered_to_the_task(asker: Agent, service: Service) -> None:
    task_id = begun(asker)
    update(asker, task_id, publish__0={"action": "decline"})
    service.work()
    assert asker.task(task_id)["result"]["structuredContent"] == "unanswered"


def test_a_cancel_stores_nothing_and_the_question_stays(asker: Agent, service: Service) -> None:
    task_id = begun(asker)
    before = service.items()
    assert update(asker, task_id, publish__0={"action": "cancel"}).status_code == 200
    assert service.items() == before
    assert asker.task(task_id)["status"] == "input_required"


def test_the_first_answer_counts_and_others_are_acknowledged(
    asker: Agent, service: Service
) -> None:
    task_id = begun(asker)
    update(asker, task_id, publish__0=accepted(approved=False))
    for key in ("publish__0", "publish__1", "nothing"):
        answer = update(asker, task_id, **{key: accepted(approved=True)})
        assert answer.json_body["result"]["resultType"] == "complete"
    service.work()
    assert asker.task(task_id)["result"]["structuredContent"] == "kept"
    assert update(asker, task_id, publish__0={"action": "decline"}).status_code == 200


def test_an_answer_that_does_not_fit_is_refused_and_the_question_stays(
    asker: Agent, service: Service
) -> None:
    task_id = begun(asker)
    error = refused(update(asker, task_id, publish__0=accepted(approved="yes")), 400, -32602)
    assert error["data"]["errors"] == [
        {"pointer": "/approved", "detail": "Expected true or false, got text."}
    ]
    for odd in ({"action": "later"}, {}, "yes", 5):
        refused(update(asker, task_id, publish__0=odd), 400, -32602)
    large = accepted(approved=True, by="x" * 70_000)
    refused(update(asker, task_id, publish__0=large), 400, -32602)
    assert asker.task(task_id)["status"] == "input_required"


def test_a_question_asked_again_after_a_retry_has_another_key(
    asker: Agent, service: Service
) -> None:
    @task("strict", asks={"publish": Approval})
    def strict(job: Job) -> bool:
        return bool(job.ask("publish", prompt="Publish?", timeout=3_600).approved)

    service.does(strict)
    task_id = str(asker.call("strict")["taskId"])
    service.work()
    first = asker.task(task_id)["inputRequests"]
    update(asker, task_id, publish__0={"action": "decline"})
    service.work()
    assert asker.task(task_id)["result"]["isError"] is True
    service.post(f"/jobs/{task_id}/retry")
    service.work()
    second = asker.task(task_id)["inputRequests"]
    assert first.keys() == {"publish:0"}
    assert second.keys() == {"publish:1"}


def test_another_client_is_not_held_while_the_job_waits_for_an_answer(
    asker: Agent, earlier: Agent, service: Service
) -> None:
    service.clock.meanwhile = [service.work]
    result = earlier.call("album")
    assert service.clock.elapsed < 2
    job_id = result["structuredContent"]["job_id"]
    assert result["structuredContent"]["question"]["step"] == "publish"
    assert f"POST /jobs/{job_id}/answers/publish" in text(result)
    schema = result["structuredContent"]["question"]["schema"]
    assert schema["$defs"]["Approval"]["properties"]["approved"] == {"type": "boolean"}
    assert f"The answer is JSON of this schema: {compact(schema)}" in text(result)
    assert service.post(f"/jobs/{job_id}/answers/publish", {"approved": False}).status_code == 204
    service.work()
    found = earlier.call("get_job", {"job_id": job_id})
    assert found["structuredContent"]["result"] == "kept"


Large = msgspec.defstruct("Large", [(f"answer_number_{one}", int) for one in range(100)])


@pytest.mark.parametrize("kind", [Any, Large])
def test_a_schema_that_says_nothing_or_is_large_is_left_out(
    kind: Any, earlier: Agent, service: Service
) -> None:
    @task("asks", asks={"anything": kind})
    def asks(job: Job) -> None:
        job.ask("anything", prompt="What?", timeout=3_600)

    service.does(asks)
    service.clock.meanwhile = [service.work]
    result = earlier.call("asks")
    assert result["structuredContent"]["question"] == {"step": "anything", "prompt": "What?"}
    assert text(result).endswith("/answers/anything.")


def test_a_handle_has_no_questions_of_its_own(asker: Agent, service: Service) -> None:
    service.clock.meanwhile = [service.work]
    handle = asker.call("album")
    assert (handle["resultType"], handle["status"]) == ("task", "working")
    assert "inputRequests" not in handle


def test_seeing_a_question_costs_one_read(asker: Agent) -> None:
    task_id = begun(asker)
    with calls() as made:
        asker.task(task_id)
    assert made == ["dynamodb.GetItem"]


class Choice(msgspec.Struct):
    size: Literal["S", "L"]
    mail: Annotated[str, msgspec.Meta(pattern="@", max_length=50, description="Yours")]
    note: str | None = None


class Nested(msgspec.Struct):
    choice: Choice


@pytest.mark.parametrize("kind", [Nested, list[str], dict[str, int], Any, Pages, None, int | str])
def test_a_type_that_is_not_flat_has_no_form(kind: Any) -> None:
    assert form(kind) is None


def test_a_form_says_what_a_form_can_say() -> None:
    assert form(Choice) == {
        "type": "object",
        "properties": {
            "size": {"type": "string", "enum": ["L", "S"]},
            "mail": {"type": "string", "maxLength": 50, "description": "Yours"},
            "note": {"type": "string"},
        },
        "required": ["size", "mail"],
    }
