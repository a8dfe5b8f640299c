"""Which web pages may call from another origin than the API's own (Fetch standard: CORS)."""

from __future__ import annotations

from chalice.app import CORSConfig

from chalicelib.http.operations import MCP_HEADERS, REQUEST_HEADERS, RESPONSE_HEADERS

PREFLIGHT_SECONDS = 600  # for which a browser may cache the answer


def cross_origin(origin: str) -> CORSConfig | bool:
    """The CORS headers of every route. Without cookies: a page sends its credentials itself."""
    if not origin:
        return False
    return CORSConfig(
        allow_origin=origin,
        allow_headers=sorted({*REQUEST_HEADERS, *MCP_HEADERS}),
        expose_headers=sorted(RESPONSE_HEADERS),
        max_age=PREFLIGHT_SECONDS,
    )
