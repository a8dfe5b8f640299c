"""Cursors: where a list goes on, signed, so that nobody takes one to another list or owner."""

from __future__ import annotations

from chalicelib.domain import seals
from chalicelib.domain.errors import MalformedRequest


def seal(secrets: tuple[bytes, ...], scope: tuple[str, ...], position: str) -> str:
    """`scope` is all that the position belongs to: the list, its owner, its filters."""
    return seals.seal(secrets, ("cursor", *scope), position)


def unseal(secrets: tuple[bytes, ...], scope: tuple[str, ...], cursor: str) -> str:
    """The position. Raises MalformedRequest for any text that `seal` did not make of it."""
    position = seals.unseal(secrets, ("cursor", *scope), cursor)
    if position is None:
        raise MalformedRequest(
            "The cursor is damaged or from another list: follow `next` as it was given."
        )
    return position
