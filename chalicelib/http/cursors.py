"""Cursors: the position where a list continues, signed, so that each is valid for one list only."""

from __future__ import annotations

from chalicelib.domain import seals
from chalicelib.domain.errors import MalformedRequest


def seal(secrets: tuple[bytes, ...], scope: tuple[str, ...], position: str) -> str:
    """`scope` identifies the list: its path, its owner, its filters."""
    return seals.seal(secrets, ("cursor", *scope), position)


def unseal(secrets: tuple[bytes, ...], scope: tuple[str, ...], cursor: str) -> str:
    """The position. Raises MalformedRequest if `seal` did not make the cursor for this scope."""
    position = seals.unseal(secrets, ("cursor", *scope), cursor)
    if position is None:
        raise MalformedRequest(
            "The cursor is damaged or from another list: use the URL in `next` unchanged."
        )
    return position
