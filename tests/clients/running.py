"""The whole of `make run` on free ports, for clients to call."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.aws import ROOT


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        listening = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [one.getsockname()[1] for one in listening]


@contextmanager
def running(state: Path, folder: Path = ROOT, **settings: str) -> Iterator[str]:
    """The API's URL, until the end of the `with`. `folder` holds the project, `settings` are
    environment variables."""
    api, aws, push = free_ports(3)
    url, log = f"http://127.0.0.1:{api}", state.with_suffix(".log")
    ports = {"PORT": str(api), "AWS_PORT": str(aws), "WS_PORT": str(push)}
    environment = os.environ | ports | {"STATE": str(state), "SWEEP_SECONDS": "1"} | settings
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "local"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 90
        while not answers(url):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
