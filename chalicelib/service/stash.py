"""Where a JSON value is kept: inline while it is small, since DynamoDB bills the whole item
at every update, else as an object in S3."""

from __future__ import annotations

from chalicelib.domain.job import Stored
from chalicelib.service.ports import System

PARAMS_INLINE = 4 * 1024  # bytes
CHECKPOINT_INLINE = 4 * 1024
RESULT_INLINE = 32 * 1024


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
