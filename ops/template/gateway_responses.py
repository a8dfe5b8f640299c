"""What API Gateway answers by itself, before any of our code is asked: problem documents, too."""

from __future__ import annotations

import json
import re
from typing import Any

from chalicelib.domain import errors
from chalicelib.domain.token import TOKEN_FORM
from chalicelib.http.auth import NO_VALID_TOKEN, challenge
from ops.cli.stage import Stage
from ops.template.declared import Template, merged

FORBIDDEN = (errors.Forbidden.slug, errors.Forbidden.title)
THROTTLED = ("too-many-requests", "Too many requests")
NOT_FOUND = (errors.NotFound.slug, errors.NotFound.title)
UNAUTHORIZED = (errors.Unauthorized.slug, errors.Unauthorized.title)
MALFORMED = (errors.MalformedRequest.slug, errors.MalformedRequest.title)
TOO_LARGE = (errors.BodyTooLarge.slug, errors.BodyTooLarge.title)
MEDIA_TYPE = (errors.UnsupportedMediaType.slug, errors.UnsupportedMediaType.title)
UNAVAILABLE = (errors.Unavailable.slug, errors.Unavailable.title)
INTERNAL = (errors.OvertimeError.slug, errors.OvertimeError.title)

NOTHING_HERE = "There is nothing under this path, or not with this method."
REPEAT = "Repeat the request; a submit with its Idempotency-Key, since it may have been accepted."
UNTAKEN = "The API does not take this request as it is."
UNCHECKED = "The credentials could not be checked. Repeat the request."
CHALLENGE = {"WWW-Authenticate": "Bearer"}
SOON = {"Retry-After": "1"}
LATER = {"Retry-After": "2"}

Response = tuple[str, int, tuple[str, str], str | None, dict[str, str]]

# Every type of gateway response there is, so that none falls back on a body of AWS's own. The two
# defaults are used by those that have no type, above all by a function that crashed or was at its
# concurrency: whether it wrote anything is not known, as with `unavailable` elsewhere.
# type, status, problem, detail (None: API Gateway's own words), headers
RESPONSES: tuple[Response, ...] = (
    ("UNAUTHORIZED", 401, UNAUTHORIZED, NO_VALID_TOKEN, CHALLENGE),
    ("ACCESS_DENIED", 403, FORBIDDEN, "These credentials do not allow this.", {}),
    ("EXPIRED_TOKEN", 403, FORBIDDEN, "The credentials of the signature have expired.", {}),
    ("INVALID_SIGNATURE", 403, FORBIDDEN, "The request's signature is not valid.", {}),
    ("INVALID_API_KEY", 403, FORBIDDEN, "The API key is not valid.", {}),
    ("WAF_FILTERED", 403, FORBIDDEN, "The firewall of this stage refused the request.", {}),
    ("MISSING_AUTHENTICATION_TOKEN", 404, NOT_FOUND, NOTHING_HERE, {}),
    ("RESOURCE_NOT_FOUND", 404, NOT_FOUND, NOTHING_HERE, {}),
    ("BAD_REQUEST_BODY", 400, MALFORMED, None, {}),
    ("BAD_REQUEST_PARAMETERS", 400, MALFORMED, None, {}),
    ("DEFAULT_4XX", 400, MALFORMED, UNTAKEN, {}),
    ("REQUEST_TOO_LARGE", 413, TOO_LARGE, "Send what is this large by way of POST /uploads.", {}),
    ("UNSUPPORTED_MEDIA_TYPE", 415, MEDIA_TYPE, "Send Content-Type: application/json.", {}),
    ("THROTTLED", 429, THROTTLED, "This method takes no more requests per second.", SOON),
    ("QUOTA_EXCEEDED", 429, THROTTLED, "The quota of this API key is used up.", LATER),
    ("API_CONFIGURATION_ERROR", 500, INTERNAL, "The API is not configured rightly.", {}),
    ("AUTHORIZER_CONFIGURATION_ERROR", 503, UNAVAILABLE, UNCHECKED, LATER),
    ("AUTHORIZER_FAILURE", 503, UNAVAILABLE, UNCHECKED, LATER),
    ("INTEGRATION_FAILURE", 503, UNAVAILABLE, REPEAT, LATER),
    ("INTEGRATION_TIMEOUT", 504, UNAVAILABLE, REPEAT, LATER),
    ("DEFAULT_5XX", 503, UNAVAILABLE, REPEAT, LATER),
)


# Where no request is signed, an Authorization that is no signature has come to no route of ours.
UNSIGNED: Response = ("INVALID_SIGNATURE", 404, NOT_FOUND, NOTHING_HERE, {})

