"""Who calls: tokens, and what tells the owner of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from chalicelib.domain.token import Token


class TokenStore(Protocol):
    def add(self, token: Token) -> None:
        """Keep a token whose id does not exist yet."""

    def find(self, token_id: str) -> Token | None:
        """As of the last write: a token that has been removed is not found."""

    def all(self) -> Iterator[Token]:
        """In no order."""

    def remove(self, token_id: str) -> bool:
        """Whether there was one."""


class Authenticator(Protocol):
    def owner_of(self, text: str) -> str:
        """Who it is that shows this bearer token. Raises Unauthorized, its detail for the log
        alone; and Unavailable where that cannot be told now."""
