"""Puts one value into a JSON file that people write, and leaves every other character as it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from json.decoder import JSONDecoder, scanstring  # type: ignore[attr-defined]
from typing import Any

BLANK = " \t\r\n"
INDENT = 2


def with_value(text: str, path: Sequence[str], value: Any) -> str:
    """The text with `value` at `path`, a member's name an object; missing objects are made.
    Raises ValueError for what is not an object of JSON."""
    return _put(text, _skip(text, 0), path, value, depth=0)


def _put(text: str, at: int, path: Sequence[str], value: Any, depth: int) -> str:
    """`at` is where the object begins that has, or gets, the member `path[0]`."""
    if text[at : at + 1] != "{":
        raise ValueError(f"there is no object to put {'.'.join(path)} into")
    end_of_last, members = at + 1, 0
    for name, start, end in _members(text, at):
        members += 1
        end_of_last = end
        if name == path[0]:
            if len(path) > 1:
                return _put(text, start, path[1:], value, depth + 1)
            return text[:start] + _dump(value, depth + 1) + text[end:]
    for name in reversed(path[1:]):
        value = {name: value}
    line = "\n" + " " * INDENT * (depth + 1)
    entry = f"{line}{json.dumps(path[0])}: {_dump(value, depth + 1)}"
    if members:
        return text[:end_of_last] + "," + entry + text[end_of_last:]
    closing = _skip(text, end_of_last)
    return text[:end_of_last] + entry + "\n" + " " * INDENT * depth + text[closing:]


def _members(text: str, at: int) -> list[tuple[str, int, int]]:
    """Name, and where the value begins and ends, of each member of the object at `at`."""
    found, position = [], _skip(text, at + 1)
    while text[position] != "}":
        name, position = scanstring(text, position + 1)
        start = _skip(text, _skip(text, position) + 1)  # past the colon
        _, end = JSONDecoder().raw_decode(text, start)
        found.append((name, start, end))
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return found


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in BLANK:
        position += 1
    return position


def _dump(value: Any, depth: int) -> str:
    return json.dumps(value, indent=INDENT).replace("\n", "\n" + " " * INDENT * depth)
