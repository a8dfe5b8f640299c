"""The program of `make run`, in a copy of the project that has one task more."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.aws import ROOT

LEASE_SECONDS = 5
SWEEP_SECONDS = 2
START_SECONDS = 60
STOP_SECONDS = 60


class Stack:
    def __init__(self, folder: Path, workers: int) -> None:
        self.home = folder / "overtime"
        for name in ("chalicelib", "local", "ops", ".chalice"):
            ignored = shutil.ignore_patterns("__pycache__", "deployments", "deployed")
            shutil.copytree(ROOT / name, self.home / name, ignore=ignored)
        shutil.copy(ROOT / "app.py", self.home)
        shutil.copy(ROOT / "tests" / "faults" / "effects.py", self.home / "chalicelib" / "tasks")
        for name in (".venv", ".venv-aws"):
            (self.home / name).symlink_to(ROOT / name)
        self._quicken()
        port, aws_port, ws_port = _free_ports(3)
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "run.log"
        self.environment = os.environ | {
            "PORT": str(port),
            "AWS_PORT": str(aws_port),
            "WS_PORT": str(ws_port),
            "STATE": str(folder / "state"),
            "SWEEP_SECONDS": str(SWEEP_SECONDS),
            "WORKERS": str(workers),
            "HEAVY_WORKERS": "0",
        }

    def _quicken(self) -> None:
        """Short leases, so that a run sees many rescues."""
        path = self.home / ".chalice" / "config.json"
        config = json.loads(path.read_text())
        variables = config["stages"]["local"]["environment_variables"]
        variables["LEASE_SECONDS"] = str(LEASE_SECONDS)
        path.write_text(json.dumps(config))

    def start(self) -> None:
        greetings = self._greetings()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local"],
                cwd=self.home,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        until = time.monotonic() + START_SECONDS
        while self._greetings() == greetings:
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"make run did not start; it said:\n{self._tail()}")
            time.sleep(0.05)

    def pids(self, module: str) -> list[int]:
        """Processes of the run that execute this module."""
        listed = subprocess.run(
            ["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
        )
        rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
        mine = str(self.process.pid)
        return [int(pid) for pid, parent, args in rows if parent == mine and module in args]

    def kill(self) -> list[int]:
        """SIGKILL to the supervisor; returns its children, which have to go by themselves."""
        children = self.pids("local")
        self.process.kill()
        self.process.wait()
        return children

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_SECONDS)

    def _greetings(self) -> int:
        return self.log.read_text().count("runs at http") if self.log.exists() else 0

    def _tail(self) -> str:
        return "\n".join(self.log.read_text().splitlines()[-20:])


def wait_until_gone(pids: list[int], seconds: float = 40) -> None:
    until = time.monotonic() + seconds
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > until:
            raise RuntimeError("the children of a killed supervisor did not end")
        time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
