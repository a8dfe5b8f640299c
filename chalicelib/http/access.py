"""One log line for each request."""

from __future__ import annotations

import logging
from collections.abc import Callable

from chalice.app import Request, Response

from chalicelib.telemetry import logs

logger = logging.getLogger(__name__)

Middleware = Callable[[Request, Callable[[Request], Response]], Response]


def access_lines(clock: Callable[[], float]) -> Middleware:
    """A middleware that adds method and route to every log line of a request, and logs its status
    and duration at the end. `clock` counts seconds."""

    def answer(request: Request, proceed: Callable[[Request], Response]) -> Response:
        began = clock()
        logs.bind(method=request.method, route=request.context["resourcePath"])
        response = proceed(request)
        took = round((clock() - began) * 1_000, 1)
        logger.info("request", extra={"http_status": response.status_code, "ms": took})
        return response

    return answer
