"""The stack's template: what Chalice generates, .chalice/resources.json and .chalice/stack.json,
and what each function gets alike: a name, a role with its own policy, a log group, alarms; and a
dashboard of it all."""

from __future__ import annotations

import copy
import re
from typing import Any

from ops.cli.stage import ROOT, Refusal, Stage, read_json
from ops.template import dashboard
from ops.template.alarms import function_alarms
from ops.template.dashboard import Shown
from ops.template.gateway_responses import NOWHERE, gateway_responses, nothing_there
from ops.template.optional import is_present, referred_to, without_the_absent
from ops.template.policies import PLACEHOLDER, in_template, read_policy

RESOURCES = ROOT / ".chalice" / "resources.json"
STACK = ROOT / ".chalice" / "stack.json"
APPSYNC = ROOT / ".chalice" / "appsync.json"
FUNCTION = "AWS::Serverless::Function"
NAMES = ("TableName", "BucketName", "QueueName")
LEAST_CONCURRENCY, MOST_CONCURRENCY = 2, 1_000  # MaximumConcurrency of a queue's trigger
TRACING = {
    "Sid": "Tracing",
    "Effect": "Allow",
    "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
    "Resource": "*",  # X-Ray knows no narrower one
}

Template = dict[str, Any]


def compose(stage: Stage, generated: Template) -> Template:
    own = own_template()
    if "AuthorizePush" in generated["Resources"]:  # PUSH=appsync
        own = merged(own, read_json(APPSYNC))
    template = without_the_absent(merged(own, generated))
    routes = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    origin, auth = (stage.environment.get(name, "") for name in ("ALLOWED_ORIGIN", "AUTH"))
    routes["x-amazon-apigateway-gateway-responses"] = gateway_responses(origin, auth)
    routes.setdefault("paths", {})[NOWHERE] = nothing_there(origin)
    routes["info"]["title"] = stage.stack  # API Gateway's metrics know an API by its name alone
    if websockets := template["Resources"].get("WebsocketAPIStage"):
        endpoint = template["Globals"]["Function"]["Environment"]["Variables"]["WEBSOCKET_ENDPOINT"]
        endpoint["Fn::Sub"] = at_stage(endpoint["Fn::Sub"], websockets["Properties"]["StageName"])
    queues = {
        static(stage, resource["Properties"]["QueueName"]): name
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::SQS::Queue"
    }
    for logical_id in functions(template):
        _complete(stage, template, logical_id, queues)
        if logical_id not in referred_to(routes):  # else each would wait for the other
            _tell_public_url(template, logical_id)
    template["Resources"]["Dashboard"] = dashboard.resource(_shown(stage, template, queues))
    return template


def own_template() -> Template:
    """What is declared beside the code: what jobs live in, and what a deployed stage adds."""
    template: Template = merged(read_json(RESOURCES), read_json(STACK))
    return template


def chosen_parameters(stage: Stage, template: Template) -> dict[str, str]:
    """The template's, as .chalice/config.json sets them under template_parameters."""
    declared = stage.declared("template_parameters")
    known = own_template()["Parameters"].keys() - {"App", "Stage"}
    if unknown := sorted(declared.keys() - known):
        raise Refusal(
            f"template_parameters in .chalice/config.json has {', '.join(unknown)}; there are:"
            f" {', '.join(sorted(known))}."
        )
    chosen = {name: str(value) for name, value in declared.items()}
    named = {**chosen, "App": stage.app, "Stage": stage.name}
    return {name: value for name, value in named.items() if name in template["Parameters"]}


def functions(template: Template) -> dict[str, str]:
    """Chalice's names of the Lambda functions, by their logical ids."""
    return {
        logical_id: _chalice_name(logical_id)
        for logical_id, resource in template["Resources"].items()
        if resource.get("Type") == FUNCTION
    }


def promised_environment(stage: Stage) -> dict[str, str]:
    """What the functions' references will be, as far as names tell; app.py is imported with it
    before there is a stack."""
    own = own_template()
    variables = own["Globals"]["Function"]["Environment"]["Variables"]
    promised = {name: _promise(stage, own, value) for name, value in variables.items()}
    if clash := sorted(promised.keys() & stage.environment.keys()):
        raise Refusal(
            f"In .chalice/config.json the stage {stage.name} sets {', '.join(clash)}, which"
            " `make deploy` takes from the stack. Remove them there; or, if `make resources` wrote"
            f" them, go on with: chalice deploy --stage {stage.name}"
        )
    return promised


def merged(under: Any, over: Any) -> Any:
    """Objects are merged member by member; of anything else `over` replaces `under`."""
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return copy.deepcopy(over)
    return {
        **under,
        **{
            name: merged(under[name], value) if name in under else copy.deepcopy(value)
            for name, value in over.items()
        },
    }


def static(stage: Stage, value: Any) -> str:
    """The text that a name in the template comes to, but for the account and the region."""
    text: str = value["Fn::Sub"] if isinstance(value, dict) else value
    return text.replace("${App}", stage.app).replace("${Stage}", stage.name)


