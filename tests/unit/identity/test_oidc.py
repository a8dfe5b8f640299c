"""Tokens of an OpenID Connect issuer: which are taken, and which are refused."""

from __future__ import annotations

import base64
import dataclasses
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from chalicelib.domain.errors import Unauthorized, Unavailable
from chalicelib.identity.oidc import (
    LEEWAY_SECONDS,
    Oidc,
)
from tests.issuer import AUDIENCE, DISCOVERY, KEYS, Issuer, Key, running
from tests.unit.identity.conftest import WEB, refused

# ── what is taken ──


def test_the_owner_is_issuer_and_subject(oidc: Oidc, issuer: Issuer) -> None:
    assert oidc.owner_of(issuer.token("ada")) == f"{issuer.url}#ada"


@pytest.mark.parametrize("subject", ["auth0|5f7c8ec7", "a b", "x" * 255, "ada#bob"])
def test_any_subject_is_one(oidc: Oidc, issuer: Issuer, subject: str) -> None:
    assert oidc.owner_of(issuer.token(subject)) == f"{issuer.url}#{subject}"


def test_an_rsa_key_is_as_good(oidc: Oidc, issuer: Issuer) -> None:
    key = Key("rsa", 2048)
    issuer.publish(issuer.key, key)
    assert oidc.owner_of(issuer.token(key=key))


def test_one_audience_of_several_is_enough(oidc: Oidc, issuer: Issuer) -> None:
    assert oidc.owner_of(issuer.token(aud=["https://other.example.com", AUDIENCE]))


def test_clocks_may_differ_by_some_seconds(oidc: Oidc, issuer: Issuer) -> None:
    now, a_little = int(time.time()), LEEWAY_SECONDS - 5
    assert oidc.owner_of(issuer.token(exp=now - a_little))
    assert oidc.owner_of(issuer.token(nbf=now + a_little, iat=now + a_little))


def test_an_issuer_without_discovery_has_its_keys_where_the_stage_says(issuer: Issuer) -> None:
    del issuer.answers[DISCOVERY]
    told = Oidc(WEB, issuer.url, AUDIENCE, issuer.url + KEYS)
    assert told.owner_of(issuer.token())
    assert issuer.asked == [KEYS]


def test_an_issuer_may_end_with_a_slash(issuer: Issuer) -> None:
    name = f"{issuer.url}/"
    issuer.says(DISCOVERY, {"issuer": name, "jwks_uri": issuer.url + KEYS})
    slashed = Oidc(WEB, name, AUDIENCE, schemes=("http",))
    assert slashed.owner_of(issuer.token(iss=name)) == f"{name}#ada"
    assert refused(slashed, issuer.token(iss=issuer.url))


# ── what is refused ──


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example.com"},
        {"iss": ["http://127.0.0.1"]},
        {"aud": "https://other.example.com"},
        {"aud": []},
        {"exp": "tomorrow"},
        *({name: None} for name in ("exp", "iss", "aud", "sub")),
        *({"sub": wrong} for wrong in ("", "x" * 256, 5, ["ada"], "ada\ud800", "\udfff")),
    ],
    ids=ascii,
)
def test_a_claim_that_is_missing_or_wrong_is_refused(
    oidc: Oidc, issuer: Issuer, claims: dict[str, Any]
) -> None:
    subject = claims.get("sub", "ada")
    # PyJWT itself would not sign some of these
    token = _signed(issuer, {**issuer.claims(subject, **claims)})
    assert refused(oidc, token)
    assert oidc.owner_of(_signed(issuer, issuer.claims()))


@pytest.mark.parametrize(
    ("claim", "from_now"), [("exp", -LEEWAY_SECONDS - 60), ("nbf", 600), ("iat", 600)]
)
def test_a_token_is_refused_before_and_after_its_time(
    oidc: Oidc, issuer: Issuer, claim: str, from_now: int
) -> None:
    claims: dict[str, Any] = {claim: int(time.time()) + from_now}
    assert refused(oidc, issuer.token(**claims))


def _signed(issuer: Issuer, claims: dict[str, Any], **header: Any) -> str:
    headers = {"kid": issuer.key.kid, **header}
    payload = json.dumps(claims).encode()
    return jwt.PyJWS().encode(payload, issuer.key.private, issuer.key.algorithm, headers)


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_signature_of_another_key_is_refused(oidc: Oidc, issuer: Issuer) -> None:
    assert refused(oidc, issuer.token(key=Key(issuer.key.kid)))


def test_claims_changed_after_signing_are_refused(oidc: Oidc, issuer: Issuer) -> None:
    head, _, signature = issuer.token("bob").split(".")
    assert refused(oidc, f"{head}.{_part(issuer.claims('ada'))}.{signature}")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
def test_a_token_without_a_signature_is_refused(oidc: Oidc, issuer: Issuer, algorithm: str) -> None:
    head = _part({"alg": algorithm, "typ": "JWT", "kid": issuer.key.kid})
    claims = _part(issuer.claims())
    assert refused(oidc, f"{head}.{claims}.")
    assert refused(oidc, f"{head}.{claims}.{issuer.token().rpartition('.')[2]}")


