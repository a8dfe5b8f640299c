"""The edge to AppSync Events: what it sends, to the letter, and what it makes of the answers."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.credentials import Credentials

from chalicelib.aws.push_appsync import EventApi
from chalicelib.domain.errors import Unavailable

KEY, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session"
CHANNEL = "/jobs/5f0c0000000000000000000000000000"
WELL = {"successful": [{"identifier": "1", "index": 0}], "failed": []}


@dataclass
class Published:
    """What came to AppSync's place, and what it answers."""

    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    status: int = 200
    answer: Any = field(default_factory=lambda: WELL)
    url: str = ""


@pytest.fixture
def place() -> Iterator[Published]:
    place = Published()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            place.requests.append((self.path, headers, body))
            text = json.dumps(place.answer).encode()
            self.send_response(place.status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place.url = f"http://127.0.0.1:{server.server_port}/event"
    yield place
    server.shutdown()
    server.server_close()


def api(url: str) -> EventApi:
    credentials = Credentials(KEY, SECRET, TOKEN)
    return EventApi(lambda: SigV4Auth(credentials, "appsync", "eu-central-1"), url)


def signature(path: str, headers: dict[str, str], body: bytes) -> str:
    """Of a request, after AWS's description of Signature Version 4, by hand:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""
    scheme, _, rest = headers["authorization"].partition(" ")
    assert scheme == "AWS4-HMAC-SHA256"
    fields = dict(part.split("=", 1) for part in rest.split(", "))
    signed = fields["SignedHeaders"].split(";")
    assert {"host", "x-amz-date", "x-amz-security-token"} <= set(signed)
    key_id, day, *scope = fields["Credential"].split("/")
    assert (key_id, scope) == (KEY, ["eu-central-1", "appsync", "aws4_request"])
    canonical = "\n".join(
        [
            *("POST", path, ""),
            *(f"{name}:{headers[name].strip()}" for name in signed),
            *("", ";".join(signed), hashlib.sha256(body).hexdigest()),
        ]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join([scheme, headers["x-amz-date"], "/".join([day, *scope]), digest])
    key = f"AWS4{SECRET}".encode()
    for part in (day, *scope):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    assert fields["Signature"] == hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return fields["Signature"]


def test_a_message_is_one_signed_request(place: Published) -> None:
    message = '{"type":"job.updated","job":{"title":"für Ada"}}'
    api(place.url).send(CHANNEL, message)
    [(path, headers, body)] = place.requests
    assert path == "/event"
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {"channel": CHANNEL, "events": [message]}
    assert signature(path, headers, body)


def test_another_message_is_signed_anew(place: Published) -> None:
    sender = api(place.url)
    sender.send(CHANNEL, "1")
    sender.send(CHANNEL, "2")
    assert len({signature(*request) for request in place.requests}) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 503])
def test_a_refusal_is_not_a_success_and_is_not_tried_again(place: Published, status: int) -> None:
    place.status = status
    with pytest.raises(Unavailable):
        api(place.url).send(CHANNEL, "1")
    assert len(place.requests) == 1


def test_a_message_that_could_not_be_published_is_no_success(place: Published) -> None:
    failed = {"identifier": "1", "index": 0, "code": 500, "message": "no"}
    place.answer = {"successful": [], "failed": [failed]}
    with pytest.raises(Unavailable):
        api(place.url).send(CHANNEL, "1")


def test_an_api_that_cannot_be_reached_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        api("http://127.0.0.1:1/event").send(CHANNEL, "1")
