"""Tokens: the text that a caller sends, and the record that the stage keeps.

A token is `ot_<id>_<secret>`. The id finds it in the store. The secret has 256 random bits, so its
plain SHA-256 reveals nothing and needs no salt.
"""

from __future__ import annotations

import hashlib
import re

import msgspec

TOKEN_FORM = re.compile(r"ot_([0-9a-f]{16})_[0-9a-f]{64}")
OWNER = re.compile(r"[!-~]{1,128}")  # printable ASCII without blanks


class Token(msgspec.Struct, frozen=True):
    """What is stored. Times in epoch milliseconds; `expires_at` None: it does not expire."""

    id: str
    owner: str
    digest: str
    created_at: int
    expires_at: int | None
    label: str

    def expired(self, now: int) -> bool:
        return self.expires_at is not None and self.expires_at <= now


def token_text(token_id: str, secret: str) -> str:
    """From 16 and 64 hex digits."""
    return f"ot_{token_id}_{secret}"


def token_id(text: str) -> str | None:
    """None if `text` does not have the form of a token."""
    match = TOKEN_FORM.fullmatch(text)
    return match and match[1]


def token_digest(text: str) -> str:
    """The SHA-256 of the whole token, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()
