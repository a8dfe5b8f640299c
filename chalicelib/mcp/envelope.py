"""A JSON-RPC message: read from a request, checked as its protocol version asks, and answered."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from chalice.app import Response
from msgspec import MsgspecError

from chalicelib.domain import errors
from chalicelib.domain.errors import OvertimeError
from chalicelib.domain.values import decode_json
from chalicelib.http.problems import HEADERS, STATUS, problem_view
from chalicelib.http.representation import json_body
from chalicelib.http.requests import Call

if TYPE_CHECKING:
    from chalice.app import HeadersType

Json = dict[str, Any]

CURRENT = "2026-07-28"
EARLIER = ("2025-11-25", "2025-06-18")  # their clients send `initialize` first
VERSIONS = (CURRENT, *EARLIER)
TASKS = "io.modelcontextprotocol/tasks"  # the extension
VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"
ID_AT_MOST = 1_000  # characters

# JSON-RPC 2.0, section 5.1, and MCP 2026-07-28, basic/index, "Error Codes".
UNPARSABLE = -32700
INVALID = -32600
UNKNOWN_METHOD = -32601
INVALID_PARAMS = -32602
INTERNAL = -32603
HEADER_MISMATCH = -32020
MISSING_CAPABILITY = -32021
UNSUPPORTED_VERSION = -32022
CODES: Mapping[type[OvertimeError], int] = {
    errors.MalformedRequest: UNPARSABLE,
    errors.NotFound: INVALID_PARAMS,
    errors.KeyReused: INVALID_PARAMS,
    errors.InvalidRequest: INVALID_PARAMS,
    errors.Unavailable: INTERNAL,
}
# The only statuses that clients need to tell apart from 400. To them 404 means an unknown method.
KEPT = frozenset({401, 403, 413, 415, 503})

NAME_IN = {
    "tools/call": "name",
    **dict.fromkeys(("tasks/get", "tasks/update", "tasks/cancel"), "taskId"),
}
"""The member of `params` that the header Mcp-Name repeats, by method."""
ONLY_CURRENT = frozenset({"server/discover", "tasks/get", "tasks/update", "tasks/cancel"})


class RpcError(Exception):
    """An error answer. `status` is the HTTP status for clients of the current version."""

    def __init__(self, code: int, message: str, data: Any = None, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.data, self.status = code, message, data, status


class Message(msgspec.Struct, frozen=True):
    """A request, or with an `id` of None a notification."""

    id: str | int | None
    method: str
    params: Json
    version: str
    capabilities: Json
    """What the client declares with this request."""

    @property
    def current(self) -> bool:
        return self.version == CURRENT

    @property
    def has_tasks(self) -> bool:
        """Whether a call may be answered with a task's handle."""
        extensions = self.capabilities.get("extensions")
        return self.current and isinstance(extensions, dict) and TASKS in extensions

    @property
    def meta(self) -> Json:
        meta = self.params.get("_meta")
        return meta if isinstance(meta, dict) else {}


def object_in(call: Call) -> Json:
    """The request's body. Raises a ClientError or an RpcError unless it is one JSON-RPC message."""
    body = call.body(Any)
    if isinstance(body, list):
        raise RpcError(INVALID, "Batches are not supported. Send each message in its own request.")
    if not isinstance(body, dict) or body.get("jsonrpc") != "2.0":
        raise RpcError(INVALID, 'The body must be a JSON-RPC 2.0 message, with "jsonrpc": "2.0".')
    return body


def id_in(body: Json) -> str | int | None:
    given = body.get("id")
    if "id" in body and (
        isinstance(given, bool) or not isinstance(given, (str, int)) or len(str(given)) > ID_AT_MOST
    ):
        raise RpcError(INVALID, f"id must be an integer or a string of {ID_AT_MOST} characters.")
    return given


def id_despite(call: Call, refused: OvertimeError) -> str | int | None:
    """The id in a body that is JSON, and is refused for another reason. None if none can be read,
    or if the body is too large to look."""
    if isinstance(refused, errors.BodyTooLarge):
        return None
    raw = call.request.raw_body
    try:
        body = decode_json(raw.encode() if isinstance(raw, str) else raw)
        return id_in(body) if isinstance(body, dict) else None
    except (RpcError, MsgspecError, UnicodeError, RecursionError):
        return None


