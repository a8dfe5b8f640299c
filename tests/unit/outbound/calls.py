"""A client that may call servers on this machine, as the tests of this folder need it."""

from __future__ import annotations

import ipaddress
import ssl
from typing import Any

from chalicelib.domain.response import HttpResponse
from chalicelib.outbound.client import OutboundClient
from chalicelib.outbound.guard import Guard, Resolve
from tests.receiver import response

LOCAL = (ipaddress.ip_network("127.0.0.0/8"),)
OK = response(200, b"hello", "X-Kind: Greeting")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"


def client(
    resolve: Resolve | None = None, tls: ssl.SSLContext | None = None, **kwargs: Any
) -> OutboundClient:
    guard = Guard(networks=LOCAL, resolve=resolve) if resolve else Guard(networks=LOCAL)
    return OutboundClient(guard, "overtime/test", tls, **kwargs)


def get(url: str, timeout: float = 5.0, max_bytes: int = 1_000, **kwargs: Any) -> HttpResponse:
    return client(**kwargs).request("GET", url, {}, None, timeout, max_bytes)
