"""Tickets: what admits a client to a WebSocket, or its bytes to the bucket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ticket:
    """`url` is where it admits, `expires_at` until when (epoch ms); `host` is AppSync's."""

    text: str
    url: str
    host: str | None
    expires_at: int


@dataclass(frozen=True, slots=True)
class Admission:
    """What a ticket says: whose it is, and what links begin with where it came from."""

    id: str
    owner: str
    base: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class UploadTicket:
    id: str
    url: str
    headers: Mapping[str, str]
    expires_at: int
