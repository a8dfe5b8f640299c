"""Conditional writes, with lost answers and conflicting transactions.

An SDK that gets no answer repeats the write, and the condition then fails because of the first
one: an item that has the write's own nonce means success. A conflict with a running transaction
says nothing about the condition, so the write is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws.errors import code, unavailable
from chalicelib.aws.items import Item, record_of
from chalicelib.domain.errors import ConditionFailed, Unavailable

PAUSES = (0.02, 0.05, 0.1, 0.2)  # seconds; a transaction holds an item for milliseconds

Pause = Callable[[float], None]


def write_if(pause: Pause, nonce: str, operation: Callable[..., Any], **arguments: Any) -> Item:
    """Write if the condition holds, and return the item after it (nothing for a put). Raises
    ConditionFailed."""
    for seconds in (*PAUSES, None):
        with unavailable("jobs table"):
            try:
                after: Item = operation(**arguments).get("Attributes", {})
                return after
            except ClientError as error:
                match code(error):
                    case "ConditionalCheckFailedException":
                        return _own_or_raise(nonce, error.response.get("Item"))
                    case "TransactionConflictException":
                        pass
                    case _:
                        raise
        pause_or_give_up(pause, seconds)
    raise AssertionError("the last pause gives up")


def transact(
    pause: Pause, nonce: str, operation: Callable[..., Any], items: Sequence[dict[str, Any]]
) -> None:
    """Write all items or none. The first one has the nonce and the condition that decides. Raises
    ConditionFailed."""
    for seconds in (*PAUSES, None):
        with unavailable("jobs table"):
            try:
                operation(TransactItems=items)
                return
            except ClientError as error:
                first, *others = _reasons(error)
                if first["Code"] == "ConditionalCheckFailed":
                    _own_or_raise(nonce, first.get("Item"))
                    return
                if any(reason["Code"] == "ConditionalCheckFailed" for reason in others):
                    raise  # the others are new, with ids that no other write creates
        pause_or_give_up(pause, seconds)
    raise AssertionError("the last pause gives up")


def pause_or_give_up(pause: Pause, seconds: float | None) -> None:
    if seconds is None:
        raise Unavailable("The service is too busy: try again.")
    pause(seconds)


def _own_or_raise(nonce: str, found: Any) -> Item:
    if found and found["nonce"]["S"] == nonce:
        return dict(found)
    raise ConditionFailed(record_of(found) if found else None) from None


def _reasons(error: ClientError) -> list[Any]:
    """Why each item of a transaction was not written. Raises any other error."""
    match code(error):
        case "TransactionCanceledException":
            response: Any = error.response
            return list(response["CancellationReasons"])
        case "TransactionInProgressException" | "TransactionConflictException":
            return [{"Code": "TransactionConflict"}]
        case _:
            raise error
