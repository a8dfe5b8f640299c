"""Calls to third parties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from chalicelib.domain.response import HttpResponse
from chalicelib.domain.source import Source


class Web(Protocol):
    def check(self, url: str) -> None:
        """Raises PermanentError if the text of the URL shows that the stage does not allow it."""

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: float,
        max_bytes: int,
    ) -> HttpResponse:
        """One call without redirects, `timeout` seconds at most. Raises PermanentError if the stage
        does not allow the host, OSError if no status line comes in time, and AnswerTooLarge or
        AnswerBrokeOff if the body is incomplete. With a `max_bytes` of 0 the body is not read."""

    def open(self, url: str, start: int) -> Source:
        """A stream of the answer to a GET, read as it arrives. Raises PermanentError if another
        try cannot help, OSError on other failures."""
