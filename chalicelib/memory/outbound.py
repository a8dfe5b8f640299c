"""Third parties with canned answers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from chalicelib.domain.errors import PermanentError
from chalicelib.domain.response import AnswerTooLarge, HttpResponse
from chalicelib.domain.source import Source, not_opened
from chalicelib.memory.stores import source_over


@dataclass
class MemoryWeb:
    """Implements ports.Web with canned answers; the last one is repeated."""

    answers: dict[tuple[str, str], list[HttpResponse | Exception]] = field(default_factory=dict)
    requests: list[tuple[str, str, Mapping[str, str], bytes | None]] = field(default_factory=list)

    def check(self, url: str) -> None:
        if not url.lower().startswith("https://"):
            raise PermanentError(f"{url!r} is not an https URL.")

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: float,
        max_bytes: int,
    ) -> HttpResponse:
        self.requests.append((method, url, headers, body))
        canned = self.answers.get((method, url))
        if not canned:
            raise PermanentError(f"The host of {url} is not allowed on this stage.")
        answer = canned.pop(0) if len(canned) > 1 else canned[0]
        if isinstance(answer, Exception):
            raise answer
        if not max_bytes:
            return replace(answer, body=b"")
        if len(answer.body) > max_bytes:
            cut = replace(answer, body=answer.body[:max_bytes])
            raise AnswerTooLarge(f"The answer is over {max_bytes} bytes.", cut)
        return answer

    def open(self, url: str, start: int) -> Source:
        answer = self.request("GET", url, {}, None, 30.0, 2**31)
        if answer.status != 200:
            retry_after = answer.headers.get("retry-after", "")
            raise not_opened(url, answer.status, retry_after, time.time())
        return source_over(answer.body[start:])
