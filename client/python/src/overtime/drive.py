"""The thin part: performs steps with httpx2, once for threads and once for asyncio."""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager
from functools import partial
from io import BytesIO
from typing import IO, Any, TypeVar
from urllib.parse import urlsplit

import anyio
import httpx2

from overtime.errors import TransferFailed
from overtime.steps import Answer, Broken, Call, Send, Sleep, Source, Step, Steps, Target
from overtime.version import __version__

T = TypeVar("T")
CHUNK = 256 * 1024
CONNECT_SECONDS = 10.0
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def settings(base: str) -> dict[str, Any]:
    """Of an httpx2 client. Calls to this machine go past the environment's proxies."""
    return {
        "headers": {"User-Agent": f"overtime-client/{__version__}"},
        "trust_env": urlsplit(base).hostname not in LOOPBACK,
        "follow_redirects": False,
    }


class SyncDriver:
    def __init__(self, base: str) -> None:
        self.http = httpx2.Client(**settings(base))

    def run(self, steps: Steps[T]) -> T:
        try:
            step = next(steps)
            while True:
                try:
                    value = self.perform(step)
                except Exception as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(value)
        except StopIteration as end:
            value_at_end: T = end.value
            return value_at_end
        finally:
            steps.close()  # at once, also after Ctrl-C: a file half written is removed

    def perform(self, step: Step) -> object:
        match step:
            case Sleep(seconds):
                time.sleep(seconds)
                return None
            case Call(function, arguments):
                return function(*arguments)
            case Send():
                return self.send(step)

    def send(self, send: Send) -> Answer:
        body = send.body if isinstance(send.body, bytes) else reported(send.body)
        sink = Sink(send.into)
        with sink, breaking(sink), self.http.stream(**arguments(send, body)) as answer:
            if not sink.takes(answer):
                return whole(answer, answer.read())
            for chunk in answer.iter_raw(CHUNK):
                sink.write(chunk)
                sink.report()
            return sink.done(answer)


class AsyncDriver:
    def __init__(self, base: str) -> None:
        self.http = httpx2.AsyncClient(**settings(base))

    async def run(self, steps: Steps[T]) -> T:
        try:
            step = next(steps)
            while True:
                try:
                    value = await self.perform(step)
                except Exception as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(value)
        except StopIteration as end:
            value_at_end: T = end.value
            return value_at_end
        finally:
            steps.close()  # also where the caller's task was canceled

    async def perform(self, step: Step) -> object:
        match step:
            case Sleep(seconds):
                await anyio.sleep(seconds)
                return None
            case Call(function, arguments):
                made = function(*arguments)
                return await made if inspect.isawaitable(made) else made
            case Send():
                return await self.send(step)

    async def send(self, send: Send) -> Answer:
        body = send.body if isinstance(send.body, bytes) else reported_from_threads(send.body)
        sink = Sink(send.into)
        with sink, breaking(sink):
            async with self.http.stream(**arguments(send, body)) as answer:
                if not sink.takes(answer):
                    return whole(answer, await answer.aread())
                async for chunk in answer.aiter_raw(CHUNK):
                    await anyio.to_thread.run_sync(sink.write, chunk)
                    sink.report()
                return sink.done(answer)


class Sink:
    """Where a download goes; takes nothing where there is none, or for an answer without it."""

    def __init__(self, target: Target | None) -> None:
        self.target, self.received = target, target.offset if target else 0
        self.file: IO[bytes] | None = None

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, *_: object) -> None:
        if self.file is not None:
            self.file.close()

    def takes(self, answer: httpx2.Response) -> bool:
        if self.target is None or answer.status_code not in (200, 206):
            return False
        if answer.status_code == 200:
            self.received = 0
        self.file = self.target.path.open("r+b" if self.received else "wb")
        self.file.seek(self.received)
        return True

    def write(self, chunk: bytes) -> None:
        assert self.file is not None
        self.received += self.file.write(chunk)

    def report(self) -> None:
        if self.target is not None:
            self.target.report(self.received)

    def done(self, answer: httpx2.Response) -> Answer:
        if self.target is not None and self.received != self.target.size:
            raise TransferFailed(
                f"{self.received} bytes arrived of the {self.target.size} that the job attached."
            )
        return whole(answer, b"")


class breaking(AbstractContextManager[None]):  # noqa: N801
    """Makes one kind of error of all that a connection may suffer."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        reason = str(error) or type(error).__name__
        if isinstance(error, (httpx2.RequestError, httpx2.StreamError)):
            early = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
            connected = not isinstance(error, early)
            raise Broken(reason, connected=connected, received=self.sink.received) from error


def arguments(send: Send, body: Any) -> dict[str, Any]:
    headers = dict(send.headers)
    if isinstance(send.body, Source):
        headers["Content-Length"] = str(send.body.size)
    if send.into is not None:
        headers["Accept-Encoding"] = "identity"  # so that bytes and ranges are the file's own
    return {
        "method": send.method,
        "url": send.url,
        "headers": headers,
        "content": body or None,
        "timeout": httpx2.Timeout(send.seconds, connect=min(CONNECT_SECONDS, send.seconds)),
    }


def whole(answer: httpx2.Response, body: bytes) -> Answer:
    return Answer(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, body)


def chunks_of(source: Source) -> Iterator[bytes]:
    content = source.content
    with BytesIO(content) if isinstance(content, bytes) else content.open("rb") as opened:
        yield from iter(partial(opened.read, CHUNK), b"")


def reported(source: Source) -> Iterator[bytes]:
    sent = 0
    for chunk in chunks_of(source):
        yield chunk
        sent += len(chunk)
        source.report(sent)
    check_length(source, sent)


def check_length(source: Source, sent: int) -> None:
    if sent != source.size:
        raise TransferFailed(
            f"The file changed while it was sent: {source.size} bytes, now {sent}."
        )


async def reported_from_threads(source: Source) -> AsyncIterator[bytes]:
    """Reads the disk outside the event loop."""
    sent, chunks = 0, chunks_of(source)
    while (chunk := await anyio.to_thread.run_sync(next, chunks, None)) is not None:
        yield chunk
        sent += len(chunk)
        source.report(sent)
    check_length(source, sent)