@pytest.mark.parametrize(
    "secret", [lambda key: key.pem, lambda key: json.dumps(key.jwk).encode(), lambda key: b""]
)
def test_the_public_key_is_no_shared_secret(
    oidc: Oidc, issuer: Issuer, secret: Callable[[Key], bytes]
) -> None:
    """Algorithm confusion: signed with HMAC under what everybody knows (RFC 8725, 2.1)."""
    hmac = jwt.get_algorithm_by_name("HS256")
    head = _part({"alg": "HS256", "typ": "JWT", "kid": issuer.key.kid})
    signed = f"{head}.{_part(issuer.claims())}"
    signature = base64.urlsafe_b64encode(hmac.sign(signed.encode(), secret(issuer.key)))
    assert refused(oidc, f"{signed}.{signature.rstrip(b'=').decode()}")


def test_a_shared_secret_among_the_keys_is_not_used(oidc: Oidc, issuer: Issuer) -> None:
    secret = base64.urlsafe_b64encode(b"k" * 32).rstrip(b"=").decode()
    shared = {"kty": "oct", "k": secret, "kid": "shared", "alg": "HS256", "use": "sig"}
    issuer.says(KEYS, {"keys": [issuer.key.jwk, shared]})
    assert refused(oidc, jwt.encode(issuer.claims(), b"k" * 32, "HS256", {"kid": "shared"}))


@pytest.mark.parametrize("where", ["jwk", "jku", "x5u"])
def test_a_key_that_the_token_brings_along_is_not_used(
    oidc: Oidc, issuer: Issuer, where: str
) -> None:
    evil = Key("evil")
    issuer.says("/evil", {"keys": [evil.jwk]})
    brought = evil.jwk if where == "jwk" else f"{issuer.url}/evil"
    for kid in ("evil", issuer.key.kid):
        headers = {"kid": kid, where: brought}
        token = jwt.encode(issuer.claims(), evil.private, evil.algorithm, headers)
        assert refused(oidc, token)
    assert "/evil" not in issuer.asked


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")  # at signing
def test_a_key_too_short_to_trust_is_refused(oidc: Oidc, issuer: Issuer) -> None:
    short = Key("short", 1024)
    issuer.publish(short)
    assert refused(oidc, issuer.token(key=short))


def test_a_key_for_encryption_signs_nothing(oidc: Oidc, issuer: Issuer) -> None:
    other = Key("other")
    issuer.says(KEYS, {"keys": [issuer.key.jwk, {**other.jwk, "use": "enc"}]})
    assert refused(oidc, issuer.token(key=other))


def test_a_token_names_its_key(oidc: Oidc, issuer: Issuer) -> None:
    claims = issuer.claims()
    assert refused(oidc, jwt.encode(claims, issuer.key.private, issuer.key.algorithm))


@pytest.mark.parametrize(
    "text", ["", "a", "a.b", "a.b.c", "..", "e30.e30.e30", "W10.e30.e30", "é.é.é", "x" * 9_000]
)
def test_what_is_no_token_is_refused(oidc: Oidc, text: str) -> None:
    assert refused(oidc, text)


def test_the_owner_of_one_issuer_is_nobody_at_another(oidc: Oidc, issuer: Issuer) -> None:
    with running() as other:
        assert refused(oidc, other.token())
        elsewhere = dataclasses.replace(oidc, issuer=other.url)
        assert elsewhere.owner_of(other.token()) != oidc.owner_of(issuer.token())


@pytest.mark.parametrize("header", [{"alg": ["ES256"]}, {"kid": "\ud800"}, {"kid": ["first"]}])
def test_a_header_that_is_odd_is_refused(
    oidc: Oidc, issuer: Issuer, header: dict[str, Any]
) -> None:
    head = _part({"alg": "ES256", "typ": "JWT", "kid": issuer.key.kid, **header})
    _, *rest = issuer.token().split(".")
    assert refused(oidc, ".".join([head, *rest]))


ODD: dict[str, list[Any]] = {
    "alg": ["none", "None", "", ["ES256"], {}, 5, "HS256", "RS256", "ES256K"],
    "kty": ["oct", "RSA", "", ["EC"], None],
    "crv": ["P-521", ["P-256"]],
    "x": [5, "", "AA", None],
    "kid": [None],
}
ODD_KEYS = [{name: value} for name, values in ODD.items() for value in values]


@pytest.mark.parametrize("odd", [*ODD_KEYS, None, "key", ["key"]], ids=str)
def test_an_odd_key_among_the_keys_does_no_harm(oidc: Oidc, issuer: Issuer, odd: Any) -> None:
    key = Key("odd")
    one = {**key.jwk, **odd} if isinstance(odd, dict) else odd
    issuer.says(KEYS, {"keys": [one, issuer.key.jwk]})
    assert oidc.owner_of(issuer.token())
    assert refused(oidc, issuer.token(key=key))


@pytest.mark.parametrize("odd", ODD_KEYS, ids=str)
def test_where_no_key_is_of_use_no_token_is_refused_for_it(
    oidc: Oidc, issuer: Issuer, odd: dict[str, Any]
) -> None:
    issuer.says(KEYS, {"keys": [{**issuer.key.jwk, **odd}]})
    with pytest.raises((Unavailable, Unauthorized)):
        oidc.owner_of(issuer.token())
