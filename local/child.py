"""One child process of the supervisor: started, heard, stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping

from local.lines import Polls, Tone, readable
from local.settings import ROOT
from local.terminal import shown

WIDTH = 8  # of the longest name, so that the lines of all children align
# ANSI: cyan, green, yellow, blue, magenta, light blue
COLOURS = {"api": 36, "default": 32, "heavy": 33, "webhooks": 34, "sweep": 35, "push": 94}
TONES: dict[Tone, int] = {"good": 32, "odd": 33, "bad": 31}  # green, yellow, red
_one_line_at_a_time = threading.Lock()


class Child:
    def __init__(self, name: str, function: str, *command: str) -> None:
        """`function` is the Lambda function that it stands for, `command` what `python -m` runs."""
        self.name = name
        self.function = function
        self._command = command
        self._started_at = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    def start(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", *self._command],
            cwd=ROOT,
            env={**environment, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,  # the parent_watchdog
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the terminal's Ctrl-C is the supervisor's to pass on
        )
        self._started_at = time.monotonic()
        self._reader = threading.Thread(target=self._pass_on, args=[self._process], daemon=True)
        self._reader.start()

    def _pass_on(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        polls = Polls()
        for line in process.stdout:
            for one in polls.fold(readable(line.decode(errors="replace").rstrip("\n"))):
                say(one.text, of=self.name, tone=one.tone)

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def dead(self) -> bool:
        """Started, and ended without having been told to."""
        return self._process is not None and self._process.poll() is not None

    @property
    def age(self) -> float:
        """Seconds since its start."""
        return time.monotonic() - self._started_at

    @property
    def end(self) -> str:
        code = self._process.poll() if self._process else None
        return f"killed by signal {-code}" if code is not None and code < 0 else f"exit code {code}"

    def terminate(self) -> None:
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """Ends it and whatever its task has started: they are a session of their own."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._reader is not None:
            self._reader.join(timeout=1)  # its last lines
        self._process = None


def say(text: str, of: str | None = None, tone: Tone = None) -> None:
    """Prints a line. That of a child bears its name, and on a terminal the colour of its tone."""
    if of is not None:
        # a task may log text from clients
        name = _coloured(f"{of:<{WIDTH}} |", COLOURS.get(of, 37))
        text = f"{name} {_coloured(shown(text), TONES.get(tone))}"
    # the reader may be gone, as in `make run | head` or with a closed terminal
    with _one_line_at_a_time, contextlib.suppress(OSError):
        print(text, flush=True)


def _coloured(text: str, code: int | None) -> str:
    if code is None or not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{code}m{text}\033[0m"
