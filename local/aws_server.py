"""The local AWS's process: MiniStack, and the gate in front of it, on one port.

    .venv-aws/bin/python -m local.aws_server RULES.json   what a stage of `make run` uses
    .venv-aws/bin/python -m local.aws_server              every service and action, to deploy to

The gate stands in MiniStack's own process, so no port leads around it.
"""

# It runs in the local AWS's Python, which has neither the project nor Chalice.
from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from local import parent_watchdog
from local.aws_actions import (
    FORM_BYTES,
    HEALTH,
    LINK_METHODS,
    Request,
    is_link,
    is_of_object,
    refusal,
    wants_form,
)
from local.gate import HERE, Gate, Headers, by_name

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

CORS = b"access-control-"
REFUSED = (
    "<ErrorResponse><Error><Code>AccessDenied</Code><Message>{}</Message></Error></ErrorResponse>"
)


EVERYTHING = Gate(hosts=(*HERE, ".localhost"))  # MiniStack names APIs below it


@dataclass(frozen=True)
class Rules:
    gate: Gate
    bucket: str = ""
    key: str = ""

    def write(self, file: Path) -> None:
        """In one step: the server may read at any time."""
        fresh = file.with_suffix(".new")
        value = {**vars(self), "gate": vars(self.gate)}
        fresh.touch(0o600)
        fresh.write_text(json.dumps(value))
        fresh.replace(file)

    @classmethod
    def read(cls, file: Path) -> Rules:
        value = json.loads(file.read_text())
        gate = Gate(**{name: tuple(texts) for name, texts in value.pop("gate").items()})
        return cls(gate, **value)


class Server:
    def __init__(self, behind: App, file: Path | None = None) -> None:
        """Without a file of rules, every service answers all but the pages of other origins."""
        self.behind = behind
        self.file = file
        self._read_at = 0
        self._rules = Rules(Gate())

    def _read_rules(self, file: Path) -> Rules:
        """As `make run` wrote them last: it writes them again when the configuration changes."""
        written_at = file.stat().st_mtime_ns
        if written_at != self._read_at:
            self._rules, self._read_at = Rules.read(file), written_at
        return self._rules

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.behind(scope, receive, send)
            return
        sent = [(name.decode("latin-1"), text.decode("latin-1")) for name, text in scope["headers"]]
        websocket = scope["type"] == "websocket"
        if self.file and not websocket:
            await self._answer(self._read_rules(self.file), scope, sent, receive, send)
        elif websocket and (self.file or EVERYTHING.refusal("GET", sent)):
            await send({"type": "websocket.close", "code": 1008})
        elif not websocket and (refused := EVERYTHING.refusal(scope["method"], sent)):
            await _refuse(send, refused)
        else:
            await self.behind(scope, receive, send)

    async def _answer(
        self, rules: Rules, scope: Message, sent: Headers, receive: Receive, send: Send
    ) -> None:
        headers = by_name(sent)
        request = Request(scope["method"], scope["path"], scope["query_string"].decode(), headers)
        if request.method == "OPTIONS" and is_of_object(request, rules.bucket):
            if refused := rules.gate.refusal("GET", sent, by_link=True):
                await _refuse(send, refused)
            else:
                await _answer_preflight(headers, send)
        elif is_link(request, rules.bucket):
            if refused := rules.gate.refusal(request.method, sent, by_link=request.method != "PUT"):
                await _refuse(send, refused)
            else:
                await self.behind(_to_s3(scope), receive, _readable(send, headers.get("origin")))
        elif refused := rules.gate.refusal_of_pages(sent):
            await _refuse(send, refused)
        elif request.path == HEALTH:
            await self.behind(scope, receive, send)
        else:
            form = b""
            if wants_form(request):
                form, receive = await _read(receive)
            if refused := refusal(request, form, rules.bucket, rules.key):
                await _refuse(send, refused, target=headers.get("x-amz-target"))
            else:
                await self.behind(scope, receive, _readable(send, None))


def _to_s3(scope: Message) -> Message:
    """MiniStack routes by the credential's scope before it looks for an action in the query or in
    a form, where a link could name another service's."""
    return {**scope, "headers": [*scope["headers"], (b"authorization", b"Credential=-/-/-/s3/-")]}


def _readable(send: Send, origin: str | None) -> Send:
    """MiniStack lets pages of every origin read every answer; here only one that passed
    the gate does."""

    async def send_on(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [one for one in message["headers"] if not one[0].lower().startswith(CORS)]
            message = {**message, "headers": kept + _for_page(origin)}
        await send(message)

    return send_on


def _for_page(origin: str | None) -> list[tuple[bytes, bytes]]:
    if origin is None:
        return []
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-expose-headers", b"ETag"),
        (b"vary", b"Origin"),
    ]


async def _answer_preflight(headers: Mapping[str, str], send: Send) -> None:
    wanted = headers.get("access-control-request-headers", "").encode("latin-1")
    more = [
        (b"access-control-allow-methods", ", ".join(LINK_METHODS).encode()),
        (b"access-control-allow-headers", wanted),
    ]
    await _send(send, 204, [*_for_page(headers.get("origin")), *more], b"")


async def _refuse(send: Send, why: str, target: str | None = None) -> None:
    """In a form that AWS's SDKs read."""
    if target is not None:
        body = json.dumps({"__type": "AccessDeniedException", "message": why})
        kind = b"application/x-amz-json-1.0"
    else:
        body, kind = REFUSED.format(escape(why)), b"text/xml"
    await _send(send, 403, [(b"content-type", kind)], body.encode())


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    length = [] if status == 204 else [(b"content-length", str(len(body)).encode())]
    start = {"type": "http.response.start", "status": status, "headers": [*headers, *length]}
    await send(start)
    await send({"type": "http.response.body", "body": body})


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """A form, or its first part where it is too long to be one; and it once more, to be read."""
    messages: list[Message] = []
    form = b""
    while len(form) <= FORM_BYTES:
        message = await receive()
        messages.append(message)
        form += message.get("body", b"")
        if not message.get("more_body"):
            break
    waiting = iter(messages)

    async def again() -> Message:
        return next(waiting, None) or await receive()

    return form if len(form) <= FORM_BYTES else b"", again


def _allow_batches_as_aws_does(iam: Any) -> None:
    """A batch of messages needs `sqs:SendMessage` (SQS API Reference, SendMessageBatch). MiniStack
    requires an action that AWS does not have."""
    action_of: Callable[[Any], str | None] = iam._action_from_target

    def action(headers: Any) -> str | None:
        found = action_of(headers)
        return "SendMessage" if found == "SendMessageBatch" else found

    iam._action_from_target = action


def main() -> None:
    parent_watchdog.hold()
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    sys.argv = ["ministack"]
    sys.path.pop(0)  # the project's own folder: its app.py is not MiniStack's to import
    ministack: Any = importlib.import_module("ministack.app")
    _allow_batches_as_aws_does(importlib.import_module("ministack.core.iam_actions"))
    server = Server(ministack.app, file)

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await server(scope, receive, send)

    ministack.app = app
    ministack.main()


if __name__ == "__main__":
    main()
