"""The time limit of the current Lambda invocation."""

from __future__ import annotations

from typing import Any

from chalicelib.ports.runtime import Clock


def milliseconds_left(event: Any) -> int:
    """From Chalice's event of any trigger; in a request, `context` is something else."""
    context = getattr(event, "lambda_context", None) or event.context
    return int(context.get_remaining_time_in_millis())


def ends_at(event: Any, clock: Clock) -> int:
    """When Lambda ends the invocation, in epoch milliseconds."""
    return clock.now() + milliseconds_left(event)
