"""What a stage's stack is made of: Chalice's part, what is declared beside it, and a share a
function, whichever functions app.py has."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest

from ops.cli import stage
from ops.cli.stage import Refusal, Stage
from ops.template import functions as template
from ops.template import policies
from ops.template.compose import compose
from ops.template.declared import chosen_parameters, own_template, promised_environment
from ops.template.functions import functions
from ops.template.push import template_by_default

DEV = Stage("overtime", "dev")
GENERATED: dict[str, Any] = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Transform": "AWS::Serverless-2016-10-31",
    "Outputs": {"EndpointURL": {"Value": {"Fn::Sub": "https://${RestAPI}.example.com/api/"}}},
    "Resources": {
        "RestAPI": {
            "Type": "AWS::Serverless::Api",
            "Properties": {
                "StageName": "api",
                "DefinitionBody": {
                    "info": {"title": "overtime"},
                    "paths": {"/jobs": {"uri": {"Fn::Sub": "…${APIHandler.Arn}/invocations"}}},
                },
            },
        },
        "APIHandler": {
            "Type": "AWS::Serverless::Function",
            "Properties": {"Handler": "app.app", "ReservedConcurrentExecutions": 100},
        },
        "ApiHandlerLogGroup": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {
                "LogGroupName": {"Fn::Sub": "/aws/lambda/${ApiHandler}"},
                "RetentionInDays": 30,
            },
        },
        "DefaultWorker": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "Handler": "app.default_worker",
                "Tracing": "PassThrough",
                "ReservedConcurrentExecutions": 50,
                "Events": {
                    "DefaultWorkerSqsEventSource": {
                        "Type": "SQS",
                        "Properties": {"Queue": {"Fn::Sub": "arn:…:overtime-dev-default"}},
                    }
                },
            },
        },
        "DefaultWorkerLogGroup": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {"LogGroupName": "x", "RetentionInDays": 7},
        },
    },
}


@pytest.fixture
def generated() -> dict[str, Any]:
    return copy.deepcopy(GENERATED)


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    config: dict[str, Any] = {"app_name": "overtime"}
    monkeypatch.setattr(stage, "read_config", lambda: config)
    return config


def properties(composed: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = composed["Resources"][name]["Properties"]
    return found


def test_it_has_what_chalice_generates_and_what_is_declared_beside(
    generated: dict[str, Any],
) -> None:
    composed = compose(DEV, generated)
    names = composed["Resources"].keys()
    assert {"RestAPI", "APIHandler", "JobsTable", "Bucket", "DefaultQueue"} <= names
    # objects are merged: the API has its routes and its throttle
    assert properties(composed, "RestAPI")["StageName"] == "api"
    assert properties(composed, "RestAPI")["MethodSettings"]


def test_the_routes_bring_their_gateway_responses_along(generated: dict[str, Any]) -> None:
    body = properties(compose(DEV, generated), "RestAPI")["DefinitionBody"]
    assert body["x-amazon-apigateway-gateway-responses"]["THROTTLED"]["statusCode"] == "429"
    assert {"/jobs", "/{proxy+}"} == body["paths"].keys()


def test_a_method_that_a_path_lacks_is_answered_as_a_path_that_is_not_there(
    generated: dict[str, Any],
) -> None:
    """API Gateway would read a Bearer token as a signature, and answer 400 about its form."""
    api = generated["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    api["paths"]["/jobs/{job_id}/artifacts/{name}"] = {"get": {"produces": ["application/json"]}}
    paths = properties(compose(DEV, generated), "RestAPI")["DefinitionBody"]["paths"]
    for path, methods in paths.items():
        other = methods["x-amazon-apigateway-any-method"]
        assert other["x-amazon-apigateway-integration"]["responses"].keys() == {"404"}
        assert "security" not in other
        named = [parameter["name"] for parameter in other["parameters"]]
        assert named == re.findall(r"\{(\w+)", path)
    assert paths["/jobs/{job_id}/artifacts/{name}"]["get"] == {"produces": ["application/json"]}


@pytest.mark.parametrize(
    ("auth", "good", "bad"),
    [
        ("tokens", f"ot_{'0' * 16}_{'a' * 64}", "ot_1_2"),
        ("jwt", "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln-_", "eyJhbGciOiJSUzI1NiJ9"),
    ],
)
def test_the_gateway_itself_refuses_what_has_not_the_form_of_a_token(
    generated: dict[str, Any], config: dict[str, Any], auth: str, good: str, bad: str
) -> None:
    config["environment_variables"] = {"AUTH": auth}
    api = generated["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    authorizer = {"type": "token", "authorizerResultTtlInSeconds": 60}
    declared = {"in": "header", "x-amazon-apigateway-authorizer": authorizer}
    api["securityDefinitions"] = {"authorize": declared}
    body = properties(compose(DEV, generated), "RestAPI")["DefinitionBody"]
    asked = body["securityDefinitions"]["authorize"]["x-amazon-apigateway-authorizer"]
    form = re.compile(asked.pop("identityValidationExpression"))
    assert asked == authorizer
    assert form.match(f"Bearer {good}")
    assert form.match(f"bearer  {good}")
    for other in (f"Bearer {bad}", f"Basic {good}", f"Bearer {good} x", good, ""):
        assert not form.match(other)


def test_the_api_has_no_stage_but_the_one_that_is_throttled(generated: dict[str, Any]) -> None:
    """SAM makes a second one, named Stage, where it is not told the version of the routes."""
    assert properties(compose(DEV, generated), "RestAPI")["OpenApiVersion"] == "2.0"


def test_each_function_has_a_role_with_its_own_policy(generated: dict[str, Any]) -> None:
    composed = compose(DEV, generated)
    for logical_id, name in functions(composed).items():
        assert properties(composed, logical_id)["Role"] == {
            "Fn::GetAtt": [f"{logical_id}Role", "Arn"]
        }
        [policy] = properties(composed, f"{logical_id}Role")["Policies"]
        written = policies.read_policy(name)["Statement"]
        pushing = ("${WebsocketAPI}", "${EventApi.ApiId}")  # of which this stage has nothing
        fitting = [one for one in written if not any(it in json.dumps(one) for it in pushing)]
        assert policy["PolicyDocument"]["Statement"] == policies.in_template(fitting)
        assert "ManagedPolicyArns" not in properties(composed, f"{logical_id}Role")


def test_a_function_without_a_policy_file_is_refused(generated: dict[str, Any]) -> None:
    generated["Resources"]["NightWatch"] = copy.deepcopy(generated["Resources"]["APIHandler"])
    with pytest.raises(Refusal, match=r"write \.chalice/policy-night_watch\.json"):
        compose(DEV, generated)


def test_functions_are_called_as_chalice_deploy_calls_them(generated: dict[str, Any]) -> None:
    composed = compose(DEV, generated)
    assert functions(composed) == {"APIHandler": "api_handler", "DefaultWorker": "default_worker"}
    assert properties(composed, "APIHandler")["FunctionName"] == "overtime-dev"
    assert properties(composed, "DefaultWorker")["FunctionName"] == "overtime-dev-default_worker"


def test_a_functions_log_is_there_before_it_and_is_not_kept_for_ever(
    generated: dict[str, Any],
) -> None:
    composed = compose(DEV, generated)
    for logical_id, group, days in (
        ("APIHandler", "/aws/lambda/overtime-dev", 30),
        ("DefaultWorker", "/aws/lambda/overtime-dev-default_worker", 7),
    ):
        log = {"LogGroupName": group, "RetentionInDays": days}
        assert properties(composed, f"{logical_id}LogGroup") == log
        assert composed["Resources"][logical_id]["DependsOn"] == [f"{logical_id}LogGroup"]
    assert "ApiHandlerLogGroup" not in composed["Resources"]


def test_logs_that_would_be_kept_for_ever_are_refused(generated: dict[str, Any]) -> None:
    del generated["Resources"]["DefaultWorkerLogGroup"]
    with pytest.raises(Refusal, match="log_retention_in_days"):
        compose(DEV, generated)


def test_a_worker_waits_for_its_queue_and_takes_no_more_than_it_may_run(
    generated: dict[str, Any],
) -> None:
    composed = compose(DEV, generated)
    [event] = properties(composed, "DefaultWorker")["Events"].values()
    assert event["Properties"]["Queue"] == {"Fn::GetAtt": ["DefaultQueue", "Arn"]}
    most = {"Fn::If": ["Reserves", 50, 2]}  # of an account that may run ten at once
    assert event["Properties"]["ScalingConfig"] == {"MaximumConcurrency": most}


def test_a_worker_may_send_to_the_queue_that_starts_it_as_often_as_a_job_needs(
    generated: dict[str, Any],
) -> None:
    composed = compose(DEV, generated)
    assert properties(composed, "DefaultWorker")["RecursiveLoop"] == "Allow"
    assert "RecursiveLoop" not in properties(composed, "APIHandler")


@pytest.mark.parametrize("reserved", [0, 1])
def test_a_worker_that_may_run_less_than_its_queue_starts_is_refused(
    generated: dict[str, Any], reserved: int
) -> None:
    worker = generated["Resources"]["DefaultWorker"]["Properties"]
    worker["ReservedConcurrentExecutions"] = reserved
    with pytest.raises(Refusal, match="default_worker has a reserved_concurrency of"):
        compose(DEV, generated)


def test_a_stage_may_choose_to_reserve_nothing(generated: dict[str, Any]) -> None:
    composed = compose(DEV, generated)
    reserved = properties(composed, "APIHandler")["ReservedConcurrentExecutions"]
    assert reserved == {"Fn::If": ["Reserves", 100, {"Ref": "AWS::NoValue"}]}
    assert "Reserves" in composed["Conditions"]


def test_a_function_without_requests_gets_the_base_of_links(generated: dict[str, Any]) -> None:
    composed = compose(DEV, generated)
    told = properties(composed, "DefaultWorker")["Environment"]["Variables"]["PUBLIC_URL"]
    assert told == GENERATED["Outputs"]["EndpointURL"]["Value"]
    # the API's own function cannot wait for the API, which waits for it
    assert "Environment" not in properties(composed, "APIHandler")


def test_a_function_that_is_called_like_a_part_of_a_path_is_told_so_too(
    generated: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(template, "read_policy", lambda name: {"Statement": []})
    resources = generated["Resources"]
    resources["Erase"] = copy.deepcopy(resources["APIHandler"])
    resources["EraseLogGroup"] = copy.deepcopy(resources["DefaultWorkerLogGroup"])
    routes = resources["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    routes["/jobs"]["summary"] = "Erase a job."
    told = properties(compose(DEV, generated), "Erase")["Environment"]["Variables"]
    assert told["PUBLIC_URL"] == GENERATED["Outputs"]["EndpointURL"]["Value"]


def test_a_domain_of_the_stages_own_is_left_alone(generated: dict[str, Any]) -> None:
    own = {"Variables": {"PUBLIC_URL": "https://jobs.example.com"}}
    generated["Resources"]["DefaultWorker"]["Properties"]["Environment"] = own
    composed = compose(DEV, generated)
    assert properties(composed, "DefaultWorker")["Environment"] == own


def test_a_traced_function_may_send_its_traces(generated: dict[str, Any]) -> None:
    generated["Resources"]["APIHandler"]["Properties"]["Tracing"] = "Active"
    composed = compose(DEV, generated)
    assert properties(composed, "RestAPI")["TracingEnabled"] is True
    [traced] = properties(composed, "APIHandlerRole")["Policies"]
    assert "xray:PutTraceSegments" in json.dumps(traced)
    [untraced] = properties(composed, "DefaultWorkerRole")["Policies"]
    assert "xray" not in json.dumps(untraced)


def test_every_reference_of_the_environment_leads_somewhere() -> None:
    own = own_template(DEV)
    known = own["Resources"].keys() | own["Parameters"].keys()
    for value in own["Globals"]["Function"]["Environment"]["Variables"].values():
        if "Ref" in value:
            assert value["Ref"] in known


def test_app_py_is_imported_with_the_names_that_the_stack_will_give(
    config: dict[str, Any],
) -> None:
    promised = promised_environment(DEV, template_by_default(DEV))
    assert promised["STAGE"] == "dev"
    assert promised["TABLE"] == "overtime-dev-jobs"
    assert promised["QUEUE_DEFAULT"] == "overtime-dev-default"
    assert "$" not in "".join(promised.values())


def test_text_in_config_json_would_hide_a_reference_and_is_refused(
    config: dict[str, Any],
) -> None:
    config["stages"] = {"dev": {"environment_variables": {"TABLE": "mine", "AUTH": "tokens"}}}
    with pytest.raises(Refusal, match=r"the stage dev sets TABLE, which"):
        promised_environment(DEV, template_by_default(DEV))


def test_a_stage_chooses_parameters_over_those_of_all_stages(config: dict[str, Any]) -> None:
    config["template_parameters"] = {"ThrottleRate": 5, "ThrottleBurst": "7"}
    config["stages"] = {"prod": {"template_parameters": {"ThrottleRate": "500"}}}
    composed = own_template(DEV)
    prod = chosen_parameters(Stage("overtime", "prod"), composed)
    assert prod == {"App": "overtime", "Stage": "prod", "ThrottleRate": "500", "ThrottleBurst": "7"}
    # a stage without a section has the defaults
    assert chosen_parameters(DEV, composed)["ThrottleRate"] == "5"


def test_a_parameter_that_there_is_not_is_refused_naming_those_there_are(
    config: dict[str, Any],
) -> None:
    config["template_parameters"] = {"Throttle": "5"}
    with pytest.raises(Refusal, match=r"has Throttle; there are: .*ThrottleBurst, ThrottleRate"):
        chosen_parameters(DEV, own_template(DEV))
