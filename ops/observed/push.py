"""How a stage pushes, and what it therefore lacks of what others have."""

from __future__ import annotations

from typing import Any

from ops.stage import Stage

# by PUSH: what the names of its functions begin with, and what policies call its API
OF = {"websocket": ("websocket_", "${WebsocketAPI"), "appsync": ("authorize_push", "${EventApi")}


def pushes_by(stage: Stage) -> str:
    """`make deploy` makes a WebSocket API unless told otherwise; a stage with text for its TABLE is
    one that Chalice deploys, which pushes once its endpoint is known."""
    declared = stage.environment
    by_chalice = "TABLE" in declared
    default = "none" if by_chalice and "WEBSOCKET_ENDPOINT" not in declared else "websocket"
    return declared.get("PUSH", default)


def has_function(push: str, name: str) -> bool:
    return not any(name.startswith(begin) for other, (begin, _) in OF.items() if other != push)


def has_right(push: str, statement: dict[str, Any]) -> bool:
    return not any(api in str(statement) for other, (_, api) in OF.items() if other != push)
