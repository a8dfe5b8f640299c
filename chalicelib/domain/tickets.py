"""Tickets: a client opens a WebSocket with one, or uploads to the bucket with the other."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Ticket(msgspec.Struct, frozen=True):
    """`url`: where to connect with it; `expires_at`: in epoch ms; `host`: for AppSync only."""

    text: str
    url: str
    host: str | None
    expires_at: int


class Admission(msgspec.Struct, frozen=True):
    """The content of a ticket: its owner, and the base of the links in what is pushed."""

    id: str
    owner: str
    base: str
    expires_at: int


class UploadTicket(msgspec.Struct, frozen=True):
    id: str
    url: str
    headers: Mapping[str, str]
    expires_at: int