NOWHERE = "/{proxy+}"  # the path of whatever is no route
BODIES = (  # that requests come with; API Gateway answers those of another type with 415
    "application/json",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "application/xml",
    "multipart/form-data",
    "text/csv",
    "text/plain",
)


AUTHORIZER = "authorize"  # its name in app.py
# By AUTH. What has not the form of a token is refused without an invocation of the authorizer.
TOKENS = {"tokens": TOKEN_FORM.pattern, "jwt": r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"}


def answering_by_itself(stage: Stage, template: Template) -> Template:
    """A pass: the API's own answers, those to what is no route or not with this method too."""
    names = ("ALLOWED_ORIGIN", "AUTH", "PUBLIC_URL")
    origin, auth, public_url = (stage.environment.get(name, "") for name in names)
    declared = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    paths = (*declared.get("paths", {}), NOWHERE)
    body: dict[str, Any] = {
        "x-amazon-apigateway-gateway-responses": gateway_responses(origin, auth, public_url),
        "paths": {path: nothing_there(origin, path) for path in paths},
        # API Gateway's metrics know an API by its name alone
        "info": {"title": stage.stack},
    }
    if auth in TOKENS and AUTHORIZER in declared.get("securityDefinitions", {}):
        asks = {"identityValidationExpression": rf"^[Bb][Ee][Aa][Rr][Ee][Rr] +{TOKENS[auth]}$"}
        body["securityDefinitions"] = {AUTHORIZER: {"x-amazon-apigateway-authorizer": asks}}
    api = {"RestAPI": {"Properties": {"DefinitionBody": body}}}
    answering: Template = merged(template, {"Resources": api})
    return answering


def gateway_responses(origin: str, auth: str = "tokens", public_url: str = "") -> dict[str, Any]:
    """As the OpenAPI extension x-amazon-apigateway-gateway-responses has them: so they go live
    with the routes, in one deployment of the API. Pages of `origin`, if any, may read them; `auth`
    and `public_url` are the stage's."""
    responses = {response[0]: response for response in RESPONSES}
    asked = {"WWW-Authenticate": challenge(auth, public_url)}
    responses["UNAUTHORIZED"] = (*responses["UNAUTHORIZED"][:-1], asked)
    if auth != "iam":
        responses[UNSIGNED[0]] = UNSIGNED
    return {
        kind: {
            "statusCode": str(status),
            "responseParameters": {
                f"gatewayresponse.header.{name}": f"'{value}'"
                for name, value in (_headers(origin) | headers).items()
            },
            "responseTemplates": {"application/json": _problem(status, *problem, detail)},
        }
        for kind, status, problem, detail, headers in responses.values()
    }


def nothing_there(origin: str, path: str = NOWHERE) -> dict[str, Any]:
    """What answers to every method that a path lacks, asking for no credentials. Without it API
    Gateway would take a Bearer token for a signature, and say of that what is wrong with it."""
    headers = _headers(origin)
    answer = {
        "statusCode": "404",
        "responseParameters": {
            f"method.response.header.{name}": f"'{value}'" for name, value in headers.items()
        },
        "responseTemplates": {
            "application/json": _problem(404, *NOT_FOUND, NOTHING_HERE),
        },
    }
    method = {
        "parameters": [
            {"name": name, "in": "path", "required": True, "type": "string"}
            for name in re.findall(r"\{(\w+)\+?\}", path)
        ],
        "responses": {
            "404": {
                "description": NOT_FOUND[1],
                "headers": {name: {"type": "string"} for name in headers},
            }
        },
        "x-amazon-apigateway-integration": {
            "type": "mock",
            "contentHandling": "CONVERT_TO_TEXT",
            "passthroughBehavior": "never",
            "requestTemplates": dict.fromkeys(BODIES, '{"statusCode": 404}'),
            "responses": {"404": answer},
        },
    }
    return {"x-amazon-apigateway-any-method": method}


def _headers(origin: str) -> dict[str, str]:
    readable = {"Access-Control-Allow-Origin": origin} if origin else {}
    return {
        "Content-Type": "application/problem+json",
        "Cache-Control": "no-store",
        **readable,
    }


def _problem(status: int, slug: str, title: str, detail: str | None) -> str:
    document: dict[str, Any] = {
        "type": f"/problems/{slug}",
        "title": title,
        "status": status,
        "detail": detail or "",
        "request_id": "$context.requestId",
    }
    text = json.dumps(document)
    if detail is None:  # API Gateway puts in its own message, quotes and all
        text = text.replace('"detail": ""', '"detail": $context.error.messageString')
    return f"{text}\n"
