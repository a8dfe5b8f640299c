"""What Lambda says of the invocation under way."""

from __future__ import annotations

from typing import Any

from chalicelib.ports.runtime import Clock


def milliseconds_left(event: Any) -> int:
    """Of Chalice's event, whatever its trigger: a request has its own `context`."""
    context = getattr(event, "lambda_context", None) or event.context
    return int(context.get_remaining_time_in_millis())


def ends_at(event: Any, clock: Clock) -> int:
    """When Lambda ends it, in epoch milliseconds."""
    return clock.now() + milliseconds_left(event)
