"""Answers as servers really send them, byte by byte: which are answers, and how each is read."""

from __future__ import annotations

import socket
import threading

import pytest

from chalicelib.domain.errors import PermanentError
from chalicelib.domain.response import AnswerBrokeOff, AnswerTooLarge, HttpResponse
from tests.receiver import dripping, receiving, response
from tests.unit.outbound.calls import OK, client, get

MANY = "".join(f"X-{number}: {number}\r\n" for number in range(500))


def status_of(answer: bytes) -> int:
    """Of a call that does not read the body, as a webhook's."""
    with receiving(answer) as receiver:
        return get(receiver.url, max_bytes=0).status


# ── an answer whose status line has arrived is an answer ──────────────────────────────────


@pytest.mark.parametrize(
    "before",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n" * 3,
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n",
    ],
    ids=["100", "102", "103"],
)
def test_an_informational_answer_is_not_the_answer(before: bytes) -> None:
    with receiving(before + OK) as receiver:
        answer = get(receiver.url)
    assert (answer.status, answer.body) == (200, b"hello")
    assert "link" not in answer.headers


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "Content-Le",
        "no colon in this line\r\n\r\n",
        "X Y: a space in the name\r\n\r\n",
        "Content-Length: many\r\n\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "Transfer-Encoding: gzip\r\n\r\n",
        f"X: {'x' * 1_000_000}\r\n\r\n",
        "X: y\r\n" * 100_000,
    ],
    ids=[
        *("ends", "breaks-off", "no-colon", "bad-name", "bad-length", "two-lengths", "coding"),
        *("one-huge-line", "many-lines"),
    ],
)
@pytest.mark.parametrize("before", ["", "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"])
def test_a_status_stands_whatever_the_headers_after_it_are(before: str, rest: str) -> None:
    cut = f"{before}HTTP/1.1 202 Accepted\r\n{rest}".encode()
    assert status_of(cut) == 202
    with receiving(cut) as receiver:
        with pytest.raises(AnswerBrokeOff) as caught:
            get(receiver.url)
        assert caught.value.response == HttpResponse(202, {}, b"")


def test_a_status_stands_though_the_headers_never_end() -> None:
    stopped = threading.Event()
    begun = b"HTTP/1.1 204 No Content\r\nX-Slow: " + b"x" * 1_000
    with receiving(dripping(begun, 0.01, stopped)) as receiver:
        assert get(receiver.url, timeout=0.6, max_bytes=0).status == 204
        stopped.set()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 103 Early Hints\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 20",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000 + OK,
        b"HTTP/2 200 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
    ],
    ids=["only-103", "cut", "101", "endless", "http-2", "icy"],
)
def test_without_the_status_line_of_an_answer_there_is_none(answer: bytes) -> None:
    with receiving(answer) as receiver, pytest.raises(OSError, match="failed") as caught:
        get(receiver.url, max_bytes=0)
    assert not isinstance(caught.value, AnswerBrokeOff)


@pytest.mark.parametrize("head", [MANY, f"X-Large: {'x' * 65_536}\r\n"], ids=["500", "64-KiB"])
def test_many_headers_or_a_large_one_are_read(head: str) -> None:
    with receiving(f"HTTP/1.1 200 OK\r\n{head}Content-Length: 2\r\n\r\nok".encode()) as receiver:
        answer = get(receiver.url)
    assert answer.body == b"ok"
    assert answer.headers.get("x-499") == "499" or len(answer.headers["x-large"]) == 65_536


def test_an_answer_before_the_whole_request_was_read_is_the_answer() -> None:
    def hang_up(connection: socket.socket) -> None:
        connection.sendall(response(413, b"too much"))

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1_000)
                hang_up(connection)
                connection.shutdown(socket.SHUT_RDWR)

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        answer = client().request("POST", url, {}, b"x" * 20_000_000, 5.0, 0)
        thread.join()
    assert answer.status == 413


# ── headers ───────────────────────────────────────────────────────────────────────────────


def test_lines_of_one_name_are_one_list() -> None:
    lines = ("Vary: a", "X: y", "vary: b, c", "Content-Type: text/csv", "content-type: text/csv")
    cookies = ("Set-Cookie: a=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT", "Set-Cookie: b=2")
    with receiving(response(200, b"", *lines, *cookies)) as receiver:
        headers = get(receiver.url).headers
    assert headers["vary"] == "a, b, c"
    assert headers["content-type"] == "text/csv"
    assert headers["set-cookie"].split("\n") == [
        "a=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT",
        "b=2",
    ]


def test_a_header_is_sent_once_however_it_is_spelled() -> None:
    with receiving(OK) as receiver:
        sent = {"user-agent": "mine/1", "ACCEPT-encoding": "gzip", "connection": "keep-alive"}
        client().request("POST", receiver.url, sent, None, 5.0, 0)
    lines = receiver.requests[0].decode().lower().splitlines()
    assert [line for line in lines if line.startswith("user-agent")] == ["user-agent: mine/1"]
    assert [line for line in lines if line.startswith("accept-enc")] == ["accept-encoding: gzip"]
    assert [line for line in lines if line.startswith("connection")] == ["connection: close"]
    assert "content-length: 0" in lines


@pytest.mark.parametrize(
    ("method", "headers"),
    [("GET", {"X": "a\r\nHost: b"}), ("GET", {"X Y": "1"}), ("GET", {"X": "ü€"}), ("G ET", {})],
)
def test_a_request_that_http_cannot_send_is_not_sent(method: str, headers: dict[str, str]) -> None:
    with receiving(OK) as receiver, pytest.raises(PermanentError, match="cannot send"):
        client().request(method, receiver.url, headers, None, 5.0, 0)
    assert receiver.requests in ([], [b""])


def test_each_call_has_a_connection_of_its_own() -> None:
    """One that was kept would be dead after a freeze of the function."""
    ports: list[int] = []

    def answer(connection: socket.socket) -> None:
        ports.append(connection.getpeername()[1])
        connection.sendall(OK)

    web = client()
    with receiving(answer) as receiver:
        for _ in range(2):
            web.request("GET", receiver.url, {}, None, 5.0, 1_000)
    assert len(set(ports)) == 2


# ── bodies ────────────────────────────────────────────────────────────────────────────────


def test_what_had_arrived_of_an_answer_is_kept_with_the_error() -> None:
    cut = b"HTTP/1.1 201 Created\r\nX-Kind: note\r\nContent-Length: 100\r\n\r\nonly this"
    with receiving(cut) as receiver, pytest.raises(AnswerBrokeOff) as caught:
        get(receiver.url)
    response_ = caught.value.response
    assert (response_.status, response_.body) == (201, b"only this")
    assert response_.headers["x-kind"] == "note"


def test_as_much_of_a_large_answer_as_is_allowed_is_kept_with_the_error() -> None:
    large = response(200, b"x" * 5_000)
    with receiving(large) as receiver, pytest.raises(AnswerTooLarge) as caught:
        get(receiver.url)
    assert caught.value.response.body == b"x" * 1_000


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_waits_for_none(status: int) -> None:
    answer = f"HTTP/1.1 {status} None\r\nContent-Length: 9\r\n\r\n".encode()
    with receiving(answer) as receiver:
        assert get(receiver.url).body == b""


def test_the_answer_to_a_head_has_no_body_and_keeps_its_headers() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Encoding: gzip\r\n\r\n"
    with receiving(answer) as receiver:
        said = client().request("HEAD", receiver.url, {}, None, 5.0, 1_000)
    assert said.body == b""
    assert said.headers == {"content-length": "9", "content-encoding": "gzip"}
