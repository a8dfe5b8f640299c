"""Where a JSON value is kept: inline while it is small, since DynamoDB bills the whole item
at every update, else as an object in S3."""

from __future__ import annotations

from typing import Any

from chalicelib.domain.errors import PermanentError
from chalicelib.domain.job import Stored
from chalicelib.domain.params import encode
from chalicelib.service.ports import System

PARAMS_INLINE = 4 * 1024  # bytes
CHECKPOINT_INLINE = 4 * 1024
RESULT_INLINE = 32 * 1024


def json_text(value: Any, what: str) -> str:
    """What a task gave to be kept. Raises PermanentError where JSON cannot say it: each attempt
    would do the same work in vain, and repeat its effects."""
    try:
        return encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise PermanentError(f"The {what} is not JSON: {error}") from error


def stash(system: System, key: str, text: str, inline: int) -> Stored:
    """`key` must be fresh: nobody may overwrite what a record refers to."""
    body = text.encode()
    if len(body) <= inline:
        return Stored(text=text)
    system.payloads.put(key, body, "application/json")
    return Stored(key=key)


def fetch(system: System, stored: Stored) -> str:
    if stored.text is not None:
        return stored.text
    assert stored.key is not None
    return system.payloads.get(stored.key).decode()
