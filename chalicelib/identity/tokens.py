"""The stage's own tokens: issue them, list them, revoke them, and tell whose one is."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.domain.errors import Unauthorized
from chalicelib.domain.token import Token, token_digest, token_id, token_text
from chalicelib.ports.identity import TokenStore

NOBODYS = "0" * 64  # a digest that no text has


@dataclass(frozen=True)
class Tokens:
    """Implements ports.Authenticator. `now` in epoch milliseconds; `new_id`: 32 hex digits."""

    store: TokenStore
    now: Callable[[], int]
    new_id: Callable[[], str]

    def issue(self, owner: str, label: str = "", lifetime: int | None = None) -> tuple[Token, str]:
        """What is kept, and the token itself: nobody can tell it again. `lifetime` in ms."""
        text = token_text(self.new_id()[:16], self.new_id() + self.new_id())
        now = self.now()
        token = Token(
            id=str(token_id(text)),
            owner=owner,
            digest=token_digest(text),
            created_at=now,
            expires_at=None if lifetime is None else now + lifetime,
            label=label,
        )
        self.store.add(token)
        return token, text

    def owner_of(self, text: str) -> str:
        """An id that nobody has costs the same read and comparison as a wrong secret, so that
        the time it takes tells neither apart."""
        wanted = token_id(text)
        if wanted is None:
            raise Unauthorized("not a token of ours")
        token = self.store.find(wanted)
        right = hmac.compare_digest(token_digest(text), token.digest if token else NOBODYS)
        if token is None or not right:
            raise Unauthorized(f"no such token: {wanted}")
        if token.expired(self.now()):
            raise Unauthorized(f"expired: {wanted}")
        return token.owner

    def issued(self) -> list[Token]:
        """Oldest first."""
        return sorted(self.store.all(), key=lambda token: (token.created_at, token.id))

    def revoke(self, token_id: str) -> bool:
        """Whether there was one."""
        return self.store.remove(token_id)
