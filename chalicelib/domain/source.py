"""What a task reads: a stream of bytes over chunks as they arrive from elsewhere."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

from chalicelib.domain.errors import Busy, PermanentError
from chalicelib.domain.retry import retry_after

WORTH_ANOTHER_TRY = (408, 425, 429)  # and 500 or higher


class Source(io.RawIOBase):
    """A readable stream. `size` is the number of bytes left, None if unknown.

    A read returns the bytes that have arrived, as raw streams do: wrap it in io.BufferedReader to
    read lines or exact counts. Closing it releases the connection that the chunks come over.
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


def not_opened(url: str, status: int, asked: str, now: float) -> Exception:
    """The error for an answer other than the source: a PermanentError, or an OSError if another
    try may help. `asked` is its Retry-After header, `now` in seconds since 1970."""
    said = f"GET {url} answered {status}."
    if 300 <= status < 400:
        return PermanentError(f"{said} Redirects are not followed: name the URL that they lead to.")
    if 400 <= status < 500 and status not in WORTH_ANOTHER_TRY:
        return PermanentError(said)
    delay = retry_after(asked, now)
    return OSError(said) if delay is None else Busy(delay, said)
