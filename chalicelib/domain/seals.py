"""Text that goes through a client's hands and must come back as it was, and the secrets for it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

from chalicelib.domain.job import MINUTE

MAC_BYTES = 16
SECRET_BYTES = 32
REREAD_AFTER = 5 * MINUTE  # a process reads the stage's secret again
KNOWN_AFTER = REREAD_AFTER + MINUTE  # a new secret is known in every process, clocks apart
_PURPOSE = "overtime.seal"  # the secret may also make ids, of text that clients choose


@dataclass(frozen=True, slots=True)
class StageSecret:
    """What a stage derives ids from, and what it seals with. Ids keep theirs for ever, so that a
    repeated request finds its job; seals begin with the same one, until it is rotated. Times are
    epoch milliseconds."""

    for_ids: bytes
    newest: bytes | None = None
    newest_from: int = 0
    before: bytes | None = None
    before_until: int = 0

    def for_seals(self, now: int) -> tuple[bytes, ...]:
        """Any of them may have sealed what comes back; the first seals what goes out."""
        if self.newest is None or self.before is None:
            return (self.for_ids,)
        if now < self.newest_from:
            return (self.before, self.newest)
        return (self.newest, self.before) if now < self.before_until else (self.newest,)

    def rotated(self, new: bytes, now: int, overlap: int) -> StageSecret:
        """With a new secret, which seals once every process knows it. What the one before it
        sealed is good for `overlap` milliseconds more."""
        known = now + KNOWN_AFTER
        return StageSecret(self.for_ids, new, known, self.for_seals(now)[0], known + overlap)


def seal(secrets: tuple[bytes, ...], scope: tuple[str, ...], text: str) -> str:
    """By the first secret; safe in a URL. `scope` is all that the text belongs to and does not say
    itself."""
    sealed = _mac(secrets[0], scope, text) + text.encode()
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def unseal(secrets: tuple[bytes, ...], scope: tuple[str, ...], sealed: str) -> str | None:
    """The text; None for anything that `seal` did not make of it for this scope, by any secret."""
    try:
        given = sealed.encode("ascii")
        text = base64.urlsafe_b64decode(given + b"=" * (-len(given) % 4))[MAC_BYTES:].decode()
    except (UnicodeError, binascii.Error):
        given, text = b"", ""
    whole = [hmac.compare_digest(given, seal((one,), scope, text).encode()) for one in secrets]
    return text if any(whole) else None


def _mac(secret: bytes, scope: tuple[str, ...], text: str) -> bytes:
    parts = [part.encode() for part in (_PURPOSE, *scope, text)]
    message = b"".join(len(part).to_bytes(4) + part for part in parts)
    return hmac.new(secret, message, hashlib.sha256).digest()[:MAC_BYTES]
