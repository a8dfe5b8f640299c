"""DynamoDB Local, Amazon's own engine: fetched once by npm, run by Java on a free port."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.aws import ROOT

PACKAGE, VERSION = "amplify-dynamodb-simulator", "2.9.30"
HOME = ROOT / ".local" / "dynamodb-local"
START_SECONDS = 60


def missing() -> str | None:
    """What this machine lacks to run it; None if nothing."""
    lacking = [tool for tool in ("java", "npm") if shutil.which(tool) is None]
    return f"DynamoDB Local needs {' and '.join(lacking)}" if lacking else None


@contextmanager
def dynamodb_local() -> Iterator[str]:
    """Its endpoint's URL, while inside."""
    emulator, port = _installed(), _free_port()
    process = subprocess.Popen(
        [
            "java",
            f"-Djava.library.path={emulator / 'DynamoDBLocal_lib'}",
            "-jar",
            str(emulator / "DynamoDBLocal.jar"),
            "-inMemory",
            "-disableTelemetry",
            "-port",
            str(port),
        ],
        cwd=emulator,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _installed() -> Path:
    emulator = HOME / "package" / "emulator"
    if not (HOME / VERSION).exists():
        HOME.mkdir(parents=True, exist_ok=True)
        npm = ["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"]
        name = subprocess.run(npm, cwd=HOME, check=True, capture_output=True, text=True).stdout
        archive = HOME / name.split()[-1]
        with tarfile.open(archive) as tar:
            tar.extractall(HOME, filter="data")
        archive.unlink()
        (HOME / VERSION).touch()  # last, so that a download cut off is made again
    return emulator


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise RuntimeError(f"DynamoDB Local did not answer on port {port}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
