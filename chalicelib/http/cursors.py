"""Cursors: where a list goes on, signed, so that nobody takes one to another list or owner."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from chalicelib.domain.errors import MalformedRequest

MAC_BYTES = 16


def seal(secret: bytes, scope: tuple[str, ...], position: str) -> str:
    """`scope` is all that the position belongs to: the list, its owner, its filters."""
    sealed = _mac(secret, scope, position) + position.encode()
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def unseal(secret: bytes, scope: tuple[str, ...], cursor: str) -> str:
    """The position. Raises MalformedRequest for any text that `seal` did not make of it."""
    try:
        given = cursor.encode("ascii")
        sealed = base64.urlsafe_b64decode(given + b"=" * (-len(given) % 4))
        position = sealed[MAC_BYTES:].decode()
    except (UnicodeError, binascii.Error):
        given, position = b"", ""
    if not hmac.compare_digest(given, seal(secret, scope, position).encode()):
        raise MalformedRequest(
            "The cursor is damaged or from another list: follow `next` as it was given."
        )
    return position


def _mac(secret: bytes, scope: tuple[str, ...], position: str) -> bytes:
    parts = [part.encode() for part in ("cursor", *scope, position)]
    message = b"".join(len(part).to_bytes(4) + part for part in parts)
    return hmac.new(secret, message, hashlib.sha256).digest()[:MAC_BYTES]
