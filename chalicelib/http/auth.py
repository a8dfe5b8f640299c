"""Authentication. Every job belongs to an owner; each stage sets how callers authenticate.

API Gateway checks the credentials of a request before it calls a view, and passes the owner on.
If it passes none, the deployment is wrong, and the view refuses the request.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, assert_never

from chalice.app import AuthResponse, ChaliceAuthorizer, IAMAuthorizer

from chalicelib.domain.errors import Forbidden, Unauthorized
from chalicelib.settings import Auth

logger = logging.getLogger(__name__)

LOCAL_OWNER = "local"
NO_VALID_TOKEN = (  # API Gateway's answer to all of these, and so that of `make run`
    "The token is missing, malformed, unknown, revoked or expired. Send a valid one:"
    " Authorization: Bearer <token>."
)
METADATA = "/.well-known/oauth-protected-resource/mcp"  # RFC 9728, section 3.1
PUBLIC = frozenset(
    {
        *("/", "/docs", "/console/{version}/{name}", "/client.js", "/health", METADATA),
        "/answers/{sealed}",  # whose last part is a credential
    }
)  # paths without credentials
NO_OWNER = ""  # no job has this owner
_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9._~+/-]+=*)")  # RFC 6750, section 2.1
_ASSUMED_ROLE = re.compile(r"(arn:[^:]+:sts::\d+:assumed-role/[^/]+)/.+")


class Refused(Exception):
    """If an authorizer fails with exactly this word as its message, API Gateway answers 401. Any
    other failure means that the credentials could not be checked."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def challenge(auth: str, public_url: str | None) -> str:
    """The WWW-Authenticate of a 401. Where agents can find out the issuer of tokens, it says where
    (RFC 9728, section 5.1)."""
    if auth != Auth.JWT or not public_url:
        return "Bearer"
    return f'Bearer resource_metadata="{public_url.rstrip("/")}{METADATA}"'


def admit(authorization: str, owner_of: Callable[[str], str]) -> AuthResponse:
    """The authorizer's answer. API Gateway caches it for later requests with the same header on
    any route, so it must be valid for all routes."""
    bearer = _BEARER.fullmatch(authorization)
    try:
        if bearer is None:
            raise Unauthorized("no bearer token")
        owner = owner_of(bearer[1])
    except Unauthorized as refusal:
        logger.info("refused", extra={"reason": refusal.detail})
        raise Refused from None
    return AuthResponse(routes=["*"], principal_id=owner)


def guard(auth: Auth, authorize: ChaliceAuthorizer) -> ChaliceAuthorizer | IAMAuthorizer | None:
    """The authorizer that API Gateway calls before a view; None if there is none."""
    match auth:
        case Auth.TOKENS | Auth.JWT:
            return authorize
        case Auth.IAM:
            return IAMAuthorizer()
        case Auth.OPEN:
            return None
        case _:
            assert_never(auth)


def owner_of(auth: Auth, context: Mapping[str, Any]) -> str:
    """The owner of the current request's jobs, from API Gateway's request context. NO_OWNER for a
    path without credentials."""
    if context.get("resourcePath") in PUBLIC:
        return NO_OWNER
    match auth:
        case Auth.TOKENS | Auth.JWT:
            owner: str | None = (context.get("authorizer") or {}).get("principalId")
            if not owner:
                raise Unauthorized("Send your token as Authorization: Bearer <token>.")
            return owner
        case Auth.IAM:
            return _caller(context.get("identity") or {})
        case Auth.OPEN:
            return LOCAL_OWNER
        case _:
            assert_never(auth)


def _caller(identity: Mapping[str, Any]) -> str:
    """The caller's ARN. For an assumed role without the session name, which its caller chooses."""
    arn: str | None = identity.get("userArn")
    if not arn:
        raise Forbidden("Sign the request with AWS credentials (Signature Version 4).")
    if identity.get("cognitoIdentityId"):
        raise Forbidden(
            "All callers of a Cognito identity pool share one role, so the owner is unknown."
            " Sign with another role or user."
        )
    role = _ASSUMED_ROLE.fullmatch(arn)
    return role[1] if role else arn
