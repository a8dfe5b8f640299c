"""Rows and JSON as a terminal shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from local.terminal import shown

BEYOND_ASCII = re.compile(r"[\x7f-\U0010ffff]")


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A cell is one line, whatever its text holds: no text of others looks like another row."""
    table = [[one_line(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        print("  ".join(map(str.ljust, row, widths)).rstrip())


def one_line(text: str) -> str:
    """With a space in place of each run of white space, and nothing that a terminal obeys."""
    return shown(" ".join(text.split()))


def json_text(value: Any, indent: int) -> str:
    """In ASCII, so that no character in it is left to the terminal and each comes back as it was.
    On one line with an indent of 0."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=indent).decode()
    return BEYOND_ASCII.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be").hex()  # RFC 8259, section 7: two escapes beyond U+FFFF
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
