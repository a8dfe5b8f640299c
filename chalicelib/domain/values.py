"""JSON values: written, compared, walked."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import Any

import msgspec


class Place(msgspec.Struct, frozen=True):
    """A place in a JSON value: a step below another place, or below a JSON Pointer.

    Code that visits every element makes one for each, and only those that are reported become
    text: a pointer for each element would copy all names above it.
    """

    above: Place | str
    step: str | int

    def __str__(self) -> str:
        steps: list[str] = []
        here: Place | str = self
        while isinstance(here, Place):
            steps.append(escape(str(here.step)))
            here = here.above
        return "/".join([here, *reversed(steps)])


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("Number out of range")
    return number


# msgspec reads 1e308 a hundred times as slowly as Python does, so Python reads the floats.
_decoder = msgspec.json.Decoder(float_hook=_float)


def decode_json(text: bytes | str) -> Any:
    """The value of a JSON text, in time linear in its length. Raises msgspec.MsgspecError, and
    UnicodeError if it is not UTF-8."""
    return _decoder.decode(text)


def encode(value: Any) -> str:
    """Compact JSON text. Raises TypeError for a value that JSON cannot express."""
    return msgspec.json.encode(value, enc_hook=_encode_pydantic).decode()


def strict_json(value: Any) -> str:
    """As `encode`, but raises ValueError for infinities and NaN, which JSON does not have: they
    would be read back as null."""
    text = encode(value)
    if "null" in text:
        for place, number in _not_finite(msgspec.to_builtins(value, enc_hook=_encode_pydantic), ""):
            where = f"at {place}" if str(place) else "as the whole value"
            raise ValueError(f"JSON has no {number} ({where}); use None or text in its place")
    return text


def _not_finite(value: Any, at: Place | str) -> Iterator[tuple[Place | str, float]]:
    if isinstance(value, float) and not math.isfinite(value):
        yield at, value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _not_finite(member, Place(at, name))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _not_finite(item, Place(at, index))


def digest(value: Any) -> str:
    """The same for equal JSON values: member order and white space do not matter. In a request's
    body, 1.0 has become 1 before."""
    canonical = msgspec.json.encode(value, order="deterministic")
    return hashlib.sha256(canonical).hexdigest()


def differences(old: Any, new: Any, at: Place | str = "") -> Iterator[Place | str]:
    """The outermost places where two JSON values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            place = Place(at, name)
            if name not in old or name not in new:
                yield place
            else:
                yield from differences(old[name], new[name], place)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from differences(one, other, Place(at, index))
    elif type(old) is not type(new) or old != new:
        yield at


def strings_in(value: Any, at: Place | str) -> Iterator[tuple[Place | str, str]]:
    """Every string in a JSON value, member names included, with its place."""
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, dict):
        for name, member in value.items():
            place = Place(at, name)
            yield place, name
            yield from strings_in(member, place)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from strings_in(item, Place(at, index))


def escape(name: str) -> str:
    """A member's name as one JSON Pointer token (RFC 6901, section 3)."""
    return name.replace("~", "~0").replace("/", "~1")


def _encode_pydantic(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
