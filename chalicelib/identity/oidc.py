"""Tokens of an OpenID Connect issuer, checked by its public keys.

Only this file knows PyJWT, and only a stage with AUTH=jwt loads it.
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

# None that signs with a shared secret: there the issuer's public key would pass for one.
ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
CLAIMS = ("iss", "aud", "sub", "exp")
DISCOVERY = "/.well-known/openid-configuration"  # OpenID Connect Discovery 1.0, section 4
LONGEST_SUBJECT = 255  # OpenID Connect Core 1.0, section 2
LEEWAY_SECONDS = 10  # by which the issuer's clock and this one may differ
KEYS_SECONDS = 3_600  # without a look at whether a key still is one of the issuer's
LOOK_AGAIN_SECONDS = 30  # between two looks, however many tokens name keys that are not there
FETCH_SECONDS = 3.0  # a fetch may take; two of them, and API Gateway still waits
LARGEST_DOCUMENT = 1024 * 1024  # bytes of a discovery document or a key set


@dataclass
class Oidc:
    """Implements ports.Authenticator. `jwks_url` None: the issuer's discovery gives it. `schemes`
    are those that a URL from there may have."""

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
        """Issuer and subject, which no other pair reads alike: an issuer has no `#`."""
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
            raise Unauthorized("sub holds half a character, which UTF-8 cannot carry") from None
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
            raise Unavailable(f"{self._discovery.uri} is of another issuer.")
        if not isinstance(url, str) or url.partition("://")[0].lower() not in self.schemes:
            raise Unavailable(f"{self._discovery.uri} has no jwks_uri that begins with https://.")
        return url


class _Fetched(PyJWKClient):
    """JSON from an issuer: a key set, or discovery, which is not cached here. It comes as every
    answer of a third party, bounded in time and size. A call that fails is not repeated at once, so
    that requests do not queue up behind an issuer that does not answer."""

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
        except Exception as error:  # PyJWT raises what odd keys lead it to
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
    """By one of the algorithms here, if the key names any: PyJWT stumbles over some others."""
    return isinstance(key, dict) and key.get("alg") in (None, *ALGORITHMS)
