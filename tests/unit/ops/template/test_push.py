"""A stage without WebSockets has nothing in its template that refers to them."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from ops.cli.stage import Stage
from ops.stack.local_aws import adapted
from ops.template.compose import compose
from tests.unit.ops.template.test_alarms_and_dashboard import generated

STAGE = Stage("overtime", "dev")
WEBSOCKETS: dict[str, Any] = {
    "WebsocketAPI": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {}},
    "WebsocketAPIDeployment": {"Type": "AWS::ApiGatewayV2::Deployment", "Properties": {}},
    "WebsocketAPIStage": {
        "Type": "AWS::ApiGatewayV2::Stage",
        "Properties": {"StageName": "api", "DeploymentId": {"Ref": "WebsocketAPIDeployment"}},
    },
}


@pytest.fixture
def without() -> dict[str, Any]:
    return compose(STAGE, generated())


@pytest.fixture
def with_websockets() -> dict[str, Any]:
    made = generated()
    made["Resources"] |= copy.deepcopy(WEBSOCKETS)
    return compose(STAGE, made)


def environment(template: dict[str, Any]) -> dict[str, Any]:
    variables: dict[str, Any] = template["Globals"]["Function"]["Environment"]["Variables"]
    return variables


def rights(template: dict[str, Any]) -> list[str | None]:
    [policy] = template["Resources"]["DefaultWorkerRole"]["Properties"]["Policies"]
    return [statement.get("Sid") for statement in policy["PolicyDocument"]["Statement"]]


def test_a_stage_that_does_not_push_names_no_websocket_api(without: dict[str, Any]) -> None:
    assert "Websocket" not in json.dumps(without)
    assert "WEBSOCKET_ENDPOINT" not in environment(without)
    assert "Push" not in rights(without)
    assert {"TABLE", "BUCKET", "QUEUE_DEFAULT", "STAGE"} <= environment(without).keys()
    assert {"Jobs", "Messages", "Trigger"} <= set(rights(without))


def test_functions_of_a_stage_that_pushes_know_where_and_may(
    with_websockets: dict[str, Any],
) -> None:
    endpoint = environment(with_websockets)["WEBSOCKET_ENDPOINT"]["Fn::Sub"]
    assert endpoint.startswith("https://${WebsocketAPI}.execute-api.")
    assert endpoint.endswith("/api")
    assert "Push" in rights(with_websockets)


def deployment(template: dict[str, Any]) -> str:
    """The name of the one that the WebSocket API's stage shows."""
    [name] = [
        name
        for name, one in template["Resources"].items()
        if one["Type"] == "AWS::ApiGatewayV2::Deployment"
    ]
    shown = template["Resources"]["WebsocketAPIStage"]["Properties"]["DeploymentId"]
    assert shown == {"Ref": name}
    return str(name)


def test_other_routes_of_the_websocket_api_are_another_deployment(
    with_websockets: dict[str, Any],
) -> None:
    """CloudFormation makes a deployment once: the copy of the routes that there were then."""
    made = generated()
    made["Resources"] |= copy.deepcopy(WEBSOCKETS)
    assert deployment(compose(STAGE, made)) == deployment(with_websockets)
    route = {"Type": "AWS::ApiGatewayV2::Route", "Properties": {"RouteKey": "news"}}
    made["Resources"]["NewsRoute"] = route
    assert deployment(compose(STAGE, made)) != deployment(with_websockets)


def test_functions_push_by_the_stage_that_the_websocket_api_has() -> None:
    made = generated()
    made["Resources"] |= copy.deepcopy(WEBSOCKETS)
    made["Resources"]["WebsocketAPIStage"]["Properties"]["StageName"] = "v1"
    endpoint = environment(compose(STAGE, made))["WEBSOCKET_ENDPOINT"]["Fn::Sub"]
    assert endpoint.startswith("https://${WebsocketAPI}.execute-api.")
    assert endpoint.endswith("${AWS::URLSuffix}/v1")


def test_the_websocket_api_is_throttled_as_the_other_one_is(
    with_websockets: dict[str, Any],
) -> None:
    settings = with_websockets["Resources"]["WebsocketAPIStage"]["Properties"]
    assert settings["StageName"] == "api"
    assert settings["DefaultRouteSettings"] == {
        "ThrottlingRateLimit": {"Ref": "ThrottleRate"},
        "ThrottlingBurstLimit": {"Ref": "ThrottleBurst"},
    }


def test_on_the_local_aws_it_lies_behind_the_one_port(with_websockets: dict[str, Any]) -> None:
    local = adapted(with_websockets, "http://127.0.0.1:4566")
    endpoint = environment(local)["WEBSOCKET_ENDPOINT"]["Fn::Sub"]
    assert endpoint == "http://127.0.0.1:4566/_aws/execute-api/${WebsocketAPI}/api"
    assert "AWS::ApiGatewayV2::Deployment" not in json.dumps(local)


def test_a_stage_that_chose_appsync_has_an_event_api_whose_authorizer_it_is() -> None:
    made = generated()
    made["Resources"] |= {
        "AuthorizePush": {"Type": "AWS::Serverless::Function", "Properties": {}},
        "AuthorizePushLogGroup": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {"RetentionInDays": 30},
        },
    }
    template = compose(STAGE, made)
    resources = template["Resources"]
    config = resources["EventApi"]["Properties"]["EventConfig"]
    authorizer = config["AuthProviders"][1]["LambdaAuthorizerConfig"]
    name = resources["AuthorizePush"]["Properties"]["FunctionName"]
    uri = authorizer["AuthorizerUri"]["Fn::Sub"]
    assert uri.replace("${App}", STAGE.app).replace("${Stage}", STAGE.name).endswith(f":{name}")
    assert authorizer["AuthorizerResultTtlInSeconds"] == 0
    for kind in ("ConnectionAuthModes", "DefaultSubscribeAuthModes"):
        assert config[kind] == [{"AuthType": "AWS_LAMBDA"}]
    channels = resources["JobsChannels"]["Properties"]
    assert channels["Name"] == "jobs"
    assert channels["PublishAuthModes"] == [{"AuthType": "AWS_IAM"}]
    assert channels["SubscribeAuthModes"] == [{"AuthType": "AWS_LAMBDA"}]
    assert {"APPSYNC_HTTP_DOMAIN", "APPSYNC_REALTIME_DOMAIN"} <= environment(template).keys()
    assert "WEBSOCKET_ENDPOINT" not in environment(template)
    assert "Publish" in rights(template)
    assert "Push" not in rights(template)


def test_any_other_stage_has_none_of_it(
    without: dict[str, Any], with_websockets: dict[str, Any]
) -> None:
    for template in (without, with_websockets):
        text = json.dumps(template)
        assert "EventApi" not in text
        assert "appsync" not in text
