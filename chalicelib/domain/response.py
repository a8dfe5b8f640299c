"""A third party's answer to a task's request, whole or not."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from chalicelib.domain.errors import PermanentError


class HttpResponse(msgspec.Struct, frozen=True):
    """A third party's answer. Header names are lowercase. Values of a repeated header are joined
    by commas, those of Set-Cookie by line feeds."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class AnswerTooLarge(PermanentError):
    """`response` holds the answer with as much of its body as the limit allows."""

    def __init__(self, detail: str, response: HttpResponse) -> None:
        super().__init__(detail)
        self.response = response


class AnswerBrokeOff(OSError):
    """The status of an answer has arrived, but not the whole answer. `response` holds the part
    that arrived; its headers are empty if they could not be read."""

    def __init__(self, detail: str, response: HttpResponse) -> None:
        super().__init__(detail)
        self.response = response
