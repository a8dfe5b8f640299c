"""How all of `make run` ends, and what that costs a job that is running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.aws import ROOT
from tests.deploy.project import Project
from tests.smoke.test_make_run import Run, alive, free_ports, runs, state
from tests.websocket import connected, ticket

__all__ = ["runs", "state"]  # the fixtures

TASKS = """
import subprocess
import sys
import time

from chalicelib.tasks import Job, task


@task("count", max_attempts=1)
def count(job: Job, params: dict) -> dict:
    number = job.state or 0
    while number < params["to"]:
        number += 1
        job.checkpoint(number)
        job.progress(number / params["to"], str(number))
        time.sleep(0.2)
    return {"attempt": job.attempt}


@task("finish", max_attempts=1)
def finish(job: Job, params: dict) -> dict:
    job.progress(0.5, "started")
    time.sleep(1.5)
    return {"attempt": job.attempt}


@task("hang")
def hang(job: Job, params: dict) -> None:
    sleeping = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    job.progress(0.5, str(sleeping.pid))
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = Project(tmp_path_factory.mktemp("stopping") / "project")
    project.path("chalicelib/tasks/counting.py").write_text(TASKS)
    project.path(".venv-aws").symlink_to(ROOT / ".venv-aws")
    return project.folder


def submit(run: Run, task: str, **params: Any) -> str:
    status, _, body = run.call("POST", "/jobs", {"task": task, "params": params})
    assert status == 202, body
    return str(json.loads(body)["id"])


def message(run: Run, job: str) -> str | None:
    progress = run.get(f"/jobs/{job}")["progress"]
    return progress["message"] if progress else None


def finished(run: Run, job: str) -> Any:
    return run.wait_for(lambda: (found := run.get(f"/jobs/{job}"))["finished_at"] and found)


def verbs(run: Run, job: str) -> list[str]:
    events = run.get(f"/jobs/{job}/events")["events"]
    return [event["verb"] for event in events if event["type"] == "transition"]


def test_a_stopped_run_costs_its_jobs_no_attempt(home: Path, state: Path, runs: list[Run]) -> None:
    api, aws, push = free_ports(3)
    run = Run(state, api, aws, push, home=home)
    runs.append(run)
    counting, finishing = submit(run, "count", to=25), submit(run, "finish")
    run.wait_for(lambda: message(run, counting) and message(run, finishing))
    admitting = ticket(run.url)
    with connected(admitting["url"], admitting["ticket"]) as client:
        client.subscribe(counting)
        run.stop()
        pushed = client.until_closed()
    assert pushed[-1]["job"]["wait_reason"] == "continuing", "WebSockets stop after the workers"
    assert "is cut off" not in run.log.read_text()

    again = Run(state, api, aws, push, home=home)
    runs.append(again)
    assert finished(again, finishing)["result"] == {"attempt": 1}
    assert finished(again, counting)["result"] == {"attempt": 1}
    assert verbs(again, finishing) == ["submit", "claim", "succeed"]
    assert verbs(again, counting) == ["submit", "claim", "continue", "claim", "succeed"]
    again.stop()


def test_a_reload_costs_a_job_no_attempt(home: Path, state: Path, runs: list[Run]) -> None:
    api, aws, push = free_ports(3)
    run = Run(state, api, aws, push, home=home)
    runs.append(run)
    counting = submit(run, "count", to=25)
    run.wait_for(lambda: message(run, counting))
    (home / "chalicelib" / "tasks" / "another.py").touch()
    run.wait_for(lambda: "Reloaded" in run.log.read_text())
    done = finished(run, counting)
    assert done["result"] == {"attempt": 1}
    assert "continue" in verbs(run, counting)
    run.stop()


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[list[int]]:
    """Process ids that a test expects to end; what is left of them is killed afterwards."""
    left: list[int] = []
    yield left
    for pid in filter(alive, left):
        os.kill(pid, signal.SIGKILL)


def test_a_killed_supervisor_leaves_no_orphans(
    home: Path, state: Path, runs: list[Run], beside: list[int]
) -> None:
    api, aws, push = free_ports(3)
    run = Run(state, api, aws, push, home=home)
    runs.append(run)
    hanging = submit(run, "hang")
    beside += [*run.children(), int(run.wait_for(lambda: message(run, hanging)))]
    run.process.kill()
    assert not left_after(30, beside)


def left_after(seconds: float, pids: list[int]) -> list[int]:
    """Those that did not end."""
    waiting = [f"while kill -0 {pid} 2>/dev/null; do sleep 0.2; done" for pid in pids]
    try:
        subprocess.run(["sh", "-c", "; ".join(waiting)], timeout=seconds)
    except subprocess.TimeoutExpired:
        return [pid for pid in pids if alive(pid)]
    return []


MAKE = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-m", "local"], env={**os.environ, "MAKELEVEL": "1"})
print(child.pid, flush=True)
child.wait()
"""


def test_a_killed_make_leaves_no_orphans(home: Path, state: Path, beside: list[int]) -> None:
    api, aws, push = map(str, free_ports(3))
    chosen = {"PORT": api, "AWS_PORT": aws, "WS_PORT": push, "STATE": str(state)}
    make = subprocess.Popen(
        [sys.executable, "-c", MAKE],
        cwd=home,
        env=os.environ | chosen,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert make.stdout is not None
    beside.append(int(make.stdout.readline()))
    assert any("runs at" in line for line in make.stdout)
    make.kill()
    make.wait()
    assert not left_after(30, beside)
