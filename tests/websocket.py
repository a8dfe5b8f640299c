"""A client of the push protocol over a real WebSocket: for the smoke and end-to-end tests."""

from __future__ import annotations

import json
import ssl
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from chalicelib.domain.job import TERMINAL

OPEN_SECONDS = 40
REFUSED = (401, 403)  # the deployed local AWS says 403 whatever the function answers
Message = dict[str, Any]


def ticket(api: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """POST /tickets of the API at this URL, with whatever headers it wants of its callers."""
    request = urllib.request.Request(f"{api}/tickets", b"", dict(headers or {}), method="POST")
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=30) as answer:
        got: dict[str, Any] = json.load(answer)
    return got


def refusal(url: str, text: str | None, certificate: Path | None = None) -> int:
    """The status with which a connection is refused; 101 where it is not."""
    try:
        with connected(url, text, certificate):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@contextmanager
def connected(
    url: str, text: str | None, certificate: Path | None = None
) -> Iterator[Subscriptions]:
    """With a ticket's text, or without one; `certificate` is the only authority to be trusted."""
    trust = ssl.create_default_context(cafile=certificate) if certificate else None
    query = f"?{urlencode({'ticket': text})}" if text is not None else ""
    opening = connect(f"{url}{query}", ssl=trust, open_timeout=OPEN_SECONDS, proxy=None)
    with opening as connection:
        yield Subscriptions(connection)


class Subscriptions:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def say(self, message: Any) -> None:
        self.connection.send(message if isinstance(message, str) else json.dumps(message))

    def subscribe(self, job: str) -> None:
        self.say({"action": "subscribe", "job": job})

    def next(self, seconds: float = 30) -> Message:
        """Raises TimeoutError where none comes within that time."""
        message: Message = json.loads(self.connection.recv(timeout=seconds))
        return message

    def until_closed(self) -> list[Message]:
        """Everything that comes until the server closes the connection."""
        return [json.loads(text) for text in self.connection]

    def until_finished(self, *jobs: str, seconds: float = 60) -> list[Message]:
        """Everything that comes until all of these jobs have been told to be finished."""
        told, open_jobs, deadline = [], set(jobs), time.monotonic() + seconds
        while open_jobs:
            told.append(self.next(deadline - time.monotonic()))
            job = told[-1].get("job")
            if isinstance(job, dict) and job["status"] in TERMINAL:
                open_jobs.discard(job["id"])
        return told
