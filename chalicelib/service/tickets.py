"""Tickets: no token travels in a URL, where logs would keep it; a ticket does, for a minute."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from chalicelib.domain.errors import NotFound, Unauthorized
from chalicelib.domain.job import SECOND
from chalicelib.domain.params import encode
from chalicelib.domain.seals import seal, unseal
from chalicelib.service.ports import System

TICKET_LIVES = 60 * SECOND
SCOPE = ("ticket",)


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


def issue(system: System, owner: str, base: str) -> Ticket:
    """For one connection. Raises NotFound on a stage that does not push."""
    if system.pushing is None:
        raise NotFound("This stage does not push: see PUSH in docs/push.md.")
    admission = Admission(system.fresh(), owner, base, system.clock.now() + TICKET_LIVES)
    text = seal(system.secrets.stage_secret(), SCOPE, encode(admission))
    return Ticket(text, system.pushing.url, system.pushing.host, admission.expires_at)


def examine(system: System, text: str | None) -> Admission:
    """Raises Unauthorized for one that is missing, forged or expired."""
    if not text:
        raise Unauthorized("Connect with ?ticket=, which POST /tickets gives.")
    content = unseal(system.secrets.stage_secret(), SCOPE, text)
    admission = None if content is None else msgspec.json.decode(content, type=Admission)
    if admission is None or admission.expires_at <= system.clock.now():
        raise Unauthorized("The ticket is not valid any more: get a fresh one from POST /tickets.")
    return admission
