"""The process that makes thumbnails: requests come in by stdin, and go out by stdout.

A request is a line of JSON, `bytes`, `sizes` and `format`, and then the file, of so many bytes. For
each size comes a line, `format`, `width`, `height` and `bytes`, and then the thumbnail; or one
line with the `error` in place of those that are missing.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys
from typing import Any

from .scale import thumbnails
from .stripped import Unreadable


def main(mebibytes: int, seconds: int) -> None:
    """Within so much memory, and so much of the processor's time a thumbnail."""
    with contextlib.suppress(ValueError, OSError):  # macOS cannot limit it
        resource.setrlimit(resource.RLIMIT_AS, (mebibytes << 20, mebibytes << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while line := sys.stdin.buffer.readline():
        asked = json.loads(line)
        data = sys.stdin.buffer.read(asked["bytes"])
        answer(data, asked, seconds)


def answer(data: bytes, asked: dict[str, Any], seconds: int) -> None:
    try:
        allow(seconds)
        for made in thumbnails(data, asked["sizes"], asked["format"]):
            described = {"format": made.format, "width": made.width, "height": made.height}
            reply(described | {"bytes": len(made.data)}, made.data)
            allow(seconds)
    except Unreadable as error:
        reply({"error": str(error)})
    except MemoryError:
        reply({"error": "The picture takes too much memory to read."})
    except Exception as error:  # decoders raise what the damage leads them to
        reply({"error": f"The picture cannot be read: {error}"})


def allow(seconds: int) -> None:
    """More of the processor's time. Where it ends the process ends, by SIGXCPU."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds, most))


def reply(header: dict[str, Any], data: bytes = b"") -> None:
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n" + data)
    sys.stdout.buffer.flush()
