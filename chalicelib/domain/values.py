"""JSON values: written, compared, walked."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import Any

import msgspec


def encode(value: Any) -> str:
    """JSON text, compact. Raises TypeError for what JSON cannot say."""
    return msgspec.json.encode(value, enc_hook=_encode_pydantic).decode()


def digest(value: Any) -> str:
    """The same for equal JSON values: member order, white space and 1 or 1.0 do not count."""
    canonical = msgspec.json.encode(whole_numbers(value), order="deterministic")
    return hashlib.sha256(canonical).hexdigest()


def whole_numbers(value: Any, below: float = math.inf) -> Any:
    """With an int for every whole float between -`below` and `below`: JSON has numbers of one
    kind, and to a JSON Schema 1.0 is an integer."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < below else value
    if isinstance(value, dict):
        return {name: whole_numbers(member, below) for name, member in value.items()}
    if isinstance(value, list):
        return [whole_numbers(item, below) for item in value]
    return value


def differences(old: Any, new: Any, at: str = "") -> Iterator[str]:
    """JSON Pointers of the outermost members in which two JSON values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            pointer = f"{at}/{escape(name)}"
            if name not in old or name not in new:
                yield pointer
            else:
                yield from differences(old[name], new[name], pointer)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from differences(one, other, f"{at}/{index}")
    elif isinstance(old, bool) != isinstance(new, bool) or old != new:
        yield at


def strings_in(value: Any, at: str) -> Iterator[tuple[str, str]]:
    """Every string in a JSON value, member names included, with its JSON Pointer."""
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield f"{at}/{escape(name)}", name
            yield from strings_in(member, f"{at}/{escape(name)}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from strings_in(item, f"{at}/{index}")


def escape(name: str) -> str:
    """A member's name as one JSON Pointer token (RFC 6901, section 3)."""
    return name.replace("~", "~0").replace("/", "~1")


def _encode_pydantic(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
