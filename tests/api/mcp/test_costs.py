"""What a call costs, and what a cold start pays."""

from __future__ import annotations

import pytest

from tests.api.harness import Service
from tests.api.mcp.harness import Agent
from tests.api.test_call_counts import calls, printed


@pytest.mark.parametrize(("seconds", "kind"), [(0, "agent"), (2, "agent"), (20, "earlier")])
def test_a_tools_call_costs_what_a_submit_costs(
    service: Service, seconds: int, kind: str, request: pytest.FixtureRequest
) -> None:
    client: Agent = request.getfixturevalue(kind)
    if not seconds:
        service.set(max_wait_seconds=0)
    with calls() as by_http:
        service.submit("echo", Prefer=f"wait={seconds}")
    with calls() as by_mcp:
        client.call("echo")
    assert by_mcp == by_http
    assert by_mcp[:2] == ["dynamodb.PutItem", "sqs.SendMessage"]
    assert bool(by_mcp[2:]) is bool(seconds)


def test_a_tasks_get_costs_one_read(agent: Agent, service: Service) -> None:
    handle = agent.call("busy")
    for _ in range(2):
        with calls() as made:
            agent.task(handle["taskId"])
        assert made == ["dynamodb.GetItem"]
        service.work()


@pytest.mark.parametrize("method", ["tools/list", "server/discover"])
def test_a_description_costs_no_call(agent: Agent, method: str) -> None:
    with calls() as made:
        agent.ask(method)
    assert made == []


def test_a_cold_start_of_anything_else_loads_the_routes_alone() -> None:
    code = (
        "import app, sys\n"
        "app.app.routes['/health']['GET'].view_function()\n"
        "print(*sorted(one for one in sys.modules if one.startswith('chalicelib.mcp')))"
    )
    assert printed(code) == ["chalicelib.mcp", "chalicelib.mcp.endpoint"]
