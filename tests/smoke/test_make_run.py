"""The whole program of `make run`, driven over HTTP like a user would, and stopped like one would.

It starts real processes on free ports and keeps the local AWS's data in a temporary folder.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CSV = b"carrier,delay\nAA,12\nAA,4\nUA,7\n"
TASK = "report"


def params(source: str) -> dict[str, Any]:
    return {"source": source, "group_by": ["carrier"], "metrics": ["count", "mean(delay)"]}


class Run:
    """One run of the program, from its greeting to its exit code."""

    def __init__(
        self, state: Path, port: int, aws_port: int, ws_port: int, home: Path = ROOT
    ) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = state.with_suffix(".log")
        environment = os.environ | {
            "PORT": str(port),
            "AWS_PORT": str(aws_port),
            "WS_PORT": str(ws_port),
            "STATE": str(state),
            "SWEEP_SECONDS": "1",
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local"],
                cwd=home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.wait_for(lambda: f"runs at {self.url}" in self.log.read_text(), seconds=60)

    def wait_for(self, holds: Any, seconds: float = 30) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            if value := holds():
                return value
            time.sleep(0.1)
        pytest.fail(f"waited {seconds} s in vain; the program said:\n{self.log.read_text()}")

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, str], bytes]:
        headers = {"Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        return send(method, path if "://" in path else self.url + path, data, headers)

    def get(self, path: str) -> dict[str, Any]:
        status, _, body = self.call("GET", path)
        assert status == 200, body
        value: dict[str, Any] = json.loads(body)
        return value

    def children(self) -> list[int]:
        listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True)
        pairs = [line.split() for line in listed.stdout.splitlines()]
        return [int(pid) for pid, parent in pairs if int(parent) == self.process.pid]

    def stop(self) -> None:
        children = self.children()
        assert len(children) >= 6, "the local AWS, the API, WebSockets, workers and the sweeper"
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(60) == 0, self.log.read_text()
        assert not [pid for pid in children if alive(pid)]


class WithoutRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def send(
    method: str, url: str, data: bytes | None, headers: dict[str, str]
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body; no proxy, no redirect followed, no status an exception."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), WithoutRedirects)
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, dict(answer.headers), answer.read()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def runs(state: Path) -> Iterator[list[Run]]:
    """What a test starts, it finds stopped afterwards, whatever happened in between."""
    started: list[Run] = []
    yield started
    for run in started:
        if run.process.poll() is None:
            run.process.terminate()
            try:
                run.process.wait(60)
            except subprocess.TimeoutExpired:
                run.process.kill()


def test_a_job_runs_and_its_record_outlives_a_restart(state: Path, runs: list[Run]) -> None:
    api, aws, push = free_ports(3)
    run = Run(state, api, aws, push)
    runs.append(run)
    assert run.get("/health")["status"] == "ok"

    job = submit_report(run)
    finished = run.wait_for(lambda: finished_job(run, job))
    assert finished["status"] == "succeeded", finished
    assert result_of(run, finished)
    assert artifact_of(run, finished)
    assert run.call("GET", "/no/such/path")[0] == 404
    run.stop()

    again = Run(state, api, aws, push)
    runs.append(again)
    assert again.get(f"/jobs/{job}")["status"] == "succeeded"
    again.stop()


def submit_report(run: Run) -> str:
    wanted = {"filename": "flights.csv", "content_type": "text/csv", "size": len(CSV)}
    status, _, body = run.call("POST", "/uploads", wanted)
    assert status == 201, body
    ticket = json.loads(body)
    put = ticket["upload"]
    status, _, body = send(put["method"], put["url"], CSV, put["headers"])
    assert status == 200, body

    status, headers, body = run.call(
        "POST", "/jobs", {"task": TASK, "params": params(ticket["id"])}
    )
    assert status == 202, body
    job: str = json.loads(body)["id"]
    assert headers["Location"] == f"{run.url}/jobs/{job}"
    return job


def finished_job(run: Run, job: str) -> dict[str, Any] | None:
    record = run.get(f"/jobs/{job}")
    return record if record["status"] in ("succeeded", "failed", "canceled") else None


def result_of(run: Run, job: dict[str, Any]) -> Any:
    status, headers, body = run.call("GET", f"/jobs/{job['id']}/result")
    if status == 303:  # kept outside the record
        status, _, body = send("GET", headers["Location"], None, {})
    assert status == 200, body
    return json.loads(body)


def artifact_of(run: Run, job: dict[str, Any]) -> bytes:
    name = job["artifacts"][0]["name"]
    status, headers, body = run.call("GET", f"/jobs/{job['id']}/artifacts/{name}")
    assert status == 303, body
    status, _, body = send("GET", headers["Location"], None, {})
    assert status == 200, body
    return body
