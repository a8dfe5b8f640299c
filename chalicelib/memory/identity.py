"""Tokens in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from chalicelib.domain.token import Token


@dataclass
class MemoryTokens:
    """Implements ports.TokenStore."""

    tokens: dict[str, Token] = field(default_factory=dict)

    def add(self, token: Token) -> None:
        self.tokens[token.id] = token

    def find(self, token_id: str) -> Token | None:
        return self.tokens.get(token_id)

    def all(self) -> Iterator[Token]:
        return iter(list(self.tokens.values()))

    def remove(self, token_id: str) -> bool:
        return self.tokens.pop(token_id, None) is not None
