"""The local AWS of `make run`, on a free port with a state of its own."""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from local.aws import LocalAws
from local.settings import read_settings
from tests.aws import ROOT


def not_installed() -> str | None:
    """What this checkout lacks to run it; None if nothing."""
    python = ROOT / ".venv-aws" / "bin" / "python"
    return None if python.exists() else "The local AWS is not installed: make aws"


@contextmanager
def ministack(**otherwise: str) -> Iterator[str]:
    """Its endpoint's URL, while inside. `otherwise` are settings of its own."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
        probe.close()
        settings = replace(read_settings({}), aws_port=port, state=Path(folder))
        aws = LocalAws(settings, everything=True, **otherwise)
        aws.start(time.sleep)
        try:
            yield aws.settings.aws_url
        finally:
            aws.stop()
