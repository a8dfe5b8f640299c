"""Where a JSON value is kept: inline while it is small, since DynamoDB bills the whole item
at every update, else as an object in S3."""

from __future__ import annotations

from typing import Any

from chalicelib.domain.errors import PermanentError, Unavailable
from chalicelib.domain.job import Stored
from chalicelib.domain.values import strict_json
from chalicelib.ports.system import System

PARAMS_INLINE = 4 * 1024  # bytes
CHECKPOINT_INLINE = 4 * 1024
RESULT_INLINE = 32 * 1024


def json_text(value: Any, what: str) -> str:
    """What a task gave to be kept. Raises PermanentError where JSON cannot say it: each attempt
    would do the same work in vain, and repeat its effects."""
    try:
        return strict_json(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise PermanentError(f"The {what} is not JSON: {error}") from error


def stash(system: System, key: str, text: str, inline: int) -> Stored:
    """`key` must be fresh: nobody may overwrite what a record refers to."""
    body = text.encode()
    if len(body) <= inline:
        return Stored(text=text)
    system.payloads.put(key, body, "application/json")
    return Stored(key=key)


def fetch(system: System, stored: Stored, gone: str | None = None) -> str:
    """Raises Unavailable where it cannot be had now; and where it is not kept any more, with
    `gone`, what a task is to be told, PermanentError."""
    if stored.text is not None:
        return stored.text
    assert stored.key is not None
    try:
        return system.payloads.get(stored.key).decode()
    except FileNotFoundError:
        if gone is None:
            raise Unavailable("What belongs to the job is not kept any more.") from None
        raise PermanentError(gone) from None
