"""The process in which pictures are decoded: bounded in time and memory, and ended with the job."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal

import msgspec

from chalicelib.tasks import PermanentError

MEBIBYTES = 1_536  # of addresses; the worker of the heavy lane has 2,048 MiB for both processes
SECONDS = 30  # of the processor's time, until the first thumbnail and from each to the next
# All that it inherits is this process's search path, so it runs wherever this one does.
START = """
import sys
mebibytes, seconds, *sys.path = sys.argv[1:]
from imaging.serve import main
main(int(mebibytes), int(seconds))
"""
FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM)

Format = Literal["jpeg", "png", "webp"]


class Temporary(Exception):
    """Another attempt may succeed. `delay` is in seconds, None unless the other side named it."""

    headline = "Some pictures wait for another attempt"

    def __init__(self, message: str, delay: float | None = None) -> None:
        super().__init__(message)
        self.delay = delay


class Reply(msgspec.Struct):
    """A thumbnail, or why there is none."""

    error: str = ""
    format: Format = "png"
    width: int = 0
    height: int = 0
    bytes: int = 0


class Decoder:
    """Starts the process for the first picture, and a new one after a picture that ended it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Decoder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._end()

    def thumbnails(
        self, data: bytes, sizes: Sequence[int], target: Format | None
    ) -> Iterator[tuple[int, Reply, bytes]]:
        """For each size the thumbnail's description and its file. Raises PermanentError where the
        picture cannot be read within the limits, Temporary where the process was killed."""
        process = self._process = self._process or _started()
        assert process.stdin is not None
        assert process.stdout is not None
        complete = False
        try:
            asked = {"bytes": len(data), "sizes": sizes, "format": target}
            with contextlib.suppress(BrokenPipeError):  # reading tells why
                process.stdin.write(msgspec.json.encode(asked) + b"\n")
                process.stdin.write(data)
                process.stdin.flush()
            for size in sizes:
                line = process.stdout.readline()
                if not line.endswith(b"\n"):
                    raise _reason(process.wait())
                reply = msgspec.json.decode(line, type=Reply)
                complete = bool(reply.error)
                if reply.error:
                    raise PermanentError(reply.error)
                file = process.stdout.read(reply.bytes)
                if len(file) < reply.bytes:
                    raise _reason(process.wait())
                yield size, reply, file
            complete = True
        finally:
            if not complete:  # what it still sends would be taken for the next picture's
                self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                with contextlib.suppress(BrokenPipeError):  # of what was not sent yet
                    pipe.close()
            process.wait()


def _started() -> subprocess.Popen[bytes]:
    # -I and -S: neither the working folder nor Python's variables add to that path
    command = [sys.executable, "-I", "-S", "-c", START, str(MEBIBYTES), str(SECONDS)]
    return subprocess.Popen(
        [*command, str(Path(__file__).parent), *sys.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=0,  # Ctrl-C is for the worker, which may finish its job first
    )


def _reason(code: int) -> Exception:
    """For which signal the process ended, or with which exit code."""
    if code == -signal.SIGXCPU:
        return PermanentError(f"The picture takes over {SECONDS} seconds to read.")
    if code < 0 and -code not in FROM_OUTSIDE:
        return PermanentError("The picture crashes its decoder.")
    return Temporary(f"The picture's decoder ended with {code}.")