def at_stage(endpoint: str, api_stage: str) -> str:
    """Chalice names the WebSocket API's stage as the REST API's: api_gateway_stage."""
    return f"{endpoint.rpartition('/')[0]}/{api_stage}"


def _complete(stage: Stage, template: Template, logical_id: str, queues: dict[str, str]) -> None:
    """Gives a function its name, role, log group and the queue that it really waits for."""
    resources, name = template["Resources"], _chalice_name(logical_id)
    function = resources[logical_id]["Properties"]
    statements = read_policy(name)["Statement"]
    if function.get("Tracing") == "Active":  # "xray": true in config.json
        statements = [*statements, TRACING]
        resources["RestAPI"]["Properties"]["TracingEnabled"] = True  # a trace begins there
    role, log_group = f"{logical_id}Role", f"{logical_id}LogGroup"
    resources[role] = _role([one for one in in_template(statements) if is_present(one, template)])
    resources[log_group] = _log_group(stage, name, resources)
    resources[logical_id]["DependsOn"] = [log_group]
    function["FunctionName"] = stage.function(name)
    resources |= function_alarms(logical_id, stage.function(name))
    function["Role"] = {"Fn::GetAtt": [role, "Arn"]}
    if (reserved := function.get("ReservedConcurrentExecutions")) is not None:
        function["ReservedConcurrentExecutions"] = {
            "Fn::If": ["Reserves", reserved, {"Ref": "AWS::NoValue"}]
        }
    for event in function.get("Events", {}).values():
        if event["Type"] == "SQS":
            _attach(event["Properties"], queues, reserved, name)


def _shown(stage: Stage, template: Template, queues: dict[str, str]) -> Shown:
    names = functions(template).values()
    return Shown(
        api=stage.stack,
        table=stage.table,
        indexes=[
            index["IndexName"]
            for index in template["Resources"]["JobsTable"]["Properties"]["GlobalSecondaryIndexes"]
        ],
        functions={name: stage.function(name) for name in names},
        queues={queue.removeprefix(f"{stage.stack}-"): queue for queue in queues},
        alarms=[
            static(stage, resource["Properties"]["AlarmName"])
            for resource in template["Resources"].values()
            if resource["Type"] == "AWS::CloudWatch::Alarm"
        ],
    )


def _role(statements: list[Any]) -> dict[str, Any]:
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "lambda.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            },
            "Policies": [
                {
                    "PolicyName": "own",
                    "PolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": statements,
                    },
                }
            ],
        },
    }


def _log_group(stage: Stage, name: str, resources: dict[str, Any]) -> dict[str, Any]:
    """In place of Chalice's: that of the API handler refers to a function there is not, and all
    come after their function, which cannot log until they are there."""
    generated = resources.pop("".join(map(str.capitalize, name.split("_"))) + "LogGroup", None)
    if generated is None:
        raise Refusal(
            f"Say how long the logs of {name} are kept: log_retention_in_days in"
            " .chalice/config.json."
        )
    return {
        "Type": "AWS::Logs::LogGroup",
        "Properties": {
            "LogGroupName": f"/aws/lambda/{stage.function(name)}",
            "RetentionInDays": generated["Properties"]["RetentionInDays"],
        },
    }


def _attach(
    source: dict[str, Any], queues: dict[str, str], reserved: int | None, function: str
) -> None:
    """Chalice writes the queue's ARN as text: as a reference it also waits for the queue."""
    name = source["Queue"]["Fn::Sub"].rpartition(":")[2]
    if name in queues:
        source["Queue"] = {"Fn::GetAtt": [queues[name], "Arn"]}
    if reserved is None:
        return
    if reserved < LEAST_CONCURRENCY:
        raise Refusal(
            f"{function} has a reserved_concurrency of {reserved} in .chalice/config.json, and its"
            f" queue starts {LEAST_CONCURRENCY} at once at least: raise it, or leave it out."
        )
    # without it Lambda receives more messages than it may run, and the rest wears out
    most = {"Fn::If": ["Reserves", min(reserved, MOST_CONCURRENCY), LEAST_CONCURRENCY]}
    source.setdefault("ScalingConfig", {"MaximumConcurrency": most})


def _tell_public_url(template: Template, logical_id: str) -> None:
    """What links begin with, for whoever answers no request; a stage may set its own domain."""
    function = template["Resources"][logical_id]["Properties"]
    variables = function.setdefault("Environment", {}).setdefault("Variables", {})
    variables.setdefault("PUBLIC_URL", template["Outputs"]["EndpointURL"]["Value"])


def _chalice_name(logical_id: str) -> str:
    """APIHandler: api_handler."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", logical_id)
    return words.lower()


def _promise(stage: Stage, template: Template, value: Any) -> str:
    match value:
        case {"Ref": "Stage"}:
            return stage.name
        case {"Ref": str(resource)}:
            properties = template["Resources"].get(resource, {}).get("Properties", {})
            named = [properties[name] for name in NAMES if name in properties]
            return PLACEHOLDER.sub("x", static(stage, named[0])) if named else resource.lower()
        case {"Fn::Sub": str(text)}:
            return PLACEHOLDER.sub("x", text)
        case _:
            return str(value)
