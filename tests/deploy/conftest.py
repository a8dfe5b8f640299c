"""Servers that stand in for AWS, and copies of the project that are deployed to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.responses import LambdaResponse
from moto.awslambda.urls import url_paths
from moto.server import ThreadedMotoServer

from local.aws import SERVICES
from tests.contract.ministack import ministack, not_installed

FOR_A_STACK = "apigateway,apigatewayv2,events,execute-api,lambda,logs,sns,ssm"


# ── what moto lacks ──

RECURSION: dict[str, str] = {}
"""RecursiveLoop, by the names of functions."""
QUOTA = {"ConcurrentExecutions": 1_000, "UnreservedConcurrentExecutions": 1_000}


def account_settings(request: Any, full_url: str, headers: Any) -> Any:
    return 200, {}, json.dumps({"AccountLimit": QUOTA})


def recursion_config(request: Any, full_url: str, headers: Any) -> Any:
    lambda_response = LambdaResponse()
    lambda_response.setup_class(request, full_url, headers)
    name = lambda_response.path.rsplit("/", 2)[-2]
    try:
        lambda_response.backend.get_function(name)
    except UnknownFunctionException as error:
        return 404, {"x-amzn-errortype": "ResourceNotFoundException"}, str(error)
    if request.method == "PUT":
        RECURSION[name] = json.loads(lambda_response.body)["RecursiveLoop"]
    return 200, {}, json.dumps({"RecursiveLoop": RECURSION.get(name, "Terminate")})


FUNCTION = r"{0}/(?P<api_version>[^/]+)/functions/(?P<function_name>[\w_:%-]+)"
url_paths[r"{0}/(?P<api_version>[^/]+)/account-settings/?$"] = account_settings
url_paths[FUNCTION + "/recursion-config$"] = recursion_config


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """moto's endpoint: it knows the calls that Chalice makes, and runs no function."""
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def local_aws() -> Iterator[str]:
    """The local AWS's endpoint: it runs what is deployed, each function under its own role."""
    if why := not_installed():
        pytest.fail(why)
    with ministack(SERVICES=f"{SERVICES},{FOR_A_STACK}", AUTH="true") as endpoint:
        yield endpoint


def client(endpoint: str, service: str) -> Any:
    return botocore.session.get_session().create_client(
        service,
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
