"""Tickets: a URL may be logged, so it carries a ticket that is valid for a minute, not a token."""

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
    """A ticket for one connection. Raises NotFound on a stage without push."""
    if system.pushing is None:
        raise NotFound("This stage does not push. To enable it, see PUSH in docs/push.md.")
    admission = Admission(system.new_id(), owner, base, system.clock.now() + TICKET_LIVES)
    text = seal(system.secrets.for_seals(), SCOPE, encode(admission))
    return Ticket(text, system.pushing.url, system.pushing.host, admission.expires_at)


def examine(system: System, text: str | None) -> Admission:
    """The content of a ticket. Raises Unauthorized if it is missing, forged or expired."""
    if not text:
        raise Unauthorized("The ticket is missing: connect with ?ticket=, from POST /tickets.")
    content = unseal(system.secrets.for_seals(), SCOPE, text)
    admission = None if content is None else msgspec.json.decode(content, type=Admission)
    if admission is None or admission.expires_at <= system.clock.now():
        raise Unauthorized("The ticket is no longer valid: get a new one from POST /tickets.")
    return admission
