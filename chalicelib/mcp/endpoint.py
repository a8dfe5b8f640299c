"""The routes of the endpoint. Nothing else of this room is imported before the first request."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from chalice.app import Blueprint, Response

from chalicelib.http import answers
from chalicelib.http.auth import METADATA
from chalicelib.http.operations import Operation
from chalicelib.http.routes import Routes
from chalicelib.ports.system import System
from chalicelib.settings import Auth, Settings

PATH = "/mcp"
# The protocol describes itself, by server/discover and tools/list.
POST, GET, DELETE = (
    Operation(method, PATH, {}, described=False) for method in ("POST", "GET", "DELETE")
)
GET_METADATA = Operation("GET", METADATA, {}, described=False)


class ResourceMetadata(msgspec.Struct, frozen=True):
    """RFC 9728, section 2: where an agent gets a token for this endpoint."""

    resource: str
    authorization_servers: tuple[str, ...]
    bearer_methods_supported: tuple[str, ...] = ("header",)
    resource_name: str = "Overtime"


def surface(routes: Routes, settings: Settings, system: Callable[[], System]) -> Blueprint:
    """Empty with AUTH=iam: agents send bearer tokens, and cannot sign requests."""
    blueprint = Blueprint(__name__)
    if settings.auth is Auth.IAM:
        return blueprint
    route = routes.on(blueprint)

    @route(POST)
    def mcp() -> Response:
        """Take a JSON-RPC message of the Model Context Protocol."""
        from chalicelib.mcp.exchange import exchange

        return exchange(system(), routes.call(), settings.allowed_origin)

    def not_allowed() -> Response:
        """There are no streams and no sessions, which these methods are for."""
        from chalicelib.mcp.envelope import INVALID, RpcError, refusal

        said = "This endpoint takes POST alone: it has no streams and no sessions."
        return refusal(None, RpcError(INVALID, said, status=405), {"Allow": "POST"})

    @route(GET)
    def mcp_stream() -> Response:
        return not_allowed()

    @route(DELETE)
    def mcp_session() -> Response:
        return not_allowed()

    if settings.auth is Auth.JWT and settings.public_url:
        resource = f"{settings.public_url.rstrip('/')}{PATH}"
        metadata = ResourceMetadata(resource, (settings.jwt_issuer,))

        @route(GET_METADATA)
        def mcp_metadata() -> Response:
            return answers.json(metadata)

    return blueprint
