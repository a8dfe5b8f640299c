"""Public clients do real jobs by /mcp of a running service, each to its end."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients.mcp.conftest import HERE

OWN = {"get_job", "cancel_job", "create_upload"}


def said(*command: str | Path, cwd: Path) -> dict[str, Any]:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
def test_the_python_sdk_works_with_every_tool(
    url: str, python: Path, tmp_path: Path, mode: str, version: str
) -> None:
    saw = said(python, HERE / "agent.py", url, mode, cwd=tmp_path)
    assert saw["version"] == version
    assert set(saw["tools"]) >= {"report", "fetch", "thumbnails"} | OWN
    report = saw["report"]
    value = report["value"].get("result", report["value"])  # of get_job, or of the call itself
    assert (report["is_error"], value["rows"]) == (False, 3)
    links = {one["name"] for one in report["content"] if one["type"] == "resource_link"}
    assert "report.csv" in links
    assert saw["misfit"]["is_error"] is True
    assert [one["pointer"] for one in saw["misfit"]["value"]["errors"]] == ["/group_by"]
    assert saw["failure"]["is_error"] is True
    assert "This job always fails." in saw["failure"]["content"][0]["text"]
    assert saw["slow"]["value"]["status"] in ("queued", "running")
    assert saw["canceled"]["value"]["status"] == "canceled"


class TypeScript:
    def __init__(self, url: str, packages: Path) -> None:
        self.url, self.packages = url, packages

    def __call__(self, what: str, name: str, /, **arguments: Any) -> dict[str, Any]:
        given = json.dumps(arguments)
        node = self.packages / "node_modules/.bin/node"
        return said(node, "agent.mjs", self.url, what, name, given, cwd=self.packages)


@pytest.fixture
def agent(url: str, packages: Path) -> TypeScript:
    shutil.copy(HERE / "agent.mjs", packages)
    return TypeScript(url, packages)


def test_the_typescript_sdk_gets_a_result_by_a_tasks_handle(agent: TypeScript) -> None:
    saw = agent("call", "slow_compute", seconds=3, label="half way")
    assert (saw["era"], saw["kind"]) == ("modern", "task")
    assert saw["outcome"]["status"] == "completed"
    assert saw["outcome"]["result"]["structuredContent"] == "Took 3.0 seconds."


def test_a_new_process_gets_the_result_with_the_stored_task_id_alone(agent: TypeScript) -> None:
    reference = agent("start", "slow_compute", seconds=2)["reference"]
    assert set(reference) == {"endpointId", "generation", "taskId", "originalOperation"}
    saw = agent("resume", json.dumps(reference))
    assert saw["outcome"]["status"] == "completed", saw
    assert saw["outcome"]["result"]["structuredContent"] == "Took 2.0 seconds."


def test_the_typescript_sdk_cancels_a_task(agent: TypeScript) -> None:
    saw = agent("cancel", "slow_compute", seconds=60)
    assert saw["outcome"]["status"] == "cancelled"


def test_a_failure_reaches_the_typescript_sdk_as_a_result(agent: TypeScript) -> None:
    saw = agent("call", "failing_job")
    assert saw["kind"] == "task"
    result = saw["outcome"]["result"]
    assert result["isError"] is True
    assert "This job always fails." in result["content"][0]["text"]


def test_the_typescript_sdk_answers_the_question_of_a_job(agent: TypeScript) -> None:
    saw = agent("call", "confirm_delete", filename="old.txt")
    assert saw["questions"] == ["Delete old.txt?"]
    assert "input_required" in saw["seen"]
    assert saw["outcome"]["result"]["structuredContent"] == "old.txt is deleted."


def test_a_quick_tool_answers_at_once(agent: TypeScript) -> None:
    saw = agent("call", "greet", name="Ada")
    assert saw["kind"] == "immediate"
    assert saw["outcome"]["result"]["content"][0]["text"] == "Hello, Ada!"
