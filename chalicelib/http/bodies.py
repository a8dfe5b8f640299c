"""A request's body: JSON in UTF-8, within bounds, of values that can be stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from chalicelib.domain.errors import BodyTooLarge, FieldError, MalformedRequest, refuse_any
from chalicelib.domain.values import Place, decode_json

MIB = 1024 * 1024
BODY_AT_MOST = 2_621_440  # bytes: 2.5 MiB
DEPTH_AT_MOST = 64
TOO_DEEP = f"The body is nested more than {DEPTH_AT_MOST} levels deep."
NAME_AT_MOST = 256  # characters of a member's name: errors and links repeat names
HOLDS_NUL = "holds a NUL character, which cannot be stored"
EXACT_BELOW = 2**53  # below it, a double represents every integer exactly (RFC 8259, 6)
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
REPLACED = "\ufffd".encode()  # API Gateway puts it in place of bytes that are not UTF-8


def parsed(raw: bytes, at_most: int = BODY_AT_MOST) -> Any:
    """The body's JSON value, its whole numbers as int. Raises a ClientError for a bad body."""
    if len(raw) > at_most:
        size = f"{at_most / 1024:g} KiB" if at_most < MIB else f"{at_most / MIB:g} MiB"
        raise BodyTooLarge(
            f"The body has {len(raw):,} bytes; the limit is {at_most:,} ({size}). Use"
            " POST /uploads for files."
        )
    if REPLACED in raw:
        raise MalformedRequest(
            "The body contains U+FFFD, which replaces bytes that are not UTF-8. Send UTF-8. To "
            "send the character itself, write it as \\ufffd."
        )
    try:
        value = decode_json(raw.removeprefix(BYTE_ORDER_MARK))
    except UnicodeError:
        raise MalformedRequest("The body is not UTF-8. JSON must be UTF-8.") from None
    except msgspec.MsgspecError as error:
        raise MalformedRequest(f"The body is not JSON: {error}.") from None
    except RecursionError:
        raise MalformedRequest(TOO_DEEP) from None
    refuse_any("The body contains text that is not allowed.", _tidied(value, "", DEPTH_AT_MOST))
    return value


def _tidied(value: Any, at: Place | str, levels: int) -> Iterator[FieldError]:
    """The faults in a parsed body. Also turns every float that is exactly a whole number into an
    int: JSON has one kind of number, and in JSON Schema 1.0 is an integer."""
    members: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for step, member in members:
        if levels == 1:
            raise MalformedRequest(TOO_DEEP)
        if isinstance(step, str) and len(step) > NAME_AT_MOST:
            said = f"has a member whose name has {len(step)} characters; {NAME_AT_MOST} are allowed"
            yield FieldError(at, said)
            continue
        if isinstance(step, str) and "\x00" in step:
            yield FieldError(Place(at, step), HOLDS_NUL)
        if isinstance(member, str):
            if "\x00" in member:
                yield FieldError(Place(at, step), HOLDS_NUL)
        elif isinstance(member, (dict, list)):
            yield from _tidied(member, Place(at, step), levels - 1)
        elif isinstance(member, float) and abs(member) < EXACT_BELOW and member.is_integer():
            value[step] = int(member)
