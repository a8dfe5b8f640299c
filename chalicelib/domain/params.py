"""Typed params and results: from JSON, to JSON, and their JSON Schemas.

Dataclasses and msgspec Structs are msgspec's; a pydantic model is recognised by its methods,
so that pydantic is imported only by those who use it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec

from chalicelib.domain.errors import FieldError, InvalidRequest
from chalicelib.domain.values import escape

UPLOAD_ID = re.compile(r"upload:[0-9a-f]{32}")
Upload = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^{UPLOAD_ID.pattern}$(?!\n)",  # Python's `$` alone lets a line break follow
        description="The id of an upload, as POST /uploads gave it.",
    ),
]


def require_readable(params_type: Any) -> None:
    """Raises TypeError for a type that no JSON can be read as, such as a union of two
    dataclasses: now, and not when somebody submits the first job."""
    if not hasattr(params_type, "model_validate"):
        msgspec.json.Decoder(params_type)


def decode(params_type: Any, value: Any, at: str = "/params") -> Any:
    """`value` (parsed JSON) as `params_type`. Members that the type does not know are errors.

    Raises InvalidRequest, each field at fault with its JSON Pointer below `at`.
    """
    if hasattr(params_type, "model_validate"):
        return _decode_pydantic(params_type, value, at)
    try:
        # Names of JSON members are texts, also where the type counts or dates by them.
        decoded = msgspec.convert(value, params_type, str_keys=True)
    except msgspec.ValidationError as error:
        raise invalid(error, at) from None
    unknown = tuple(
        FieldError(pointer, "is not a member of these params")
        for pointer in _unknown_members(decoded, value, at)
    )
    if unknown:
        raise InvalidRequest("The params have members that the task does not know.", errors=unknown)
    return decoded


def invalid(error: msgspec.ValidationError, at: str) -> InvalidRequest:
    """msgspec tells the place as `$.a[0].b`, at the end of its message; a key of a mapping as
    `[...]`, so the pointer ends above it."""
    message, _, place = str(error).partition(" - at `")
    steps = re.findall(r"\.([^.\[`]+)|\[(\d+)\]", place.partition("[...]")[0])
    pointer = at + "".join(f"/{index or escape(name)}" for name, index in steps)
    if unknown := re.search(r"unknown field `(.*)`", message):
        pointer += f"/{escape(unknown[1])}"
    if missing := re.search(r"missing required field `(.*)`", message):
        pointer += f"/{escape(missing[1])}"
    return InvalidRequest(message, errors=(FieldError(pointer, message),))


def _unknown_members(decoded: Any, raw: Any, at: str) -> Iterator[str]:
    """msgspec ignores what a dataclass does not know; an API that does hides typing errors."""
    if isinstance(raw, list) and isinstance(decoded, (list, tuple)):
        for index, (item, raw_item) in enumerate(zip(decoded, raw, strict=False)):
            yield from _unknown_members(item, raw_item, f"{at}/{index}")
    elif isinstance(raw, dict):
        members = _members(decoded, raw)
        if members is None:
            return
        for name, value in raw.items():
            pointer = f"{at}/{escape(name)}"
            if name not in members:
                yield pointer
            else:
                yield from _unknown_members(members[name], value, pointer)


def _members(decoded: Any, raw: dict[str, Any]) -> dict[str, Any] | None:
    """What became of the members of `raw`, by their names there."""
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


def _decode_pydantic(model: Any, value: Any, at: str) -> Any:
    """What the model itself says of `extra` counts for all models inside it."""
    extra = model.model_config.get("extra", "forbid")
    try:
        return model.model_validate(value, extra=extra)
    except ValueError as error:
        details = error.errors() if hasattr(error, "errors") else []
        errors = tuple(
            FieldError(_pointer(value, d["loc"], at, missing=d["type"] == "missing"), d["msg"])
            for d in details
        )
        raise InvalidRequest("The params do not fit the task.", errors=errors) from None


def _pointer(value: Any, steps: Sequence[str | int], at: str, *, missing: bool) -> str:
    """pydantic's place as a JSON Pointer: its steps also name the branches of unions and other
    things that are nowhere in the value."""
    for number, step in enumerate(steps, 1):
        if isinstance(value, dict) and step in value:
            at, value = f"{at}/{escape(str(step))}", value[step]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            at, value = f"{at}/{step}", value[step]
        elif missing and number == len(steps):
            at = f"{at}/{escape(str(step))}"
    return at
