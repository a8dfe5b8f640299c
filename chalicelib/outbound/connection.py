"""One exchange over HTTP with addresses that have been judged, within a time that is given.

http.client, since it does nothing of its own accord: it follows no redirect, keeps no
connection, asks no proxy and resolves no name once `connect` is ours.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.outbound.addresses import Address
from chalicelib.outbound.guard import Target

CONNECT_SECONDS = 10.0  # to one address; the next may answer

Monotonic = Callable[[], float]


@dataclass
class Deadline:
    """When an exchange must be over, and how long its other end may be silent, in seconds."""

    silence: float
    ends_at: float
    clock: Monotonic = time.monotonic

    def left(self) -> float:
        """For the next wait. Raises TimeoutError where there is none."""
        left = min(self.silence, self.ends_at - self.clock())
        if left <= 0:
            raise TimeoutError("it takes too long")
        return left


class _Socket(socket.socket):
    """Python's timeouts count anew with every byte received; this one does not."""

    deadline: Deadline

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(self.deadline.left())
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self.settimeout(self.deadline.left())
        super().sendall(*args, **kwargs)


class _TlsSocket(ssl.SSLSocket):
    deadline: Deadline

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(self.deadline.left())
        return super().recv_into(*args, **kwargs)

    def send(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(self.deadline.left())
        return super().send(*args, **kwargs)


class Connection(http.client.HTTPConnection):
    def __init__(
        self,
        target: Target,
        addresses: Sequence[Address],
        deadline: Deadline,
        tls: ssl.SSLContext,
    ) -> None:
        super().__init__(target.host, target.port)
        self.default_port = {"https": 443, "http": 80}[target.scheme]  # left out of Host
        self._target, self._addresses = target, addresses
        self._deadline, self._tls = deadline, tls

    def connect(self) -> None:
        plain = self._connected()
        if self._target.scheme == "http":
            self.sock = plain
            return
        plain.settimeout(self._deadline.left())  # for the whole of the handshake
        self._tls.sslsocket_class = _TlsSocket
        # The name is what the certificate must be for, whichever address it leads to.
        secure = self._tls.wrap_socket(plain, server_hostname=self._target.host)
        secure.deadline = self._deadline  # type: ignore[attr-defined]
        self.sock = secure

    def _connected(self) -> _Socket:
        """To the first address that answers."""
        failure: OSError | None = None
        for address in self._addresses:
            family = socket.AF_INET if address.version == 4 else socket.AF_INET6
            plain = _Socket(family, socket.SOCK_STREAM)
            plain.deadline = self._deadline
            try:
                plain.settimeout(min(self._deadline.left(), CONNECT_SECONDS))
                plain.connect((str(address), self._target.port))
                return plain
            except OSError as error:
                plain.close()
                failure = error
        raise failure or OSError("There is no address to connect to.")
