"""docs/adopting.md: its task runs, its call reaches the API, and the files that it names exist."""

from __future__ import annotations

import json
import re
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import ModuleType
from typing import Any

import pytest

from chalicelib.testing import Bench
from tests.aws import ROOT

PAGE = (ROOT / "docs" / "adopting.md").read_text()
BEFORE, TASK, SUBMIT, AFTER = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def module() -> Iterator[ModuleType]:
    module = ModuleType("docs_adopting_page")
    sys.modules[module.__name__] = module  # where @task looks for the types of params
    yield module
    del sys.modules[module.__name__]


def test_its_task_runs_on_the_bench(module: ModuleType) -> None:
    exec(TASK, vars(module))
    done = Bench().run(module.monthly_report, {"month": "2026-02"})
    assert (done.status, done.result) == ("succeeded", {"rows": 28})


def test_its_call_is_a_submit(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, dict[str, str], Any]] = []

    class Api(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.path, dict(self.headers), json.loads(body)))
            self.send_response(202)
            self.end_headers()
            self.wfile.write(b'{"id": "j1"}')

        def log_message(self, format: str, *args: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OVERTIME_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("OVERTIME_TOKEN", "ot_1")
    exec(SUBMIT, vars(module))
    assert module.submit("monthly-report", {"month": "2026-02"}, "ada-2026-02") == {"id": "j1"}
    server.shutdown()
    server.server_close()
    [(path, headers, body)] = asked
    assert (path, body) == ("/jobs", {"task": "monthly-report", "params": {"month": "2026-02"}})
    assert headers["Authorization"] == "Bearer ot_1"
    assert headers["Idempotency-Key"] == "ada-2026-02"


@pytest.mark.parametrize("code", [BEFORE, AFTER])
def test_its_routes_are_python(code: str) -> None:
    compile(code, "docs/adopting.md", "exec")


def test_it_names_the_tasks_that_are_ours() -> None:
    ours = tomllib.loads((ROOT / "chalicelib" / "tasks" / "ruff.toml").read_text())["include"]
    for pattern in ours:
        name = pattern.partition("/")[0].removesuffix(".py")
        assert name == "__init__" or f"`{name}`" in PAGE


def test_the_files_that_both_change_exist_and_git_leaves_the_secrets_alone() -> None:
    rows = dict(re.findall(r"^\| ([^|]+) \| (`[^|]+) \|$", PAGE, re.MULTILINE))
    for row in ("ours, and you add to them", "made of others"):
        for name in re.findall(r"`([^`]+)`", rows[row]):
            assert list(ROOT.glob(name)), name
    assert "/.secrets.json" in (ROOT / ".gitignore").read_text()
