"""Who is asking. Every job belongs to an owner; how a caller shows who it is, each stage sets.

API Gateway lets nobody through to a view that asks for credentials, and tells the view whom it
let through. Where it told nothing, the deployment is not what it should be, and nobody gets in.
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
PUBLIC = frozenset(
    {"/", "/docs", "/console/{version}/{name}", "/client.js", "/health"}
)  # need no credentials
_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9._~+/-]+=*)")  # RFC 6750, section 2.1
_ASSUMED_ROLE = re.compile(r"(arn:[^:]+:sts::\d+:assumed-role/[^/]+)/.+")


class Refused(Exception):
    """API Gateway answers 401 to an authorizer that fails with this very word as its message;
    any other failure means that it could not tell."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def admit(authorization: str, owner_of: Callable[[str], str]) -> AuthResponse:
    """The authorizer's answer. API Gateway keeps it for every later request under the same
    header, whatever its route: so it must be good for all of them."""
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
    """What API Gateway asks before it lets a request through to a view."""
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
    """The owner of the current request's jobs, by API Gateway's request context."""
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
    """The ARN; of an assumed role without the session's name, which its caller chooses."""
    arn: str | None = identity.get("userArn")
    if not arn:
        raise Forbidden("Sign the request with AWS credentials (Signature Version 4).")
    if identity.get("cognitoIdentityId"):
        raise Forbidden("All callers of an identity pool share a role: nothing tells them apart.")
    role = _ASSUMED_ROLE.fullmatch(arn)
    return role[1] if role else arn
