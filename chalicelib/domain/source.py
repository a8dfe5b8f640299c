"""What a task reads: a stream of bytes over chunks as they arrive from elsewhere."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator


class Source(io.RawIOBase):
    """A readable stream. `size` is what is left of it in bytes, None if nobody knows.

    Reads give what is there, as raw streams do: wrap it in io.BufferedReader for lines or
    exact counts. Closing it gives back what the chunks come over.
    """

    def __init__(
        self,
        chunks: Iterator[bytes],
        size: int | None,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        self.size = size
        self._chunks = chunks
        self._on_close = on_close
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        if self.size is not None:
            self.size -= count
        return count

    def close(self) -> None:
        if not self.closed:
            self._on_close()
        super().close()
