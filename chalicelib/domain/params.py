"""Typed params, read from JSON.

msgspec reads dataclasses and its own Structs. A pydantic model is recognised by its methods, so
that pydantic is imported only by tasks that use it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from chalicelib.domain.errors import FieldError, InvalidRequest, refuse_any
from chalicelib.domain.misfits import faults, unknown_members
from chalicelib.domain.values import escape

DO_NOT_FIT = "The params do not fit the task."
LISTED_BY_PYDANTIC = 10_000  # errors

UPLOAD_ID = re.compile(r"upload:[0-9a-f]{32}")
Upload = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^{UPLOAD_ID.pattern}$(?!\n)",  # Python's `$` alone lets a line break follow
        description="The id of an upload, from POST /uploads.",
    ),
]


def require_readable(params_type: Any) -> None:
    """Raises TypeError for a type that cannot be read from JSON, such as a union of two
    dataclasses: at import, before the first job is submitted."""
    if not hasattr(params_type, "model_validate"):
        msgspec.json.Decoder(params_type)


def decode(params_type: Any, value: Any, at: str = "/params", detail: str = DO_NOT_FIT) -> Any:
    """`value` (parsed JSON) as `params_type`. Members that the type does not have are errors.

    Raises InvalidRequest with this detail; each error has its JSON Pointer, below `at`.
    """
    if hasattr(params_type, "model_validate"):
        return _decode_pydantic(params_type, value, at, detail)
    try:
        # JSON has only text as names of members; the type may have numbers or dates there.
        decoded = msgspec.convert(value, params_type, str_keys=True)
    except msgspec.ValidationError:
        # It stops at the first fault; a client wants them all.
        raise InvalidRequest(detail, errors=faults(params_type, value, at)) from None
    refuse_any(detail, unknown_members(decoded, value, at))
    return decoded


def _decode_pydantic(model: Any, value: Any, at: str, detail: str) -> Any:
    """The model's own `extra` setting applies to all models inside it."""
    extra = model.model_config.get("extra", "forbid")
    try:
        return model.model_validate(value, extra=extra)
    except ValueError as error:
        failure: Any = error
        if not hasattr(failure, "errors"):
            raise InvalidRequest(detail) from None
        if (count := failure.error_count()) > LISTED_BY_PYDANTIC:  # it lists all of them or none
            fault = FieldError(at, f"There are {count} errors, too many to list.")
            raise InvalidRequest(detail, errors=(fault,)) from None
        details = failure.errors(include_url=False, include_context=False)
        errors = (
            FieldError(_pointer(value, d["loc"], at, missing=d["type"] == "missing"), d["msg"])
            for d in details
        )
        raise InvalidRequest(detail, errors=errors) from None


def _pointer(value: Any, steps: Sequence[str | int], at: str, *, missing: bool) -> str:
    """pydantic's place as a JSON Pointer. Its steps also name branches of unions and other things
    that are not in the value; these are left out."""
    for number, step in enumerate(steps, 1):
        if isinstance(value, dict) and step in value:
            at, value = f"{at}/{escape(str(step))}", value[step]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            at, value = f"{at}/{step}", value[step]
        elif missing and number == len(steps):
            at = f"{at}/{escape(str(step))}"
    return at
