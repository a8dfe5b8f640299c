"""Text that others wrote (errors of third parties, labels, log lines), as a terminal may show it:
no character of it moves the cursor, changes colours or reverses what is beside it."""

from __future__ import annotations

import unicodedata
from typing import Any, TextIO

LINES = "\n\t"
# Each turns the direction of the text after it (Unicode Standard Annex 9, section 2).
TURNING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def shown(text: str) -> str:
    """With escapes such as \\x1b in place of control characters."""
    return "".join(one if _harmless(one) else ascii(one)[1:-1] for one in text)


def _harmless(character: str) -> bool:
    control = unicodedata.category(character) == "Cc" or character in TURNING
    return character in LINES or not control


class Terminal:
    """Stands for a stream, and writes text as it may be shown."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(shown(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
