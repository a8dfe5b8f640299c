"""What the decisions ask of the outside, one step at a time.

A decision is a generator: it yields a step, is sent what came of it, and returns its value. The
same generators serve the sync and the async client, and tests without any network.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
OnBytes = Callable[[int, int], object]
"""Called with the bytes so far, and the bytes in all."""


@dataclass(frozen=True, kw_only=True)
class Transfer:
    size: int
    on_bytes: OnBytes | None = None

    def report(self, done: int) -> None:
        if self.on_bytes is not None:
            self.on_bytes(done, self.size)


@dataclass(frozen=True)
class Source(Transfer):
    """Bytes to upload: of a file, or as they are."""

    content: Path | bytes


@dataclass(frozen=True)
class Target(Transfer):
    """The file that the answer's body goes into, from byte `offset` on."""

    path: Path
    offset: int = 0


@dataclass(frozen=True)
class Send:
    """A request. It is answered with an Answer, or Broken is raised."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Source = b""
    into: Target | None = None
    seconds: float = 30.0
    """To wait for the next byte of the answer."""

    def resumed_at(self, offset: int) -> Send:
        """The rest of a download that broke off."""
        if self.into is None or offset == 0:
            return self
        into = dataclasses.replace(self.into, offset=offset)
        headers = {**self.headers, "Range": f"bytes={offset}-"}
        return dataclasses.replace(self, into=into, headers=headers)


@dataclass(frozen=True)
class Sleep:
    seconds: float


@dataclass(frozen=True)
class Call:
    """A function of the caller's, or one that touches the disk."""

    function: Callable[..., object]
    arguments: tuple[object, ...] = ()


Step = Send | Sleep | Call
Steps = Generator[Step, Any, T]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    """Names in lowercase."""
    body: bytes = b""
    repeated: bool = False
    """An earlier try may have had its effect though its answer was lost."""


class Broken(Exception):
    """No whole answer. `connected` False: the request cannot have arrived. `received`: the bytes
    that a download has in its file."""

    def __init__(self, reason: str, *, connected: bool, received: int = 0) -> None:
        super().__init__(reason)
        self.connected, self.received = connected, received
