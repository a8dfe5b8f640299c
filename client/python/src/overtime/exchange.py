"""One request, until it is answered: what is repeated, after which pause, and for how long.

Repeated are requests without a whole answer, and answers 408, 429 and 5xx. The pause is what
Retry-After says, or else grows from a quarter of a second to eight, with full jitter. It ends after
`retry_for` seconds without an answer, after three answers 500 (those are mostly defects), and after
three refused connections where nothing ever answered at this URL (mostly a wrong URL).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import msgspec

from overtime.errors import NotOvertime, Refused, TimedOut, Unavailable, Unreachable
from overtime.steps import Answer, Broken, Send, Sleep, Steps

T = TypeVar("T")
REPEATED = frozenset({408, 429, *range(500, 600)})
FEW = 3
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 8.0  # seconds


def checked_url(url: str) -> str:
    """The API's URL without a slash at its end. Raises ValueError with what to write instead."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        meant = url.strip().rpartition("://")[2] or "127.0.0.1:8000"
        raise ValueError(f"{url!r} is no URL of an API. Write it in full: http://{meant}")
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"{url!r} has parts that the URL of an API does not have: ?, # or @.")
    return url.strip().rstrip("/")


def checked_token(token: str | None) -> str | None:
    """Raises ValueError for what no header can carry."""
    token = (token or "").strip()
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise ValueError("The token has spaces or other characters that no token has.")
    return token or None


@dataclass
class Exchange:
    """`now` is a monotonic clock in seconds, `random` gives numbers from [0, 1)."""

    base: str
    token: str | None
    retry_for: float
    now: Callable[[], float]
    random: Callable[[], float]
    answered: bool = False
    """Whether anything ever answered at this URL."""

    def call(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        *,
        seconds: float = 30.0,
        until: float | None = None,
        accept: tuple[int, ...] = (),
    ) -> Steps[Answer]:
        """A call of the API. Raises Refused for answers of 4xx that are not in `accept`."""
        sent = {"Accept": "application/json", **(headers or {})}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        data = b"" if body is None else msgspec.json.encode(body)
        send = Send(method, self.base + path, sent, data, seconds=seconds)
        answer = yield from self.exchange(send, until)
        if answer.status >= 400 and answer.status not in accept:
            raise Refused(answer.status, self._problem(answer))
        if 300 <= answer.status < 400 and answer.status not in (303, 304):
            raise self._not_overtime(answer)
        return answer

    def exchange(self, send: Send, until: float | None = None) -> Steps[Answer]:
        """`until` is the caller's own limit. Raises TimedOut, Unreachable, Unavailable."""
        give_up, tries, repeated = self.now() + self.retry_for, 0, False
        while True:
            tries += 1
            try:
                answer: Answer = yield self._in_time(send, until)
            except Broken as broken:
                pause, last = self.pause(tries), tries >= FEW
                repeated |= broken.connected
                if send.into and broken.received > send.into.offset:  # it moves: count anew
                    send, tries = send.resumed_at(broken.received), 0
                    give_up = self.now() + self.retry_for
                elif self.now() + pause > give_up or (last and not self._may_be_there(broken)):
                    raise self._unreachable(send, broken) from broken
            else:
                self.answered = True
                if answer.status not in REPEATED:
                    return dataclasses.replace(answer, repeated=repeated)
                asked = retry_after(answer)
                pause = self.pause(tries) if asked is None else asked
                repeated |= answer.status >= 500
                if self.now() + pause > give_up or (answer.status == 500 and tries >= FEW):
                    raise Unavailable(answer.status, self._problem(answer))
            if until is not None and self.now() + pause >= until:
                raise TimedOut("The time limit passed while the service could not be reached.")
            yield Sleep(pause)

    def decoded(self, answer: Answer, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._not_overtime(answer) from None

    def pause(self, tries: int) -> float:
        longest = min(FIRST_PAUSE * 2.0 ** (tries - 1), LONGEST_PAUSE)
        return longest * max(self.random(), 0.1)

    def _in_time(self, send: Send, until: float | None) -> Send:
        if until is None:
            return send
        return dataclasses.replace(send, seconds=max(min(send.seconds, until - self.now()), 0.1))

    def _may_be_there(self, broken: Broken) -> bool:
        return self.answered or broken.connected

    def _unreachable(self, send: Send, broken: Broken) -> Unreachable:
        parts = urlsplit(send.url)
        return Unreachable(f"{parts.scheme}://{parts.netloc} does not answer ({broken}).")

    def _problem(self, answer: Answer) -> dict[str, Any]:
        """The problem document, or one made of the status where a gateway on the way answered."""
        kind = answer.headers.get("content-type", "")
        if kind.startswith("application/problem+json"):
            problem = self.decoded(answer, dict)
            return cast("dict[str, Any]", problem)
        if answer.status in REPEATED:
            return {"status": answer.status, "detail": f"{self.base} answers {answer.status}."}
        raise self._not_overtime(answer)

    def _not_overtime(self, answer: Answer) -> NotOvertime:
        said = f"{self.base} answered {answer.status}"
        if place := answer.headers.get("location"):
            said += f" and points to {place}"
        return NotOvertime(f"{said}, which is not how an Overtime API answers. Check the URL.")


def retry_after(answer: Answer) -> float | None:
    """Seconds. A date is read against the service's own clock, which may differ from ours."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        return max((until - parsedate_to_datetime(answer.headers["date"])).total_seconds(), 0.0)
    except (KeyError, TypeError, ValueError):
        return None
