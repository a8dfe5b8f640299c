"""Credentials: the stored tokens, and the check that finds a token's owner."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from chalicelib.domain.token import Token


class TokenStore(Protocol):
    def add(self, token: Token) -> None:
        """Store a token whose id does not exist yet."""

    def find(self, token_id: str) -> Token | None:
        """Consistent: a removed token is not found."""

    def all(self) -> Iterator[Token]:
        """All tokens, in no particular order."""

    def remove(self, token_id: str) -> bool:
        """Remove a token; returns whether it existed."""


class Authenticator(Protocol):
    def owner_of(self, text: str) -> str:
        """The owner of this bearer token. Raises Unauthorized, with a detail for the log only, and
        Unavailable if the token cannot be checked now."""
