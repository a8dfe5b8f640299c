"""GET /client.js: the JavaScript client, for pages that import it from the service itself."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path

from chalice.app import Blueprint, CORSConfig, Response

from chalicelib.http import operations
from chalicelib.http.operations import SCRIPT
from chalicelib.http.preferences import matches
from chalicelib.http.problems import View

MODULE = Path(__file__).with_name("static") / "overtime.js"
HEADERS = {"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}


@functools.cache  # read at the first request for it, so that no cold start pays for it
def read_module() -> tuple[str, str]:
    """The text of the module, and its entity tag."""
    text = MODULE.read_text(encoding="utf-8")
    return text, f'"{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"'


def blueprint(answered: Callable[[View], View], cors: CORSConfig | bool) -> Blueprint:
    pages, operation = Blueprint(__name__), operations.GET_CLIENT

    def get_client() -> Response:
        """Fetch the JavaScript client, an ES module."""
        text, tag = read_module()
        known = pages.current_request.headers.get("if-none-match")
        if known is not None and matches(known, tag):
            return Response("", headers={**HEADERS, "ETag": tag}, status_code=304)
        return Response(
            text, headers={**HEADERS, "ETag": tag, "Content-Type": SCRIPT}, status_code=200
        )

    declare = pages.route(
        operation.path, methods=operation.methods, content_types=["*/*"], cors=cors
    )
    declare(answered(operation.of(get_client)))
    return pages
