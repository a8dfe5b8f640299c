"""Why a JSON value does not fit a type: every fault with its place, in plain sentences.

msgspec stops at the first fault. So a value that does not fit is split into its members, as far as
its type names them, and each member is checked alone.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import functools
import itertools
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, NotRequired, Required, Union

import msgspec

from chalicelib.domain.errors import FieldError
from chalicelib.domain.values import Place

UNKNOWN = "There is no member of this name."
REQUIRED = "This member is required."

_LISTS = (list, set, frozenset, collections.abc.Collection, collections.abc.Sequence)
_OBJECTS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_ABSENT = (type(None), msgspec.UnsetType)
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    "str": "text",
    "bytes": "text in base64",
    "array": "a list",
    "object": "an object",
    "datetime": "a date and time such as 2027-01-31T08:15:00Z",
    "date": "a date such as 2027-01-31",
    "time": "a time such as 08:15:00Z",
    "duration": "a duration such as PT90S",
    "uuid": "a UUID",
}
_BOUNDS = {"<=": "at most", ">=": "at least", "<": "less than", ">": "more than"}
_SENTENCES: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"Expected `(.+)`, got `(.+)`", lambda m: f"Expected {_kind(m[1])}, got {_kind(m[2])}."),
    (
        r"Expected `array` of length (\d+), got (\d+)",
        lambda m: f"The list must be {m[1]} long, and is {m[2]}.",
    ),
    (
        r"Expected `str` of length (.+)",
        lambda m: f"The text must be {_bound(m[1])} characters long.",
    ),
    (r"Expected `array` of length (.+)", lambda m: f"The list must be {_bound(m[1])} long."),
    (r"Expected `object` of length (.+)", lambda m: f"It must have {_bound(m[1])} members."),
    (r"Expected `.+` that's a multiple of (.+)", lambda m: f"It must be a multiple of {m[1]}."),
    (r"Expected `.+` (<=|>=|<|>) (.+)", lambda m: f"It must be {_BOUNDS[m[1]]} {m[2]}."),
    (
        r"Expected `datetime` with a timezone component",
        lambda _: "The date and time must have a time zone, such as 2027-01-31T08:15:00Z.",
    ),
    (r"Expected `(.+)`", lambda m: f"Expected {_kind(m[1])}."),
    (r"Invalid RFC3339 encoded (\w+)", lambda m: f"Expected {_kind(m[1])}."),
    (r"Invalid (?:enum )?value (.+)", lambda m: f"{m[1]} is not one of the values allowed here."),
    (r"Number out of range", lambda _: "The number is too large."),
    (r"Object missing required field `.*`", lambda _: REQUIRED),
    (r"Object contains unknown field `.*`", lambda _: UNKNOWN),
)


def faults(expected: Any, value: Any, at: Place | str) -> Iterator[FieldError]:
    """Why `value` (parsed JSON) is not an `expected`: each fault at its innermost place; none if
    it fits. Members that the type does not have are faults."""
    try:
        decoded = msgspec.convert(value, expected, str_keys=True)
    except msgspec.ValidationError as error:
        inside = _inside(_plain(expected, value), value, at)
        first = next(inside, None)
        yield first or _fault(str(error), expected, at)
        yield from inside
    else:
        yield from unknown_members(decoded, value, at)


def unknown_members(decoded: Any, raw: Any, at: Place | str) -> Iterator[FieldError]:
    """msgspec ignores members that a dataclass does not have; an API must report them, or a
    misspelled name would go unnoticed."""
    if isinstance(raw, list) and isinstance(decoded, (list, tuple)):
        for index, (item, raw_item) in enumerate(zip(decoded, raw, strict=False)):
            yield from unknown_members(item, raw_item, Place(at, index))
    elif isinstance(raw, dict):
        members = _decoded_members(decoded, raw)
        if members is None:
            return
        for name, value in raw.items():
            if name not in members:
                yield FieldError(Place(at, name), UNKNOWN)
            else:
                yield from unknown_members(members[name], value, Place(at, name))


def _decoded_members(decoded: Any, raw: dict[str, Any]) -> dict[str, Any] | None:
    """The decoded members of `raw`, by their names in `raw`."""
    if isinstance(decoded, msgspec.Struct):
        config, fields = decoded.__struct_config__, msgspec.structs.fields(decoded)
        members = {field.encode_name: getattr(decoded, field.name) for field in fields}
        return {**members, config.tag_field: None} if config.tag_field else members
    if dataclasses.is_dataclass(decoded):
        return {field.name: getattr(decoded, field.name) for field in dataclasses.fields(decoded)}
    if isinstance(decoded, dict):
        typed_keys = any(not isinstance(key, str) for key in decoded)
        return dict(zip(raw, decoded.values(), strict=False)) if typed_keys else decoded
    return None


def _inside(expected: Any, value: Any, at: Place | str) -> Iterator[FieldError]:
    if isinstance(value, list):
        items = zip(value, _item_types(expected, len(value)), strict=False)
        for index, (item, item_type) in enumerate(items):
            yield from faults(item_type, item, Place(at, index))
    elif isinstance(value, dict):
        origin, arguments = typing.get_origin(expected), typing.get_args(expected)
        if origin in _OBJECTS and len(arguments) == 2:
            for name, member in value.items():
                yield from faults(arguments[1], member, Place(at, name))
        elif (members := _member_types(expected)) is not None:
            for name, (_, required) in members.items():
                if required and name not in value:
                    yield FieldError(Place(at, name), REQUIRED)
            for name, member in value.items():
                if name in members:
                    yield from faults(members[name][0], member, Place(at, name))
                else:
                    yield FieldError(Place(at, name), UNKNOWN)


def _plain(expected: Any, value: Any = None) -> Any:
    """The type without its annotations: X for `X | None`, and of a union of tagged structs the
    one that the value names."""
    if typing.get_origin(expected) is Annotated:
        return _plain(typing.get_args(expected)[0], value)
    if typing.get_origin(expected) in (Union, types.UnionType):
        kinds = [one for one in typing.get_args(expected) if one not in _ABSENT]
        if len(kinds) > 1 and isinstance(value, dict):
            kinds = [one for one in kinds if _tag_fits(one, value)]
        return _plain(kinds[0], value) if len(kinds) == 1 else expected
    return expected


def _tag_fits(kind: Any, value: Mapping[str, Any]) -> bool:
    config: Any = getattr(kind, "__struct_config__", None)
    return config is not None and bool(config.tag) and value.get(config.tag_field) == config.tag


def _item_types(expected: Any, length: int) -> Iterable[Any]:
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if origin in _LISTS and arguments:
        return itertools.repeat(arguments[0])
    if origin is tuple and arguments[1:] == (Ellipsis,):
        return itertools.repeat(arguments[0])
    if hasattr(expected, "_fields"):  # a NamedTuple
        arguments = tuple(typing.get_type_hints(expected, include_extras=True).values())
    elif origin is not tuple:  # the arguments of other types are no types of items
        return ()
    return arguments if len(arguments) == length else ()


@functools.cache
def _member_types(expected: Any) -> Mapping[str, tuple[Any, bool]] | None:
    """The type of each member, and whether it is required, by its name in JSON."""
    if not isinstance(expected, type):
        return None
    if issubclass(expected, msgspec.Struct):
        fields, config = msgspec.structs.fields(expected), expected.__struct_config__
        tag = {config.tag_field: (Any, True)} if config.tag_field else {}
        return {**tag, **{one.encode_name: (one.type, one.required) for one in fields}}
    if dataclasses.is_dataclass(expected):
        hints, missing = typing.get_type_hints(expected, include_extras=True), dataclasses.MISSING
        return {
            one.name: (hints[one.name], one.default is missing and one.default_factory is missing)
            for one in dataclasses.fields(expected)
        }
    if typing.is_typeddict(expected):
        required: frozenset[str] = getattr(expected, "__required_keys__", frozenset())
        hints = typing.get_type_hints(expected, include_extras=True)
        return {name: (_without_requirement(one), name in required) for name, one in hints.items()}
    return None


def _without_requirement(hint: Any) -> Any:
    wrapped = typing.get_origin(hint) in (Required, NotRequired)
    return typing.get_args(hint)[0] if wrapped else hint


def _fault(text: str, expected: Any, at: Place | str) -> FieldError:
    """msgspec ends its message with the place, as `$.a[0].b`. It writes a key of a mapping as
    `[...]`; the place then ends at the mapping."""
    message, _, path = text.partition(" - at `")
    is_name = path.startswith("key` in `")
    for name, index in re.findall(r"\.([^.\[`]+)|\[(\d+)\]", path.partition("[...]")[0]):
        at = Place(at, index or name)
    if named := re.search(r" (?:unknown|required) field `(.*)`", message):
        at = Place(at, named[1])
    for pattern, sentence in _SENTENCES:
        if found := re.fullmatch(pattern, message):
            message = sentence(found)
            break
    if not path:
        message = _by_its_type(expected) or message if _is_about_values(text) else message
    return FieldError(at, f"A member's name does not fit: {message}" if is_name else message)


def _is_about_values(text: str) -> bool:
    return text.startswith("Invalid enum value") or "matching regex" in text


def _by_its_type(expected: Any) -> str | None:
    """What is allowed, where the type says it more clearly than msgspec."""
    plain = _plain(expected)
    if typing.get_origin(plain) is Literal:
        allowed = typing.get_args(plain)
    elif isinstance(plain, type) and issubclass(plain, enum.Enum):
        allowed = tuple(one.value for one in plain)
    else:
        return f"The text does not have this form: {_description(expected)}"
    return f"Allowed values: {', '.join(map(str, allowed))}."


def _description(expected: Any) -> str:
    """From the text's annotations: its description, else its pattern."""
    if typing.get_origin(expected) in (Union, types.UnionType):
        return next((_description(one) for one in typing.get_args(expected) if one), "")
    metas = [m for m in getattr(expected, "__metadata__", ()) if isinstance(m, msgspec.Meta)]
    return next((m.description or m.pattern or "" for m in metas), "")


def _kind(names: str) -> str:
    return " or ".join(_KINDS.get(one, one) for one in names.split(" | "))


def _bound(text: str) -> str:
    sign, _, number = text.partition(" ")
    return f"{_BOUNDS.get(sign, sign)} {number}"
