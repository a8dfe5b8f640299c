"""Store a JSON value: inline if it is small, else as an object in S3, since DynamoDB bills the
whole item at every update."""

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
    """A task's value as JSON text. Raises PermanentError if JSON cannot express it: another
    attempt would fail in the same way, and repeat the task's effects."""
    try:
        return strict_json(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise PermanentError(f"The {what} is not JSON: {error}") from error


def stash(system: System, key: str, text: str, inline: int) -> Stored:
    """`key` must be fresh: an object that a record names is never overwritten."""
    body = text.encode()
    if len(body) <= inline:
        return Stored(text=text)
    system.payloads.put(key, body, "application/json")
    return Stored(key=key)


def fetch(system: System, stored: Stored, gone: str | None = None) -> str:
    """The stored text. Raises Unavailable if it cannot be read now. If it no longer exists, raises
    PermanentError(`gone`), or Unavailable without a `gone`."""
    if stored.text is not None:
        return stored.text
    assert stored.key is not None
    try:
        return system.payloads.get(stored.key).decode()
    except FileNotFoundError:
        if gone is None:
            raise Unavailable("The stored params of the job no longer exist.") from None
        raise PermanentError(gone) from None
