"""Tickets: no token travels in a URL, where logs would keep it; a ticket does, for a minute."""

from __future__ import annotations

import msgspec

from chalicelib.domain.errors import NotFound, Unauthorized
from chalicelib.domain.job import SECOND
from chalicelib.domain.seals import seal, unseal
from chalicelib.domain.tickets import Admission, Ticket
from chalicelib.domain.values import encode
from chalicelib.ports.system import System

TICKET_LIVES = 60 * SECOND
SCOPE = ("ticket",)


def issue(system: System, owner: str, base: str) -> Ticket:
    """For one connection. Raises NotFound on a stage that does not push."""
    if system.pushing is None:
        raise NotFound("This stage does not push: see PUSH in docs/push.md.")
    admission = Admission(system.new_id(), owner, base, system.clock.now() + TICKET_LIVES)
    text = seal(system.secrets.for_seals(), SCOPE, encode(admission))
    return Ticket(text, system.pushing.url, system.pushing.host, admission.expires_at)


def examine(system: System, text: str | None) -> Admission:
    """Raises Unauthorized for one that is missing, forged or expired."""
    if not text:
        raise Unauthorized("Connect with ?ticket=, which POST /tickets gives.")
    content = unseal(system.secrets.for_seals(), SCOPE, text)
    admission = None if content is None else msgspec.json.decode(content, type=Admission)
    if admission is None or admission.expires_at <= system.clock.now():
        raise Unauthorized("The ticket is not valid any more: get a fresh one from POST /tickets.")
    return admission
