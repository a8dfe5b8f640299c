"""Calling out, to a real server: to the address that was judged, within bounds of time and size."""

from __future__ import annotations

import datetime
import itertools
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chalicelib.domain.errors import PermanentError
from chalicelib.domain.response import HttpResponse
from tests.receiver import Receiver, dripping, receiving, response
from tests.unit.outbound.calls import HEAD, OK, client, get

# ── what is sent and what comes back ──────────────────────────────────────────────────────


def test_a_call_is_sent_as_asked_and_its_answer_given_whole() -> None:
    with receiving(OK) as receiver:
        answer = client().request(
            "POST", f"{receiver.url}/a%20b?c=d#e", {"X-Key": "k"}, b"body", 5.0, 1_000
        )
    assert answer.status == 200
    assert answer.body == b"hello"
    assert answer.headers["x-kind"] == "Greeting"
    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /a%20b?c=d HTTP/1.1"
    assert f"Host: 127.0.0.1:{receiver.port}" in lines
    assert "User-Agent: overtime/test" in lines
    assert "X-Key: k" in lines
    assert body == b"body"


def test_chunks_are_put_together() -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    with receiving(chunked) as receiver:
        assert get(receiver.url).body == b"abcde"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with receiving(OK) as elsewhere:
        redirect = response(status, b"", f"Location: {elsewhere.url}/inside")
        with receiving(redirect) as receiver:
            assert get(receiver.url).status == status
            with pytest.raises(PermanentError, match=str(status)):
                client().open(receiver.url, 0)
        assert elsewhere.requests == []


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with receiving(OK) as receiver:
        assert get(receiver.url).status == 200


# ── to the address that was judged ────────────────────────────────────────────────────────


def test_a_name_that_changes_its_answer_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The classic rebinding: harmless when it is judged, inside when it is called."""
    answers = itertools.chain([["127.0.0.1"]], itertools.repeat(["169.254.169.254"]))
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    def nobody_else_resolves(host: str, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError(f"{host} was resolved once more")

    with receiving(OK) as receiver:
        monkeypatch.setattr(socket, "getaddrinfo", nobody_else_resolves)
        url = f"http://rebinding.test:{receiver.port}/"
        assert get(url, resolve=resolve).body == b"hello"
        assert asked == ["rebinding.test"]
        with pytest.raises(PermanentError, match="not in the public internet"):
            get(url, resolve=resolve)
    assert len(receiver.requests) == 1
    assert f"Host: rebinding.test:{receiver.port}".encode() in receiver.requests[0]


def test_a_refused_name_is_never_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_connection(*_: object) -> None:
        raise AssertionError("a connection was made")

    monkeypatch.setattr(socket.socket, "connect", no_connection)
    for addresses in (["169.254.169.254"], ["93.184.216.34", "10.0.0.1"]):
        with pytest.raises(PermanentError):
            get("https://example.com/", resolve=lambda host, port, a=addresses: a)


def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    with receiving(OK) as receiver:
        url = f"http://two.test:{receiver.port}/"
        assert get(url, resolve=lambda *_: ["127.0.0.2", "127.0.0.1"]).body == b"hello"


def test_a_refused_connection_can_be_tried_again() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(OSError, match="failed"):
        get(f"http://127.0.0.1:{port}/")


# ── TLS is held to the name ───────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of its own authority for api.example.test, with its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "api.example.test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("api.example.test")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@pytest.fixture
def secure(authority: Path) -> Iterator[tuple[Receiver, list[str | None]]]:
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    context.sni_callback = lambda _, name, __: names.append(name)
    with receiving(OK, context) as receiver:
        yield receiver, names


def test_the_certificate_is_checked_against_the_name(
    secure: tuple[Receiver, list[str | None]], authority: Path
) -> None:
    receiver, names = secure
    trusting = ssl.create_default_context(cafile=str(authority))

    def call(host: str, tls: ssl.SSLContext | None) -> HttpResponse:
        url = f"https://{host}:{receiver.port}/"
        return get(url, resolve=lambda *_: ["127.0.0.1"], tls=tls)

    assert call("api.example.test", trusting).body == b"hello"
    assert names == ["api.example.test"]
    for host, tls in (("other.example.test", trusting), ("api.example.test", None)):
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            call(host, tls)
    assert len(receiver.requests) == 1


# ── bounds ────────────────────────────────────────────────────────────────────────────────


def test_an_answer_that_is_too_large_is_refused_and_not_read_on() -> None:
    endless = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 10_000_000
    with receiving(endless) as receiver, pytest.raises(PermanentError, match="over 1000 bytes"):
        get(receiver.url)


@pytest.mark.parametrize(
    "data",
    [HEAD + b"x" * 200, b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 40, b"HTTP/1.1 100 C\r\n\r\n" * 40],
    ids=["body", "headers", "informational"],
)
def test_a_server_that_drips_does_not_hold_a_worker(data: bytes) -> None:
    stopped = threading.Event()
    with receiving(dripping(data, 0.02, stopped)) as receiver:
        began = time.monotonic()
        with pytest.raises(OSError, match=r"too long|timed out"):
            get(receiver.url, timeout=0.4, max_bytes=10**6)
        took = time.monotonic() - began
        stopped.set()
    assert 0.3 < took < 3


def test_a_silent_server_does_not_hold_a_worker() -> None:
    stopped = threading.Event()
    with receiving(dripping(b"HTTP", 10, stopped)) as receiver:
        with pytest.raises(OSError, match="timed out"):
            get(receiver.url, timeout=0.2)
        stopped.set()


def test_a_server_that_never_finishes_the_handshake_does_not_hold_a_worker() -> None:
    with receiving(OK) as without_tls, pytest.raises(OSError, match="timed out"):
        get(f"https://127.0.0.1:{without_tls.port}/", timeout=0.2)


def test_a_silent_name_server_does_not_hold_a_worker() -> None:
    answered = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        answered.wait(10)
        return ["127.0.0.1"]

    with pytest.raises(OSError, match="too long to resolve"):
        get("https://example.com/", timeout=0.2, resolve=resolve)
    assert not answered.is_set()
    answered.set()


@pytest.mark.parametrize(
    "cut",
    [
        HEAD + b"only this",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nonly this",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n",
    ],
)
def test_an_answer_that_breaks_off_is_not_taken_for_whole(cut: bytes) -> None:
    with receiving(cut) as receiver:
        with pytest.raises(OSError, match="broke off"):
            get(receiver.url)
        with client().open(receiver.url, 0) as source, pytest.raises(OSError, match="broke off"):
            source.readall()


@pytest.mark.parametrize("garbage", [b"", b"not HTTP\r\n\r\n", b"HTTP/1.1 2", b"HTTP/1.1 20\r\n"])
def test_what_is_not_http_is_a_failure_like_any_other(garbage: bytes) -> None:
    with receiving(garbage) as receiver, pytest.raises(OSError, match="failed"):
        get(receiver.url)
