"""Tokens of an OpenID Connect issuer, verified with its public keys.

Only this file uses PyJWT, and only a stage with AUTH=jwt loads it.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import jwt
from jwt import PyJWKClient, PyJWKSet, PyJWTError

from chalicelib.domain.errors import Unauthorized, Unavailable
from chalicelib.ports.outbound import Web

# No algorithm with a shared secret: a caller could sign with the issuer's public key as secret.
ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
CLAIMS = ("iss", "aud", "sub", "exp")
DISCOVERY = "/.well-known/openid-configuration"  # OpenID Connect Discovery 1.0, section 4
LONGEST_SUBJECT = 255  # OpenID Connect Core 1.0, section 2
LEEWAY_SECONDS = 10  # by which the issuer's clock and this one may differ
KEYS_SECONDS = 3_600  # for which keys are cached
LOOK_AGAIN_SECONDS = 30  # between two fetches, however many tokens name unknown keys
FETCH_SECONDS = 3.0  # for one fetch; two of them fit into API Gateway's time limit
LARGEST_DOCUMENT = 1024 * 1024  # bytes of a discovery document or a key set


@dataclass
class Oidc:
    """Implements ports.Authenticator. `jwks_url` None: it comes from the issuer's discovery.
    `schemes`: those allowed for a URL from discovery."""

    web: Web
    issuer: str
    audience: str
    jwks_url: str | None = None
    schemes: tuple[str, ...] = ("https",)
    _keys: _Fetched | None = field(default=None, init=False, repr=False)
    _one_look: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        url = f"{self.issuer.rstrip('/')}{DISCOVERY}"
        self._discovery = _Fetched(self.web, url, cache_jwk_set=False)

    def owner_of(self, text: str) -> str:
        """Issuer and subject, joined by `#`, which an issuer cannot contain: so it is unique."""
        keys = self._signing_keys()
        try:
            claims = jwt.decode(
                text,
                keys.get_signing_key_from_jwt(text),
                algorithms=ALGORITHMS,
                issuer=self.issuer,
                audience=self.audience,
                leeway=LEEWAY_SECONDS,
                options={"require": list(CLAIMS), "enforce_minimum_key_length": True},
            )
        except PyJWTError as error:
            raise Unauthorized(str(error)) from None
        subject = claims["sub"]
        if not 1 <= len(subject) <= LONGEST_SUBJECT:
            raise Unauthorized(f"sub must have 1 to {LONGEST_SUBJECT} characters")
        try:
            subject.encode()
        except UnicodeEncodeError:
            raise Unauthorized("sub contains a lone surrogate, which is not UTF-8") from None
        return f"{self.issuer}#{subject}"

    def _signing_keys(self) -> PyJWKClient:
        with self._one_look:
            if self._keys is None:
                self._keys = _Fetched(self.web, self.jwks_url or self._discovered())
            return self._keys

    def _discovered(self) -> str:
        found = self._discovery.fetch_data()
        url = found.get("jwks_uri")
        if found.get("issuer") != self.issuer:
            raise Unavailable(f"{self._discovery.uri} belongs to another issuer.")
        if not isinstance(url, str) or url.partition("://")[0].lower() not in self.schemes:
            raise Unavailable(f"{self._discovery.uri} has no jwks_uri that begins with https://.")
        return url


class _Fetched(PyJWKClient):
    """JSON from an issuer: a key set, or discovery, which is not cached here. As for every third
    party, time and size are bounded. A failed call is not repeated at once, so that requests do not
    queue up behind an issuer that does not answer."""

    def __init__(self, web: Web, url: str, *, cache_jwk_set: bool = True) -> None:
        super().__init__(
            url,
            cache_jwk_set=cache_jwk_set,
            lifespan=KEYS_SECONDS,
            cooldown_duration=LOOK_AGAIN_SECONDS,
        )
        self._web = web
        self._rest_until = float("-inf")

    def fetch_data(self) -> Any:
        if time.monotonic() < self._rest_until:
            raise Unavailable(f"{self.uri} did not answer a moment ago.")
        try:
            found = self._document()
            if self.jwk_set_cache is None:
                return found
            keys = PyJWKSet([key for key in found["keys"] if _may_sign(key)])
        except Exception as error:  # unusual keys make PyJWT raise other exceptions too
            known = self.jwk_set_cache is not None and self.jwk_set_cache.get() is not None
            rest = LOOK_AGAIN_SECONDS if known else FETCH_SECONDS
            self._rest_until = time.monotonic() + rest
            raise Unavailable(f"{self.uri} gives no keys: {error}") from error
        self._last_successful_fetch = time.monotonic()
        return keys

    def _document(self) -> dict[str, Any]:
        answer = self._web.request("GET", self.uri, {}, None, FETCH_SECONDS, LARGEST_DOCUMENT)
        if answer.status != 200:
            raise OSError(f"it answered {answer.status}")
        found = json.loads(answer.body)
        if not isinstance(found, dict):
            raise ValueError("it is not a JSON object")
        return found


def _may_sign(key: Any) -> bool:
    """Whether the key has no `alg` or one of ALGORITHMS: PyJWT fails on some others."""
    return isinstance(key, dict) and key.get("alg") in (None, *ALGORITHMS)