def message_in(call: Call, body: Json, message_id: str | int | None) -> Message:
    """Raises an RpcError if the message does not fit its version, or the headers differ from it."""
    method, params = body.get("method"), body.get("params", {})
    if not isinstance(method, str):
        raise RpcError(INVALID, "method must be a string. This server takes no responses.")
    if not isinstance(params, dict):
        raise RpcError(INVALID_PARAMS, "params must be an object.")
    meta = params.get("_meta")
    meta = meta if isinstance(meta, dict) else {}
    header = _header(call, "mcp-protocol-version")
    version = meta.get(VERSION_KEY)
    if version is None and header in (None, *EARLIER) and method not in ONLY_CURRENT:
        return Message(message_id, method, params, header or EARLIER[0], {})
    if version is None and header not in (None, *VERSIONS):
        raise unsupported(header)
    if message_id is None:  # the current version defines none, and asks for no metadata in them
        return Message(None, method, params, CURRENT, {})
    missing = [key for key in (VERSION_KEY, CAPABILITIES_KEY) if key not in meta]
    if missing or not isinstance(version, str) or not isinstance(meta[CAPABILITIES_KEY], dict):
        said = (
            f"params._meta lacks {' and '.join(missing)}."
            if missing
            else (
                f"In params._meta, {VERSION_KEY} must be a string and {CAPABILITIES_KEY} an object."
            )
        )
        raise RpcError(INVALID_PARAMS, said)
    _require(header, "MCP-Protocol-Version", version)
    if version not in VERSIONS:
        raise unsupported(version)
    message = Message(message_id, method, params, version, meta[CAPABILITIES_KEY])
    if message.current:
        _require(_header(call, "mcp-method"), "Mcp-Method", method)
        if (member := NAME_IN.get(method)) and isinstance(name := params.get(member), str):
            _require(_decoded(_header(call, "mcp-name")), "Mcp-Name", name)
    return message


def unsupported(version: str | None) -> RpcError:
    data = {"supported": list(VERSIONS), "requested": version and version[:100]}
    return RpcError(UNSUPPORTED_VERSION, "Unsupported protocol version", data)


def _header(call: Call, name: str) -> str | None:
    try:
        value = call.header(name)
    except errors.MalformedRequest as error:
        raise RpcError(HEADER_MISMATCH, error.detail) from None
    if value is not None and not (value.isascii() and value.isprintable()):
        said = f"The header {name} may hold printable ASCII alone. Encode others: =?base64?…?=."
        raise RpcError(HEADER_MISMATCH, said)
    return value


def _require(given: str | None, header: str, value: str) -> None:
    if given != value:
        said = "is missing" if given is None else f"is {given[:100]!r}"
        raise RpcError(
            HEADER_MISMATCH,
            f"The header {header} {said}; the body has {value[:100]!r}. Both must be the same.",
        )


def _decoded(value: str | None) -> str | None:
    """Header values that are not plain ASCII are sent as `=?base64?…?=`."""
    if value is None or not (value.startswith("=?base64?") and value.endswith("?=")):
        return value
    try:
        return base64.b64decode(value[9:-2], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return value


def rpc_error(error: OvertimeError) -> RpcError:
    kind, view = type(error), problem_view(error)
    status = STATUS.get(kind, 400)
    return RpcError(
        CODES.get(kind, INVALID),
        f"{view.title}: {view.detail}",
        {"errors": view.errors} if view.errors else None,
        status if status in KEPT else 400,
    )


def answer(message_id: str | int | None, result: Json) -> Response:
    return _response({"jsonrpc": "2.0", "id": message_id, "result": result}, 200)


def refusal(
    message_id: str | int | None, error: RpcError, headers: Mapping[str, str] | None = None
) -> Response:
    """An error answer. It has no `id` if the request's could not be read."""
    shown = {"code": error.code, "message": error.message}
    if error.data is not None:
        shown["data"] = error.data
    named = {} if message_id is None else {"id": message_id}
    return _response({"jsonrpc": "2.0", **named, "error": shown}, error.status, headers)


def headers_of(error: OvertimeError) -> Mapping[str, str]:
    return HEADERS.get(type(error), {})


def _response(body: Json, status: int, headers: Mapping[str, str] | None = None) -> Response:
    sent: HeadersType = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return Response(json_body(body), headers={**sent, **(headers or {})}, status_code=status)
