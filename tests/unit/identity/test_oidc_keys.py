"""The keys of an OpenID Connect issuer: fetched when first needed, when they are old, and when a
token names a new one; an issuer that fails leaves a token undecided."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from chalicelib.domain.errors import Unauthorized, Unavailable
from chalicelib.identity.oidc import (
    FETCH_SECONDS,
    KEYS_SECONDS,
    LARGEST_DOCUMENT,
    LOOK_AGAIN_SECONDS,
    Oidc,
)
from tests.issuer import AUDIENCE, DISCOVERY, KEYS, Issuer, Key
from tests.receiver import dripping, receiving
from tests.unit.identity.conftest import WEB, Monotonic, refused


def test_keys_are_fetched_once_for_many_tokens(oidc: Oidc, issuer: Issuer) -> None:
    assert issuer.asked == []
    for subject in ("ada", "bob", "ada"):
        oidc.owner_of(issuer.token(subject))
    assert issuer.asked == [DISCOVERY, KEYS]


def test_a_new_key_is_fetched_when_a_token_names_it(
    oidc: Oidc, issuer: Issuer, clock: Monotonic
) -> None:
    oidc.owner_of(issuer.token())
    new = Key("second")
    issuer.publish(issuer.key, new)
    clock.at += LOOK_AGAIN_SECONDS
    assert oidc.owner_of(issuer.token(key=new))
    assert oidc.owner_of(issuer.token())  # the old one goes on
    assert issuer.asked == [DISCOVERY, KEYS, KEYS]


def test_a_stream_of_unknown_keys_makes_one_fetch(
    oidc: Oidc, issuer: Issuer, clock: Monotonic
) -> None:
    oidc.owner_of(issuer.token())
    clock.at += LOOK_AGAIN_SECONDS
    evil = Key("")
    for number in range(50):
        evil.kid = f"evil-{number}"
        assert refused(oidc, issuer.token(key=evil))
        clock.at += LOOK_AGAIN_SECONDS / 100
    assert issuer.asked == [DISCOVERY, KEYS, KEYS]
    assert oidc.owner_of(issuer.token())


def test_an_unknown_key_makes_no_fetch_right_after_another(
    oidc: Oidc, issuer: Issuer, clock: Monotonic
) -> None:
    """Also not after the first fetch, or one of keys that were an hour old."""
    for fetches in (1, 2):
        oidc.owner_of(issuer.token())
        for _ in range(3):
            assert refused(oidc, issuer.token(key=Key("unknown")))
            clock.at += LOOK_AGAIN_SECONDS / 4
        assert issuer.asked.count(KEYS) == fetches
        clock.at += KEYS_SECONDS


def test_a_key_that_the_issuer_has_withdrawn_is_refused_after_an_hour(
    oidc: Oidc, issuer: Issuer, clock: Monotonic
) -> None:
    stolen = issuer.key
    oidc.owner_of(issuer.token())
    issuer.key = Key("second")
    issuer.publish(issuer.key)
    clock.at += KEYS_SECONDS + 1
    assert refused(oidc, issuer.token(key=stolen))
    assert oidc.owner_of(issuer.token())


# ── an issuer that does not answer, or not as it should ──


def broken(good: bytes = b"") -> dict[str, Any]:
    """Answers; each would do if the one thing that is wrong with it were not looked at."""
    return {
        "breaks off": None,
        "500": (500, {}, good),
        "203": (203, {}, good),
        "not JSON": (200, {}, b"<html>"),
        "not an object": (200, {}, b"[]"),
        "not text": (200, {}, b"\xff\xfe"),
        "too deep": (200, {}, b"[" * 100_000),
        "too large": (200, {}, padded(good, LARGEST_DOCUMENT + 1)),
        "a redirect": (302, {"Location": "/elsewhere"}, good),
    }


def padded(document: bytes, size: int) -> bytes:
    return document.rjust(size)


@pytest.mark.parametrize("path", [DISCOVERY, KEYS])
@pytest.mark.parametrize("how", broken())
def test_an_issuer_that_fails_leaves_it_open(
    oidc: Oidc, issuer: Issuer, path: str, how: str
) -> None:
    good = issuer.answers["/elsewhere"] = issuer.answers[path]
    assert good is not None
    issuer.answers[path] = broken(good[-1])[how]
    with pytest.raises(Unavailable):
        oidc.owner_of(issuer.token())
    assert "/elsewhere" not in issuer.asked


@pytest.mark.parametrize("path", [DISCOVERY, KEYS])
def test_a_document_may_be_as_large_as_the_limit(oidc: Oidc, issuer: Issuer, path: str) -> None:
    good = issuer.answers[path]
    assert good is not None
    issuer.answers[path] = (200, {}, padded(good[-1], LARGEST_DOCUMENT))
    assert oidc.owner_of(issuer.token())


@pytest.mark.parametrize("keys", [None, 5, "first", {}, []])
def test_a_key_set_without_keys_leaves_it_open(oidc: Oidc, issuer: Issuer, keys: Any) -> None:
    issuer.says(KEYS, {"keys": keys})
    with pytest.raises(Unavailable):
        oidc.owner_of(issuer.token())


@pytest.mark.parametrize("data", [b'HTTP/1.1 200 OK\r\n\r\n{"keys": [', b"HTTP/1.1 200 OK\r\nX: y"])
def test_an_issuer_that_trickles_is_not_waited_for(
    issuer: Issuer, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.identity.oidc.FETCH_SECONDS", 0.4)
    stopped = threading.Event()
    with receiving(dripping(data + b" " * 1_000, 0.02, stopped)) as receiver:
        began = time.monotonic()
        with pytest.raises(Unavailable, match="timed out"):
            Oidc(WEB, issuer.url, AUDIENCE, receiver.url).owner_of(issuer.token())
        assert time.monotonic() - began < 5  # the whole would take 20
        stopped.set()


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example.com", "jwks_uri": "http://127.0.0.1/keys"},
        {"jwks_uri": "http://127.0.0.1/keys"},
        {},
    ],
)
def test_discovery_of_another_issuer_is_not_believed(
    oidc: Oidc, issuer: Issuer, document: dict[str, str]
) -> None:
    issuer.says(DISCOVERY, document)
    with pytest.raises(Unavailable, match="issuer"):
        oidc.owner_of(issuer.token())
    assert issuer.asked == [DISCOVERY]


@pytest.mark.parametrize("url", ["http://127.0.0.1/keys", "file:///etc/passwd", "keys", 5, None])
def test_keys_come_over_https_only(issuer: Issuer, url: Any) -> None:
    issuer.says(DISCOVERY, {"issuer": issuer.url, "jwks_uri": url})
    with pytest.raises(Unavailable, match="https"):
        Oidc(WEB, issuer.url, AUDIENCE).owner_of(issuer.token())
    assert issuer.asked == [DISCOVERY]


def test_an_issuer_that_failed_is_asked_again_a_little_later(
    oidc: Oidc, issuer: Issuer, clock: Monotonic
) -> None:
    good, issuer.answers[DISCOVERY] = issuer.answers[DISCOVERY], (500, {}, b"")
    for _ in range(5):
        with pytest.raises(Unavailable):
            oidc.owner_of(issuer.token())
    assert issuer.asked == [DISCOVERY]
    issuer.answers[DISCOVERY] = good
    clock.at += FETCH_SECONDS
    assert oidc.owner_of(issuer.token())


def test_unknown_keys_make_few_fetches_while_the_issuer_is_away(
    oidc: Oidc, issuer: Issuer, clock: Monotonic
) -> None:
    oidc.owner_of(issuer.token())
    issuer.answers[KEYS] = (500, {}, b"")
    for _ in range(10):
        clock.at += LOOK_AGAIN_SECONDS / 5
        with pytest.raises((Unavailable, Unauthorized)):
            oidc.owner_of(issuer.token(key=Key("unknown")))
    assert issuer.asked.count(KEYS) <= 3  # the first, and one each 30 s


def test_keys_that_are_known_are_good_while_the_issuer_is_away(
    oidc: Oidc, issuer: Issuer, clock: Monotonic
) -> None:
    oidc.owner_of(issuer.token())
    issuer.answers[KEYS] = (500, {}, b"")
    clock.at += KEYS_SECONDS - 1
    assert oidc.owner_of(issuer.token())
    with pytest.raises(Unavailable):
        oidc.owner_of(issuer.token(key=Key("unknown")))
    assert oidc.owner_of(issuer.token())
