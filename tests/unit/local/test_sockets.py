"""The WebSocket API of `make run`, and the edge that speaks to it as to API Gateway's own."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote

import botocore.session
import pytest
from botocore.config import Config
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from chalicelib.aws.push_websocket import WebSockets
from chalicelib.domain.errors import Gone, Unavailable
from local.gate import Gate
from local.sockets import MOST_BYTES, Sockets, listen

PAGE = "https://app.example.com"
LONG = 10.0  # seconds that nothing here takes


@dataclass
class Functions:
    """What app.py has in its place: they note the events that they get."""

    events: queue.Queue[dict[str, Any]] = field(default_factory=queue.Queue)
    answer: Callable[[dict[str, Any]], dict[str, Any]] = lambda event: {"statusCode": 200}

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        assert context.get_remaining_time_in_millis() > 0
        answer = self.answer(event)
        self.events.put(event)
        return answer

    def next(self, kind: str) -> dict[str, Any]:
        event = self.events.get(timeout=LONG)
        assert event["requestContext"]["eventType"] == kind
        return event


@dataclass
class Here:
    functions: Functions
    sockets: Sockets
    port: int
    clients: ExitStack

    def connect(self, query: str = "") -> ClientConnection:
        url = f"ws://127.0.0.1:{self.port}/{query}"
        return self.clients.enter_context(connect(url, proxy=None, open_timeout=LONG))

    def opened(self) -> tuple[ClientConnection, str]:
        """A client, and the connection's id."""
        client = self.connect()
        event = self.functions.next("CONNECT")
        return client, event["requestContext"]["connectionId"]

    def management(self, port: int | None = None) -> Any:
        """botocore's client, as the wiring builds it."""
        return botocore.session.get_session().create_client(
            "apigatewaymanagementapi",
            region_name="us-east-1",
            endpoint_url=f"http://127.0.0.1:{port or self.port}",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(
                connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1}, proxies={}
            ),
        )


@pytest.fixture
def here() -> Iterator[Here]:
    functions = Functions()
    names = ("websocket_connect", "websocket_message", "websocket_disconnect")
    sockets = Sockets(dict.fromkeys(names, functions), Gate(origins=(PAGE,)))
    server = listen(0, sockets)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with ExitStack() as clients:
        yield Here(functions, sockets, server.socket.getsockname()[1], clients)
    sockets.close()
    server.socket.close()


def test_functions_hear_of_a_connection_its_messages_and_its_end(here: Here) -> None:
    client = here.connect("?ticket=a%2Bb")
    connected = here.functions.next("CONNECT")
    assert connected["queryStringParameters"] == {"ticket": "a+b"}
    client.send("hello")
    said = here.functions.next("MESSAGE")
    assert said["body"] == "hello"
    client.close()
    left = here.functions.next("DISCONNECT")
    assert (
        connected["requestContext"]["connectionId"]
        == said["requestContext"]["connectionId"]
        == left["requestContext"]["connectionId"]
    )


@pytest.mark.parametrize("status", [401, 403, 500])
def test_who_is_refused_gets_the_status_and_what_the_function_says(here: Here, status: int) -> None:
    problem = {"statusCode": status, "body": '{"a":1}', "headers": {"Content-Type": "a/problem"}}
    here.functions.answer = lambda event: problem
    with pytest.raises(InvalidStatus) as refused:
        here.connect()
    assert refused.value.response.status_code == status
    assert refused.value.response.headers["Content-Type"] == "a/problem"
    assert refused.value.response.body == b'{"a":1}'
    assert here.sockets.open == {}


def test_without_functions_everybody_is_refused(here: Here) -> None:
    here.sockets.handlers = {}
    with pytest.raises(InvalidStatus) as refused:
        here.connect()
    assert refused.value.response.status_code == 403


