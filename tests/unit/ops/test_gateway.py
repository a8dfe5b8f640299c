"""What API Gateway answers by itself are problem documents as ours are."""

from __future__ import annotations

import json
import re
from typing import Any

import boto3
import pytest

from chalicelib.http.problems import STATUS
from ops.gateway import gateway_responses

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


@pytest.mark.parametrize("kind", RESPONSES)
def test_a_problem_of_the_application_has_the_applications_status(kind: str) -> None:
    document = problem(RESPONSES[kind])
    known = {f"/problems/{error.slug}": status for error, status in STATUS.items()}
    if kind != "INTEGRATION_TIMEOUT":  # 504 says more than 503; to repeat it is right for both
        assert document["status"] == known.get(document["type"], document["status"])


@pytest.mark.parametrize(
    ("kind", "status"), [("THROTTLED", "429"), ("QUOTA_EXCEEDED", "429"), ("DEFAULT_5XX", "503")]
)
def test_who_shall_come_again_is_told_when(kind: str, status: str) -> None:
    assert RESPONSES[kind]["statusCode"] == status
    after = RESPONSES[kind]["responseParameters"]["gatewayresponse.header.Retry-After"]
    assert re.fullmatch(r"'\d+'", after)


def test_a_401_says_which_credentials() -> None:
    headers = RESPONSES["UNAUTHORIZED"]["responseParameters"]
    assert headers["gatewayresponse.header.WWW-Authenticate"] == "'Bearer'"


def problem(response: dict[str, Any]) -> dict[str, Any]:
    """As API Gateway renders it: a message is put in with its quotes."""
    template = response["responseTemplates"]["application/json"]
    text = template.replace("$context.error.messageString", '"no \\"JSON\\""')
    document: dict[str, Any] = json.loads(text)
    return document
