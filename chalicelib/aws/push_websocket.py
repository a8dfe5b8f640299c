"""Open WebSockets, reached through API Gateway's management API."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from botocore.exceptions import ClientError

from chalicelib.aws.errors import code, unavailable
from chalicelib.domain.errors import Gone

if TYPE_CHECKING:
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient


class WebSockets(msgspec.Struct, frozen=True):
    """Implements ports.Push. The client has short timeouts and no retries: a late push is
    useless."""

    client: Callable[[], ApiGatewayManagementApiClient]

    def send(self, address: str, message: str) -> None:
        with unavailable("WebSocket API"):
            try:
                self.client().post_to_connection(ConnectionId=address, Data=message.encode())
            except ClientError as error:
                if code(error) == "GoneException":
                    raise Gone from None
                raise
