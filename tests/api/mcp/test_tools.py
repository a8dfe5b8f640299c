"""tools/list and tools/call: every task as a tool."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from chalicelib.domain.task import OWN_TOOLS
from chalicelib.tasks import Job, task
from tests.api.harness import Service
from tests.api.mcp.harness import Agent, refused, text


def tools(agent: Agent) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in agent.ask("tools/list")["tools"]}


def test_every_task_is_a_tool_and_internal_ones_are_none(agent: Agent, service: Service) -> None:
    offered = {one.tool for one in service.tasks.values() if not one.internal}
    assert tools(agent).keys() == offered | OWN_TOOLS
    assert agent.ask("tools/list") == agent.ask("tools/list")


def test_a_tool_has_its_tasks_words_and_schema(agent: Agent) -> None:
    echo = tools(agent)["echo"]
    assert echo["description"].startswith("Give back what came.\n\nWith a second paragraph.")
    schema = echo["inputSchema"]
    assert schema["type"] == "object"
    assert schema["properties"].keys() == {"text", "number", "files"}
    assert schema["additionalProperties"] is False
    assert "outputSchema" not in echo


def test_every_input_schema_is_valid_and_self_contained(agent: Agent) -> None:
    for tool in tools(agent).values():
        schema = tool["inputSchema"]
        assert schema["type"] == "object"
        jsonschema_rs.validator_for(schema)
    order = jsonschema_rs.validator_for(tools(agent)["order"]["inputSchema"])
    assert order.is_valid({"lines": [{"article": "a"}]})
    assert not order.is_valid({"lines": [{}]})


def test_the_schema_of_the_result_stands_in_the_description(agent: Agent) -> None:
    assert '"integer"' in tools(agent)["order"]["description"]


def test_a_tool_says_what_its_task_says_of_it(agent: Agent, service: Service) -> None:
    @task("store.purge", hints={"destructiveHint": True, "title": "Purge"})
    def purge(job: Job) -> None: ...

    service.does(purge)
    assert tools(agent)["store_purge"]["annotations"] == {
        "destructiveHint": True,
        "title": "Purge",
    }
    assert "annotations" not in tools(agent)["echo"]


def test_a_name_with_a_dot_is_called_by_its_tools_name(agent: Agent, service: Service) -> None:
    @task("text.shout")
    def shout(job: Job) -> str:
        return "AH"

    service.does(shout)
    service.clock.meanwhile = [service.work]
    assert agent.call("text_shout")["structuredContent"] == "AH"


def test_the_list_has_one_page(agent: Agent) -> None:
    refused(agent.send("tools/list", cursor="more"), 400, -32602)


def test_a_call_that_finishes_in_time_answers_with_the_result(
    agent: Agent, service: Service
) -> None:
    service.clock.meanwhile = [service.work]
    result = agent.call("echo", {"text": "hello"})
    assert result["resultType"] == "complete"
    assert result["isError"] is False
    assert result["structuredContent"] == {"text": "hello", "number": 0}
    assert text(result) == '{"text":"hello","number":0}'
    assert service.clock.elapsed < 2


def test_a_client_with_tasks_gets_a_handle_after_two_seconds(
    agent: Agent, service: Service
) -> None:
    handle = agent.call("echo")
    assert handle["resultType"] == "task"
    assert handle["status"] == "working"
    assert service.record(handle["taskId"]).task == "echo"
    assert service.clock.elapsed == 2


@pytest.mark.parametrize("kind", ["plain", "earlier"])
def test_another_client_is_held_and_then_gets_a_job_id(
    service: Service, kind: str, request: pytest.FixtureRequest
) -> None:
    client: Agent = request.getfixturevalue(kind)
    result = client.call("echo", {"text": "hello"})
    assert service.clock.elapsed == 20
    status = result["structuredContent"]
    assert status["status"] == "queued"
    assert f'Call get_job with job_id "{status["job_id"]}"' in text(result)
    assert result["isError"] is False
    service.work()
    found = client.call("get_job", {"job_id": status["job_id"]})
    assert found["structuredContent"] == {
        "job_id": status["job_id"],
        "task": "echo",
        "status": "succeeded",
        "result": {"text": "hello", "number": 0},
    }
    assert ("resultType" in found) is (kind == "plain")


def test_a_stage_may_hold_calls_for_less(plain: Agent, service: Service) -> None:
    service.set(max_wait_seconds=5)
    plain.call("echo")
    assert service.clock.elapsed == 5


def test_a_result_that_is_no_object_is_text_alone_for_earlier_clients(
    agent: Agent, earlier: Agent, service: Service
) -> None:
    service.clock.meanwhile = [service.work]
    old = earlier.call("order", {"lines": []})
    assert (text(old), "structuredContent" in old) == ("0", False)
    service.clock.meanwhile = [service.work]
    assert agent.call("order", {"lines": []})["structuredContent"] == 0


def test_a_result_that_is_text_is_shown_as_it_is(agent: Agent, service: Service) -> None:
    service.clock.meanwhile = [service.work]
    result = agent.call("busy")
    assert (text(result), result["structuredContent"]) == ("done", "done")


def test_artifacts_are_links_with_type_and_size_and_stand_in_no_text(
    agent: Agent, service: Service
) -> None:
    service.clock.meanwhile = [service.work]
    result = agent.call("busy")
    [_, link] = result["content"]
    assert (link["type"], link["name"], link["mimeType"], link["size"]) == (
        "resource_link",
        "half.txt",
        "text/plain",
        4,
    )
    assert "X-Amz-Signature" in link["uri"]
    assert "X-Amz" not in text(result)


def test_a_large_result_is_a_link(agent: Agent, service: Service) -> None:
    service.clock.meanwhile = [service.work]
    result = agent.call("big")
    assert "structuredContent" not in result
    assert result["content"][1]["mimeType"] == "application/json"
    assert "first link" in text(result)


@pytest.mark.parametrize("kind", ["agent", "earlier"])
def test_a_failure_is_a_result_with_the_problem(
    service: Service, kind: str, request: pytest.FixtureRequest
) -> None:
    client: Agent = request.getfixturevalue(kind)
    service.clock.meanwhile = [service.work]
    result = client.call("hopeless")
    assert result["isError"] is True
    assert text(result) == 'The job has failed. The task cannot be done: "there is no such file"'
    error = result["structuredContent"]["error"]
    assert error["type"] == "/problems/permanent-error"
    assert error["detail"] == "there is no such file"


@pytest.mark.parametrize("kind", ["agent", "plain", "earlier"])
def test_arguments_that_do_not_fit_are_shown_to_the_model_and_store_nothing(
    service: Service, kind: str, request: pytest.FixtureRequest
) -> None:
    client: Agent = request.getfixturevalue(kind)
    result = client.call("order", {"lines": [{"article": 5}], "more": 1})
    assert result["isError"] is True
    pointers = [one["pointer"] for one in result["structuredContent"]["errors"]]
    assert pointers == ["/lines/0/article", "/more"]
    assert "- /lines/0/article: " in text(result)
    assert service.nothing_is_stored()


def test_an_unknown_tool_is_a_protocol_error(agent: Agent, service: Service) -> None:
    for name in ("nothing", "overtime.internal", "overtime_internal"):
        refused(agent.send("tools/call", name=name, arguments={}), 400, -32602)
    assert service.nothing_is_stored()


@pytest.mark.parametrize(
    "params", [{"name": "echo", "arguments": []}, {"name": "echo", "arguments": 5}]
)
def test_arguments_must_be_an_object(agent: Agent, params: dict[str, Any]) -> None:
    refused(agent.send("tools/call", **params), 400, -32602)


def test_a_call_repeated_under_its_key_is_one_job(agent: Agent) -> None:
    meta = {"overtime/idempotencyKey": "order 17"}
    first, second = (agent.call("echo", {"text": "a"}, _meta=meta) for _ in range(2))
    assert first["taskId"] == second["taskId"]
    refused(agent.send("tools/call", name="echo", arguments={"text": "b"}, _meta=meta), 400, -32602)


def test_a_key_is_that_of_the_http_api(agent: Agent, service: Service) -> None:
    job_id = service.submitted("echo", {"text": "a"}, Idempotency_Key="k")
    handle = agent.call("echo", {"text": "a"}, _meta={"overtime/idempotencyKey": "k"})
    assert handle["taskId"] == job_id


@pytest.mark.parametrize("key", ["", "x" * 256, 5])
def test_a_key_of_another_form_is_refused(agent: Agent, service: Service, key: Any) -> None:
    answer = agent.send(
        "tools/call", name="echo", arguments={}, _meta={"overtime/idempotencyKey": key}
    )
    refused(answer, 400, -32602)
    assert service.nothing_is_stored()


def test_a_result_names_its_job(agent: Agent, service: Service) -> None:
    service.clock.meanwhile = [service.work]
    job_id = agent.call("echo")["_meta"]["overtime/job"]
    assert service.job(job_id)["status"] == "succeeded"
