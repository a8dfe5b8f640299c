"""A stage that `chalice deploy` makes, and that pushes, on the local AWS: its functions run there,
each under the policy that `make resources` has rendered for it. The local AWS imports no REST API,
so its function is asked as API Gateway would ask it. One stage's life, in the order of this file.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.bundle.trial_import import HERE
from ops.stack.local_aws import ONLY_OVER_TLS
from tests.api import gateway
from tests.deploy.conftest import client
from tests.deploy.project import Project
from tests.websocket import REFUSED, connected, refusal

CHALICE = "tests.deploy.chalice_on_local_aws"
OWN = {
    "PUSH": "websocket",
    "ALLOWED_NETWORKS": "127.0.0.0/8",  # where a job finds something to fetch
}


@pytest.fixture(scope="module")
def project(local_aws: str, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("push") / "project", local_aws)
    stages = project.config["stages"]
    own = {"environment_variables": {**OWN, "AWS_ENDPOINT_URL": local_aws}}
    # without a size, Chalice sends an empty one, which the local AWS keeps and cannot tell again
    project.configure(
        stages={**stages, "dev": own}, minimum_compression_size=1024, lambda_architecture=HERE
    )
    over_plain_http(project)
    return project


def over_plain_http(project: Project) -> None:
    """The local AWS of these tests speaks nothing else."""
    for name in ("resources", "lane"):
        file = project.path(f".chalice/{name}.json")
        template = json.loads(file.read_text())
        kept = {n: r for n, r in template["Resources"].items() if r["Type"] not in ONLY_OVER_TLS}
        file.write_text(json.dumps({**template, "Resources": kept}))


@pytest.fixture(scope="module")
def first(project: Project) -> str:
    project.run("ops.resources", "dev").well()
    return project.run(CHALICE, "deploy", "--stage", "dev").well()


@pytest.fixture(scope="module")
def api_ids(local_aws: str, first: str) -> tuple[str, str]:
    """Of the REST API and of the WebSocket API."""
    [rest] = client(local_aws, "apigateway").get_rest_apis()["items"]
    [websocket] = client(local_aws, "apigatewayv2").get_apis()["Items"]
    return rest["id"], websocket["ApiId"]


@pytest.fixture(scope="module")
def entered(project: Project, first: str) -> dict[str, Any]:
    """What the second run of `make resources` knows of the first deployment."""
    project.run("ops.resources", "dev").well()
    found: dict[str, Any] = project.config["stages"]["dev"]["environment_variables"]
    return dict(found)


@pytest.fixture(scope="module")
def again(
    project: Project, local_aws: str, api_ids: tuple[str, str], entered: dict[str, Any]
) -> None:
    """The second deployment, with the WebSocket API where the local AWS has it."""
    here = f"{local_aws}/_aws/execute-api/{api_ids[1]}/api"
    project.edit(".chalice/config.json", entered["WEBSOCKET_ENDPOINT"], here)
    project.run(CHALICE, "deploy", "--stage", "dev").well()


JSON = [("content-type", "application/json")]


def post(endpoint: str, path: str, body: Any = None) -> dict[str, Any]:
    """What the API's function answers when API Gateway has let ada through."""
    event = gateway.event([path], "POST", path, JSON, json.dumps(body).encode(), above="/api")
    event["requestContext"]["authorizer"] = {"principalId": "ada"}
    function = client(endpoint, "lambda")
    invoked = function.invoke(FunctionName="overtime-dev", Payload=json.dumps(event))
    answer = json.loads(invoked["Payload"].read())
    assert answer.get("statusCode") in (201, 202), answer
    found: dict[str, Any] = json.loads(answer["body"])
    return found


def test_the_websocket_api_has_its_three_routes(
    local_aws: str, first: str, api_ids: tuple[str, str]
) -> None:
    assert "Websocket API URL: wss://" in first
    routes = client(local_aws, "apigatewayv2").get_routes(ApiId=api_ids[1])["Items"]
    assert {one["RouteKey"] for one in routes} == {"$connect", "$default", "$disconnect"}


def test_where_it_is_and_who_may_use_it_is_entered_once_it_is_known(
    project: Project, entered: dict[str, Any], api_ids: tuple[str, str]
) -> None:
    rest, websocket = (f"https://{one}.execute-api.us-east-1.amazonaws.com/api" for one in api_ids)
    assert (entered["PUBLIC_URL"], entered["WEBSOCKET_ENDPOINT"]) == (rest, websocket)
    for function in ("default_worker", "api_handler", "websocket_message"):
        policy = project.path(f".chalice/rendered/dev/policy-{function}.json").read_text()
        assert f":{api_ids[1]}/*/POST/@connections/*" in policy


def test_a_client_is_told_of_its_job(local_aws: str, again: None) -> None:
    ticket = post(local_aws, "/tickets")
    with connected(ticket["url"], ticket["ticket"]) as client:
        assert refusal(ticket["url"], ticket["ticket"]) in REFUSED, "it has been used"
        params = {"url": f"{local_aws}/_ministack/health"}
        job = post(local_aws, "/jobs", {"task": "fetch", "params": params})["id"]
        client.subscribe(job)
        told = client.until_finished(job)
    assert told[-1]["job"]["status"] == "succeeded", told[-1]


def test_chalice_delete_takes_the_websocket_api_away(
    project: Project, local_aws: str, again: None
) -> None:
    project.run(CHALICE, "delete", "--stage", "dev").well()
    assert client(local_aws, "apigatewayv2").get_apis()["Items"] == []
    assert client(local_aws, "lambda").list_functions()["Functions"] == []
