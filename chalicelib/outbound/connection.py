"""One HTTP/1.1 exchange with an address that the guard has checked.

h11 implements the protocol without I/O, and this file opens the socket itself. So nothing here
resolves a name, follows a redirect, uses a proxy or reuses a connection: only the checked address
is called.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

import h11

from chalicelib.domain.errors import PermanentError
from chalicelib.outbound.addresses import Address
from chalicelib.outbound.guard import Target
from chalicelib.outbound.limits import Pace, TimeLimit

CHUNK = 64 * 1024  # bytes
CONNECT_SECONDS = 10.0  # to one address; the next may answer
HEAD_AT_MOST = 256 * 1024  # bytes before an answer's body, including informational answers
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([2-9][0-9]{2})( [^\r\n]*)?\r?\n")


class Connection:
    """A request and its answer, over one connection. Close it afterwards.

    Once the status line has arrived, there is an answer. If the rest cannot be read, because it is
    malformed, too long or missing, `status` is set, `headers` is empty and `failure` says why.
    """

    status: int
    headers: Mapping[str, str]
    failure: Exception | None = None

    def __init__(
        self,
        target: Target,
        addresses: Sequence[Address],
        limit: TimeLimit,
        tls: ssl.SSLContext,
    ) -> None:
        """Connects. Raises OSError."""
        self.pace: Pace | None = None
        self._target, self._limit = target, limit
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_AT_MOST)
        self._socket = _connected(target, addresses, limit, tls)

    def close(self) -> None:
        self._socket.close()

    def ask(self, method: str, headers: Mapping[str, str], body: bytes | None) -> None:
        """Send the request and read the answer up to its body. Raises PermanentError for a request
        that HTTP cannot send, OSError if no answer comes."""
        try:
            request = self._protocol.send(
                h11.Request(method=method, target=self._target.path, headers=list(headers.items()))
            )
            request += self._protocol.send(h11.Data(body)) if body else b""
            request += self._protocol.send(h11.EndOfMessage())
        except (h11.LocalProtocolError, UnicodeError) as error:
            raise PermanentError(f"HTTP cannot send this request: {error}") from None
        with suppress(ConnectionError):  # a server may answer 413 and close before it has it all
            self._send(request)
        self._read_head()

    def chunks(self) -> Iterator[bytes]:
        """The body, as it arrives. Raises OSError if it is cut off."""
        if self.failure is not None:
            raise OSError(str(self.failure)) from self.failure
        try:
            while True:
                event = self._protocol.next_event()
                if event is h11.NEED_DATA:
                    self._protocol.receive_data(self._receive())
                elif isinstance(event, h11.Data):
                    yield bytes(event.data)
                else:
                    return
        except h11.RemoteProtocolError as error:
            raise OSError(str(error)) from error

    def _read_head(self) -> None:
        size = 0  # bytes received
        begun = bytearray()  # the answer so far, without informational ones
        try:
            while not isinstance(event := self._protocol.next_event(), h11.Response):
                if event is h11.NEED_DATA:
                    data = self._receive()
                    size += len(data)
                    begun += data
                    if not data:
                        raise ConnectionError("the connection was closed before the answer")
                    if size > HEAD_AT_MOST + CHUNK:
                        raise OSError(f"over {HEAD_AT_MOST} bytes came before the answer's body")
                    self._protocol.receive_data(data)
                else:  # 100, 102, 103: the answer itself follows (RFC 9110, section 15.2)
                    begun = bytearray(self._protocol.trailing_data[0])
        except (OSError, h11.RemoteProtocolError) as error:
            line = STATUS_LINE.match(begun)
            if line is None:
                raise OSError(str(error)) from error
            self.status, self.headers, self.failure = int(line[1]), {}, error
        else:
            self.status, self.headers = event.status_code, _combined(event.headers)

    def _send(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            self._socket.settimeout(self._limit.remaining())
            rest = rest[self._socket.send(rest) :]

    def _receive(self) -> bytes:
        """Empty at the end."""
        self._socket.settimeout(self._limit.remaining())
        began = self._limit.clock()
        data = self._socket.recv(CHUNK)
        if self.pace is not None and data:
            self.pace.note(self._limit.clock() - began, len(data))
        return data


def _combined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """By lowercase name. Repeated headers are joined by commas (RFC 9110, section 5.3), Set-Cookie
    by line feeds, since its values contain commas."""
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        if name in found and found[name] != value:
            separator = "\n" if name == "set-cookie" else ", "
            value = f"{found[name]}{separator}{value}"
        found[name] = value
    return found


def _connected(
    target: Target, addresses: Sequence[Address], limit: TimeLimit, tls: ssl.SSLContext
) -> socket.socket:
    """A socket connected to the first address that answers."""
    plain = _plain(target.port, addresses, limit)
    if target.scheme == "http":
        return plain
    try:
        plain.settimeout(limit.remaining())  # for the whole of the handshake
        # The certificate must be valid for the host's name, not for the address.
        return tls.wrap_socket(plain, server_hostname=target.host)
    except BaseException:
        plain.close()
        raise


def _plain(port: int, addresses: Sequence[Address], limit: TimeLimit) -> socket.socket:
    failure: OSError | None = None
    for address in addresses:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        plain = socket.socket(family, socket.SOCK_STREAM)
        try:
            plain.settimeout(min(limit.remaining(), CONNECT_SECONDS))
            plain.connect((str(address), port))
            return plain
        except OSError as error:
            plain.close()
            failure = error
        except BaseException:
            plain.close()
            raise
    raise failure or OSError("There is no address to connect to.")
