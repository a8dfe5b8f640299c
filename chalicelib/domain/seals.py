"""Text that a client keeps and must return unchanged, and the secrets that seal it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

import msgspec

from chalicelib.domain.job import MINUTE

MAC_BYTES = 16
SECRET_BYTES = 32
REREAD_AFTER = 5 * MINUTE  # a process reads the stage's secret again
KNOWN_AFTER = REREAD_AFTER + MINUTE  # every process knows a new secret, though clocks differ
_PURPOSE = "overtime.seal"  # keeps seals apart from ids, which the same secret may make


class StageSecret(msgspec.Struct, frozen=True):
    """The secret that a stage derives ids from, and those that it seals with. The one for ids
    never changes, so that a repeated request finds its job. It also seals, until the first
    rotation. Times are epoch milliseconds."""

    for_ids: bytes
    newest: bytes | None = None
    newest_from: int = 0
    before: bytes | None = None
    before_until: int = 0

    def for_seals(self, now: int) -> tuple[bytes, ...]:
        """The first one seals; any of them unseals."""
        if self.newest is None or self.before is None:
            return (self.for_ids,)
        if now < self.newest_from:
            return (self.before, self.newest)
        return (self.newest, self.before) if now < self.before_until else (self.newest,)

    def rotated(self, new: bytes, now: int, overlap: int) -> StageSecret:
        """Adds a new secret, which seals once every process knows it. Text that the previous
        secret sealed stays valid for `overlap` milliseconds after that."""
        known = now + KNOWN_AFTER
        return StageSecret(self.for_ids, new, known, self.for_seals(now)[0], known + overlap)


def seal(secrets: tuple[bytes, ...], scope: tuple[str, ...], text: str) -> str:
    """The text sealed by the first secret; safe in a URL. `scope` says what the text belongs to,
    where the text does not."""
    sealed = _mac(secrets[0], scope, text) + text.encode()
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def unseal(secrets: tuple[bytes, ...], scope: tuple[str, ...], sealed: str) -> str | None:
    """The text; None if `seal` did not make `sealed` for this scope with one of the secrets."""
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
