"""Tickets: no token travels in a URL, where logs would keep it; a ticket does, for a minute."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from chalicelib.domain.errors import Unauthorized
from chalicelib.domain.job import SECOND
from chalicelib.domain.params import encode
from chalicelib.domain.seals import seal, unseal
from chalicelib.service.ports import System

TICKET_LIVES = 60 * SECOND
SCOPE = ("ticket",)


@dataclass(frozen=True, slots=True)
class Ticket:
    """Whose it is, and what links begin with where it came from."""

    id: str
    owner: str
    base: str
    expires_at: int


def issue(system: System, owner: str, base: str) -> tuple[str, int]:
    """A ticket for one connection, and until when (epoch ms) it admits."""
    expires_at = system.clock.now() + TICKET_LIVES
    ticket = Ticket(system.fresh(), owner, base, expires_at)
    return seal(system.secrets.stage_secret(), SCOPE, encode(ticket)), expires_at


def examine(system: System, text: str | None) -> Ticket:
    """Raises Unauthorized for one that is missing, forged or expired."""
    if not text:
        raise Unauthorized("Connect with ?ticket=, which POST /tickets gives.")
    content = unseal(system.secrets.stage_secret(), SCOPE, text)
    ticket = None if content is None else msgspec.json.decode(content, type=Ticket)
    if ticket is None or ticket.expires_at <= system.clock.now():
        raise Unauthorized("The ticket is not valid any more: get a fresh one from POST /tickets.")
    return ticket
