"""`chalice local` beside a `make run` that is on, and another command that has to find that run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws import ROOT
from tests.smoke.test_make_run import Run, finished_job, free_ports, runs, send, state

__all__ = ["runs", "state"]  # the fixtures

CHALICE = str(Path(sys.executable).with_name("chalice"))


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.terminate()
        process.wait(30)


def test_its_jobs_are_worked_on_and_its_refusals_are_those_of_make_run(
    state: Path, runs: list[Run], processes: list[subprocess.Popen[bytes]]
) -> None:
    api, aws, push, other = free_ports(4)
    run = Run(state, api, aws, push)
    runs.append(run)
    chosen = {"PORT", "AWS_PORT", "WS_PORT", "AWS_ENDPOINT_URL"}
    shell = {name: value for name, value in os.environ.items() if name not in chosen}
    shell["STATE"] = str(state)
    command = [CHALICE, "local", "--stage", "local", "--port", str(other), "--no-autoreload"]
    processes.append(subprocess.Popen(command, cwd=ROOT, env=shell, stdout=subprocess.DEVNULL))
    url = f"http://127.0.0.1:{other}"
    run.wait_for(lambda: answers(url))

    body = {"task": "fetch", "params": {"url": f"{run.url}/health"}}
    posted = json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    status, _, text = send("POST", f"{url}/jobs", posted, headers)
    assert status == 202, text
    job = json.loads(text)["id"]
    assert run.wait_for(lambda: finished_job(run, job))["status"] == "succeeded"

    ours, theirs = (send("GET", f"{one}/no/such/path", None, {}) for one in (run.url, url))
    assert (theirs[0], theirs[2]) == (ours[0], ours[2])
    assert theirs[0] == 404

    tokens = [sys.executable, "-m", "ops.tokens", "issue", "local", "ada"]
    issued = subprocess.run(tokens, cwd=ROOT, env=shell, capture_output=True, text=True)
    assert issued.returncode == 0, issued.stderr
    run.stop()
    asked = subprocess.run(tokens, cwd=ROOT, env=shell, capture_output=True, text=True)
    assert "`make run` is not on" in asked.stderr


def answers(url: str) -> bool:
    try:
        return send("GET", f"{url}/health", None, {})[0] == 200
    except urllib.error.URLError:
        return False
