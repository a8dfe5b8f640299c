"""One request to the endpoint and its answer. Every refusal is JSON-RPC, too: with a problem
document, clients of both generations would take the server for one of the earlier."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from chalice.app import Response

from chalicelib.domain.errors import OvertimeError
from chalicelib.http.requests import Call
from chalicelib.mcp.envelope import (
    INTERNAL,
    INVALID,
    UNPARSABLE,
    Message,
    RpcError,
    answer,
    headers_of,
    id_despite,
    id_in,
    message_in,
    object_in,
    refusal,
    rpc_error,
)
from chalicelib.mcp.methods import result_of
from chalicelib.ports.system import System
from chalicelib.telemetry import logs

logger = logging.getLogger(__name__)


def exchange(system: System, call: Call, allowed_origin: str) -> Response:
    message_id: str | int | None = None
    message: Message | None = None
    headers = None
    try:
        _refuse_foreign(call, allowed_origin)
        body = object_in(call)
        message_id = id_in(body)
        message = message_in(call, body, message_id)
        logs.bind(rpc=message.method[:100])
        if message_id is None:
            return Response("", status_code=202)
        return answer(message_id, result_of(system, call, message))
    except RpcError as error:
        refused = error
    except OvertimeError as error:
        refused, headers = rpc_error(error), headers_of(error)
        if message is None and (message_id := id_despite(call, error)) is not None:
            refused.code = INVALID if refused.code == UNPARSABLE else refused.code
    except Exception:
        logger.exception("request_failed")
        request_id = getattr(call.request.lambda_context, "aws_request_id", None)
        said = "The error has been logged under this request's id."
        refused = RpcError(INTERNAL, said, {"request_id": request_id}, 500)
    if message is not None and not message.current:
        refused.status = 200  # earlier clients read an error only from a 200
    return refusal(message_id, refused, headers)


def _refuse_foreign(call: Call, allowed_origin: str) -> None:
    """A browser sends the origin of the page that makes the request."""
    origin = call.header_list("origin")
    own = urlsplit(call.base)
    if origin is None or (origin and origin in (allowed_origin, f"{own.scheme}://{own.netloc}")):
        return
    said = f"Pages of {origin[:100]} may not call this server."
    raise RpcError(INVALID, said, status=403)
