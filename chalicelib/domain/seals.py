"""Text that goes through a client's hands and must come back as it was."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

MAC_BYTES = 16
_PURPOSE = "overtime.seal"  # the secret also makes ids, of text that clients choose


def seal(secret: bytes, scope: tuple[str, ...], text: str) -> str:
    """Safe in a URL. `scope` is all that the text belongs to and does not say itself."""
    sealed = _mac(secret, scope, text) + text.encode()
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def unseal(secret: bytes, scope: tuple[str, ...], sealed: str) -> str | None:
    """The text; None for anything that `seal` did not make of it for this scope."""
    try:
        given = sealed.encode("ascii")
        text = base64.urlsafe_b64decode(given + b"=" * (-len(given) % 4))[MAC_BYTES:].decode()
    except (UnicodeError, binascii.Error):
        given, text = b"", ""
    whole = hmac.compare_digest(given, seal(secret, scope, text).encode())
    return text if whole else None


def _mac(secret: bytes, scope: tuple[str, ...], text: str) -> bytes:
    parts = [part.encode() for part in (_PURPOSE, *scope, text)]
    message = b"".join(len(part).to_bytes(4) + part for part in parts)
    return hmac.new(secret, message, hashlib.sha256).digest()[:MAC_BYTES]