def test_a_function_that_fails_is_told_as_api_gateway_does(here: Here) -> None:
    client, connection_id = here.opened()

    def fails(event: dict[str, Any]) -> dict[str, Any]:
        raise RuntimeError("broken")

    here.functions.answer = fails
    client.send("hello")
    told = json.loads(client.recv(timeout=LONG))
    assert told == {"message": "Internal server error", "connectionId": connection_id}
    here.functions.answer = lambda event: {"statusCode": 200}
    client.close()


def test_what_is_sent_to_a_connection_arrives_there_and_nowhere_else(here: Here) -> None:
    (one, one_id), (other, other_id) = here.opened(), here.opened()
    push = WebSockets(here.management)
    push.send(one_id, '{"für": "eins"}')
    push.send(other_id, "to the other")
    push.send(one_id, "more")
    assert [one.recv(timeout=LONG) for _ in range(2)] == ['{"für": "eins"}', "more"]
    assert other.recv(timeout=LONG) == "to the other"


def test_the_largest_message_arrives_whole_and_a_larger_one_is_refused(here: Here) -> None:
    client, connection_id = here.opened()
    push = WebSockets(here.management)
    push.send(connection_id, "x" * MOST_BYTES)
    assert client.recv(timeout=LONG) == "x" * MOST_BYTES
    with pytest.raises(Unavailable):
        push.send(connection_id, "x" * (MOST_BYTES + 1))


def test_who_left_is_gone(here: Here) -> None:
    client, connection_id = here.opened()
    client.close()
    here.functions.next("DISCONNECT")
    with pytest.raises(Gone):
        WebSockets(here.management).send(connection_id, "anybody?")


def test_who_was_never_there_is_gone(here: Here) -> None:
    with pytest.raises(Gone):
        WebSockets(here.management).send("L0SM9cOFvHcCIhw=", "anybody?")


def test_an_api_that_cannot_be_reached_is_unavailable(here: Here) -> None:
    client = here.management(port=1)
    with pytest.raises(Unavailable):
        WebSockets(lambda: client).send("L0SM9cOFvHcCIhw=", "anybody?")


def test_a_connection_can_be_looked_at_and_closed(here: Here) -> None:
    client, connection_id = here.opened()
    here.management().get_connection(ConnectionId=connection_id)
    here.management().delete_connection(ConnectionId=connection_id)
    with pytest.raises(ConnectionClosed):
        client.recv(timeout=LONG)
    here.functions.next("DISCONNECT")


def test_all_clients_are_told_when_the_server_stops(here: Here) -> None:
    clients = [here.opened()[0] for _ in range(3)]
    here.sockets.close()
    for client in clients:
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=LONG)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
    assert here.sockets.open == {}


def test_pages_connect_only_from_the_stages_origins(here: Here) -> None:
    url = f"ws://127.0.0.1:{here.port}/"
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}):
        with (
            pytest.raises(InvalidStatus) as refused,
            connect(url, proxy=None, additional_headers=headers),
        ):
            pass
        assert refused.value.response.status_code == 403
    assert here.functions.events.empty(), "no function has heard of it"
    with connect(url, proxy=None, additional_headers={"Origin": PAGE}):
        here.functions.next("CONNECT")


@pytest.mark.parametrize(
    "header",
    [("Origin", PAGE), ("Sec-Fetch-Site", "same-origin"), ("Host", "evil.example")],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_no_page_reaches_a_connection_through_the_management_api(
    here: Here, method: str, header: tuple[str, str]
) -> None:
    client, connection_id = here.opened()
    asking = HTTPConnection("127.0.0.1", here.port, timeout=LONG)
    asking.request(method, f"/@connections/{quote(connection_id, '')}", headers=dict([header]))
    answer = asking.getresponse()
    assert answer.status == 403
    assert b"page" in answer.read() or header[0] == "Host"
    asking.close()
    here.management().post_to_connection(ConnectionId=connection_id, Data=b"only this")
    assert client.recv(timeout=LONG) == "only this", "it was not closed, and got nothing else"
