"""The question that a job asks, as an elicitation of the client's user, and the user's response."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from chalicelib.domain.errors import AlreadyAnswered, JobFinished, NotFound
from chalicelib.domain.job import JobRecord, Wait, WaitReason
from chalicelib.domain.schemas import json_schema
from chalicelib.domain.task import Task
from chalicelib.domain.values import encode
from chalicelib.http.questions import ANSWER_AT_MOST
from chalicelib.mcp.envelope import INVALID_PARAMS, Json, Message, RpcError
from chalicelib.ports.system import System
from chalicelib.service import answers
from chalicelib.service.read import get

ANSWER = "answer"  # the member of a form whose answer is one value
# MCP 2026-07-28, client/elicitation, "Requested Schema": what a form may say of a field.
PRIMITIVE = {
    "string": ("minLength", "maxLength", "format", "enum"),
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
    "boolean": (),
}
FORMATS = ("email", "uri", "date", "date-time")
SAID = ("title", "description", "default")


def input_requests(message: Message, record: JobRecord, tasks: Mapping[str, Task]) -> Json | None:
    """The question of a job that waits for an answer, by its key. None if the client shows no
    forms, or if no form can hold the answer: its type must be flat."""
    wait = asked(record)
    if wait is None or not _shows_forms(message):
        return None
    task = tasks.get(record.task)
    schema = form(task.asks[wait.step]) if task and wait.step in task.asks else None
    if schema is None:
        return None
    params = {"mode": "form", "message": wait.prompt, "requestedSchema": schema}
    return {key_of(wait): {"method": "elicitation/create", "params": params}}


def asked(record: JobRecord) -> Wait | None:
    """The question that the job waits for."""
    return record.wait if record.wait_reason is WaitReason.ANSWER else None


def key_of(wait: Wait) -> str:
    """A step that is asked again has another round, so no key is used for two questions."""
    return f"{wait.step}:{wait.round}"


def respond(system: System, owner: str, job_id: str, responses: Mapping[str, Any]) -> None:
    """Store the user's response. Responses to other questions than the one that the job asks are
    ignored, as the extension wants it. Raises NotFound, InvalidRequest if the answer does not fit
    its type, and RpcError if the response has another form."""
    record = get(system, owner, job_id)
    wait = asked(record)
    if wait is None or (response := responses.get(key_of(wait))) is None:
        return
    match response:
        case {"action": "accept", **given}:
            value = _value_in(system, record, wait, given.get("content", {}))
            with suppress(AlreadyAnswered, JobFinished, NotFound):  # it has ended meanwhile
                answers.answer(system, owner, job_id, wait.step, value)
        case {"action": "decline"}:
            answers.decline(system, record, wait.step, wait.round)
        case {"action": "cancel"}:
            pass  # the question stays open
        case _:
            said = "A response has an action: accept (with content), decline or cancel."
            raise RpcError(INVALID_PARAMS, said)


def _value_in(system: System, record: JobRecord, wait: Wait, content: Any) -> Any:
    if len(encode(content)) > ANSWER_AT_MOST:
        raise RpcError(INVALID_PARAMS, f"The content is over {ANSWER_AT_MOST // 1024} KiB.")
    task = system.tasks().get(record.task)
    kind = task.asks.get(wait.step) if task else None
    one = isinstance(content, dict) and set(content) == {ANSWER} and _field_of(kind) is not None
    return content[ANSWER] if one else content


def _shows_forms(message: Message) -> bool:
    """Without a mode, a client means forms."""
    declared = message.capabilities.get("elicitation")
    return isinstance(declared, dict) and (not declared or "form" in declared)


def form(kind: Any) -> Json | None:
    """The schema of a form for this type: its members, or one member for a single value."""
    if (field := _field_of(kind)) is not None:
        return {"type": "object", "properties": {ANSWER: field}, "required": [ANSWER]}
    schema, definitions = json_schema(kind, "#/$defs/")
    schema = _resolved(schema, definitions)
    if schema.get("type") != "object" or "properties" not in schema:
        return None
    fields = {name: _field(one, definitions) for name, one in schema["properties"].items()}
    if not all(fields.values()):
        return None
    shown: Json = {"type": "object", "properties": fields}
    return {**shown, "required": schema["required"]} if schema.get("required") else shown


def _field_of(kind: Any) -> Json | None:
    return _field(*json_schema(kind, "#/$defs/"))


def _field(schema: Json, definitions: Json) -> Json | None:
    """A field of a form; None if this schema is none. What a form cannot say, such as a pattern,
    is checked when the answer comes."""
    schema = _resolved(schema, definitions)
    kind = schema.get("type")
    if kind is None and all(isinstance(one, str) for one in schema.get("enum", (None,))):
        kind = "string"
    if not isinstance(kind, str) or kind not in PRIMITIVE:
        return None
    allowed = (*SAID, *PRIMITIVE[kind])
    field = {name: value for name, value in schema.items() if name in allowed}
    if field.get("format") not in (None, *FORMATS):
        del field["format"]
    if field.get("default", "") is None:
        del field["default"]
    return {"type": kind, **field}


def _resolved(schema: Json, definitions: Json) -> Json:
    """Without a reference, and without a null that the member may as well leave out."""
    variants = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if len(variants) == 1:
        rest = {name: value for name, value in schema.items() if name != "anyOf"}
        schema = {**variants[0], **rest}
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    if name not in definitions:
        return schema
    return {**definitions[name], **{key: one for key, one in schema.items() if key != "$ref"}}
