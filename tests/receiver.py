"""A server on this machine that answers what a test tells it to, byte by byte where need be."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Answer = Callable[[socket.socket], object]


@dataclass
class Receiver:
    """`requests` are the raw requests, each up to the end of what it announced."""

    port: int
    answer: Answer
    tls: ssl.SSLContext | None = None
    requests: list[bytes] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def serve(self, listener: socket.socket) -> None:
        while not self.done.is_set():
            with suppress(OSError):
                connection, _ = listener.accept()
                threading.Thread(target=self._converse, args=[connection], daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(10)
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection:
                self.requests.append(_read(connection))
                self.answer(connection)


def _read(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65_536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    while len(body) < length:
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


@contextmanager
def receiving(answer: Answer | bytes, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Until the end of the `with`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        respond = answer if callable(answer) else lambda connection: connection.sendall(answer)
        receiver = Receiver(listener.getsockname()[1], respond, tls)
        thread = threading.Thread(target=receiver.serve, args=[listener])
        thread.start()
        try:
            yield receiver
        finally:
            receiver.done.set()
            thread.join()


def response(status: int, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def dripping(data: bytes, every: float, until: threading.Event) -> Answer:
    """A byte every so many seconds, until told to stop."""

    def answer(connection: socket.socket) -> None:
        for number in range(len(data)):
            connection.sendall(data[number : number + 1])
            if until.wait(every):
                return

    return answer
