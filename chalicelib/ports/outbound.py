"""Calls to third parties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from chalicelib.domain.source import Source
from chalicelib.domain.task import HttpResponse


class Web(Protocol):
    def check(self, url: str) -> None:
        """Raises PermanentError where a URL's looks tell that the stage does not allow it."""

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: float,
        max_bytes: int,
    ) -> HttpResponse:
        """One call, no redirects, over in `timeout` seconds; PermanentError where the stage does
        not allow the host, OSError where no status line comes in time. With a `max_bytes` of 0 the
        answer's body is not read; else AnswerTooLarge or AnswerBrokeOff where it is not whole."""

    def open(self, url: str, start: int) -> Source:
        """A stream of what a GET answers, read as it arrives; PermanentError where asking again
        cannot help, OSError on other failures."""
