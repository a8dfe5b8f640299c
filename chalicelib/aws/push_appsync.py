"""AppSync Events: one signed request publishes a message to all subscribers of a channel.

https://docs.aws.amazon.com/appsync/latest/eventapi/publish-http.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session

from chalicelib.aws.errors import unavailable
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.values import encode

if TYPE_CHECKING:
    from botocore.auth import BaseSigner

TIMEOUTS: Any = (1, 2)  # seconds, to connect and to answer; without retries


class Published(msgspec.Struct):
    failed: list[dict[str, object]] = []


class EventApi(msgspec.Struct, frozen=True):
    """Implements ports.Push; an address is a channel. `url` ends in /event."""

    signer: Callable[[], BaseSigner]
    url: str
    http: URLLib3Session = msgspec.field(default_factory=lambda: URLLib3Session(timeout=TIMEOUTS))

    def send(self, address: str, message: str) -> None:
        body = encode({"channel": address, "events": [message]}).encode()
        request = AWSRequest("POST", self.url, {"Content-Type": "application/json"}, body)
        with unavailable("Event API"):
            self.signer().add_auth(request)
            answer = self.http.send(request.prepare())
        if answer.status_code != 200:
            raise Unavailable(f"The Event API answered {answer.status_code}.")
        if msgspec.json.decode(answer.content, type=Published).failed:
            raise Unavailable("The Event API could not publish the message.")
