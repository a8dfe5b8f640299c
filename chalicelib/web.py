"""Calls to third parties on behalf of tasks: only hosts that the stage allows, no redirects,
bounded in time and size. urllib3 comes with botocore, so it costs the bundle nothing."""

from __future__ import annotations

import fnmatch
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.domain.errors import PermanentError
from chalicelib.domain.source import Source
from chalicelib.domain.task import HttpResponse

if TYPE_CHECKING:
    import urllib3

CHUNK = 256 * 1024  # bytes


@dataclass(frozen=True)
class OutgoingWeb:
    """Implements ports.Web. `allowed_hosts` are names or patterns such as `*.example.com`."""

    allowed_hosts: tuple[str, ...]
    user_agent: str

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: float,
        max_bytes: int,
    ) -> HttpResponse:
        answer = self._send(method, url, headers, body, timeout)
        try:
            content = b"".join(_bounded(answer, url, max_bytes))
        finally:
            answer.close()
        names = {name.lower(): value for name, value in answer.headers.items()}
        return HttpResponse(answer.status, names, content)

    def open(self, url: str, start: int) -> Source:
        headers = {"Range": f"bytes={start}-", "Accept-Encoding": "identity"} if start else {}
        answer = self._send("GET", url, headers, None, 30.0)
        if start and answer.status == 416:  # nothing there from `start` on
            answer.close()
            return Source(iter(()), 0)
        if answer.status not in (200, 206):
            answer.close()
            said = f"GET {url} answered {answer.status}."
            raise PermanentError(said) if 400 <= answer.status < 500 else OSError(said)
        length = answer.headers.get("Content-Length")
        source = Source(answer.stream(CHUNK), int(length) if length else None, answer.close)
        if start and answer.status == 200:  # a server without ranges
            _skip(source, start)
        return source

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: float,
    ) -> urllib3.BaseHTTPResponse:
        self._check(url)
        import urllib3  # here, since only workers call out

        try:
            return urllib3.PoolManager(num_pools=1).request(
                method,
                url,
                headers={"User-Agent": self.user_agent, **headers},
                body=body,
                timeout=urllib3.Timeout(connect=min(timeout, 10.0), read=timeout),
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise OSError(f"{method} {url} failed: {error}") from error

    def _check(self, url: str) -> None:
        try:
            parts = urllib.parse.urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise PermanentError(f"{url!r} is not a URL: {error}") from None
        if parts.scheme not in ("http", "https") or not host:
            raise PermanentError(f"{url!r} is not an http or https URL.")
        if parts.username or parts.password:
            raise PermanentError("A URL may not carry a user or a password.")
        named = (host, f"{host}:{port}") if port else (host,)
        if not any(fnmatch.fnmatch(name, rule) for name in named for rule in self.allowed_hosts):
            raise PermanentError(
                f"The host {host} is not allowed here: the stage's ALLOWED_HOSTS would have to "
                "list it."
            )


def _bounded(answer: urllib3.BaseHTTPResponse, url: str, most: int) -> list[bytes]:
    import urllib3

    chunks, size = [], 0
    try:
        for chunk in answer.stream(CHUNK):
            size += len(chunk)
            if size > most:
                raise PermanentError(f"The answer of {url} is over {most} bytes.")
            chunks.append(chunk)
    except urllib3.exceptions.HTTPError as error:
        raise OSError(f"The answer of {url} broke off: {error}") from error
    return chunks


def _skip(source: Source, count: int) -> None:
    while count > 0:
        skipped = len(source.read(min(count, CHUNK)) or b"")
        if not skipped:
            return
        count -= skipped
