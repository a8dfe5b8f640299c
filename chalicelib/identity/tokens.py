"""The stage's own tokens: issue, list and revoke them, and find a token's owner."""

from __future__ import annotations

import hmac
from collections.abc import Callable

import msgspec

from chalicelib.domain.errors import Unauthorized
from chalicelib.domain.token import Token, token_digest, token_id, token_text
from chalicelib.ports.identity import TokenStore

NO_DIGEST = "0" * 64  # no text has this digest


class Tokens(msgspec.Struct, frozen=True):
    """Implements ports.Authenticator. `now` in epoch milliseconds; `new_id`: 32 hex digits."""

    store: TokenStore
    now: Callable[[], int]
    new_id: Callable[[], str]

    def issue(self, owner: str, label: str = "", lifetime: int | None = None) -> tuple[Token, str]:
        """The stored record, and the token itself, which is not stored. `lifetime` in ms."""
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
        """An unknown id costs the same read and comparison as a wrong secret, so that the time
        taken does not reveal which it was."""
        wanted = token_id(text)
        if wanted is None:
            raise Unauthorized("not a token of this service")
        token = self.store.find(wanted)
        right = hmac.compare_digest(token_digest(text), token.digest if token else NO_DIGEST)
        if token is None or not right:
            raise Unauthorized(f"no such token: {wanted}")
        if token.expired(self.now()):
            raise Unauthorized(f"expired: {wanted}")
        return token.owner

    def issued(self) -> list[Token]:
        """All tokens, oldest first."""
        return sorted(self.store.all(), key=lambda token: (token.created_at, token.id))

    def revoke(self, token_id: str) -> bool:
        """Remove a token; returns whether it existed."""
        return self.store.remove(token_id)
