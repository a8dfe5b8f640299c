"""What API Gateway answers by itself are problem documents as ours are."""

from __future__ import annotations

import json
import re
from typing import Any

import boto3
import pytest

from chalicelib.http.problems import STATUS
from ops.template.gateway_responses import gateway_responses, nothing_there

RESPONSES = gateway_responses("")


def test_every_type_that_api_gateway_has_is_one() -> None:
    gateway = boto3.client("apigateway", region_name="us-east-1")
    types: Any = gateway.meta.service_model.shape_for("GatewayResponseType")
    assert sorted(RESPONSES) == sorted(types.enum)


@pytest.mark.parametrize("kind", RESPONSES)
def test_a_response_is_a_problem_document(kind: str) -> None:
    response = RESPONSES[kind]
    document = problem(response)
    assert list(document) == ["type", "title", "status", "detail", "request_id"]
    assert response["statusCode"] == str(document["status"])
    headers = response["responseParameters"]
    assert headers["gatewayresponse.header.Content-Type"] == "'application/problem+json'"


def test_a_problem_of_the_application_has_the_applications_status() -> None:
    known = {f"/problems/{error.slug}": status for error, status in STATUS.items()}
    documents = {kind: problem(response) for kind, response in RESPONSES.items()}
    ours = {kind: one for kind, one in documents.items() if one["type"] in known}
    del ours["INTEGRATION_TIMEOUT"]  # 504 says more than 503; to repeat it is right for both
    assert len(ours) > 10
    assert [kind for kind, one in ours.items() if one["status"] != known[one["type"]]] == []


@pytest.mark.parametrize(
    ("kind", "status"), [("THROTTLED", "429"), ("QUOTA_EXCEEDED", "429"), ("DEFAULT_5XX", "503")]
)
def test_a_temporary_refusal_has_a_retry_after(kind: str, status: str) -> None:
    assert RESPONSES[kind]["statusCode"] == status
    after = RESPONSES[kind]["responseParameters"]["gatewayresponse.header.Retry-After"]
    assert re.fullmatch(r"'\d+'", after)


def test_a_401_says_which_credentials() -> None:
    headers = RESPONSES["UNAUTHORIZED"]["responseParameters"]
    assert headers["gatewayresponse.header.WWW-Authenticate"] == "'Bearer'"


@pytest.mark.parametrize("auth", ["tokens", "jwt"])
def test_a_bearer_token_that_is_taken_for_a_signature_came_to_no_route(auth: str) -> None:
    here = gateway_responses("", auth)
    assert here["INVALID_SIGNATURE"] == here["MISSING_AUTHENTICATION_TOKEN"]
    assert here["INVALID_SIGNATURE"]["statusCode"] == "404"


def test_where_requests_are_signed_a_wrong_signature_is_forbidden() -> None:
    assert gateway_responses("", "iam")["INVALID_SIGNATURE"]["statusCode"] == "403"


def test_only_what_is_wrong_with_a_body_or_a_parameter_is_said_in_api_gateways_words() -> None:
    """Its words for an Authorization that it cannot read quote it."""
    theirs = [kind for kind, one in RESPONSES.items() if "$context.error" in json.dumps(one)]
    assert theirs == ["BAD_REQUEST_BODY", "BAD_REQUEST_PARAMETERS"]


def test_what_is_no_route_answers_as_api_gateway_does_of_itself() -> None:
    readable = gateway_responses("https://a.example")["MISSING_AUTHENTICATION_TOKEN"]
    [method] = nothing_there("https://a.example").values()
    assert "security" not in method
    integration = method["x-amazon-apigateway-integration"]
    assert set(integration["requestTemplates"].values()) == {'{"statusCode": 404}'}
    answer = integration["responses"]["404"]
    assert problem(answer) == problem(readable)
    sent = {name.rpartition(".")[2]: value for name, value in answer["responseParameters"].items()}
    assert sent == {
        name.rpartition(".")[2]: value for name, value in readable["responseParameters"].items()
    }
    assert sent.keys() == method["responses"]["404"]["headers"].keys()


def problem(response: dict[str, Any]) -> dict[str, Any]:
    """As API Gateway renders it: a message is put in with its quotes."""
    template = response["responseTemplates"]["application/json"]
    text = template.replace("$context.error.messageString", '"no \\"JSON\\""')
    document: dict[str, Any] = json.loads(text)
    return document
