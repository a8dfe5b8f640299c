"""What each function gets alike: a name, a role with its own policy, a log group, alarms, what
starts it. Each a pass of compose.py, whichever functions app.py has."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

from ops.cli.stage import Refusal, Stage
from ops.template.alarms import function_alarms
from ops.template.declared import Template, is_present, merged, referred_to, static
from ops.template.policies import in_template, read_policy, worker_names

FUNCTION = "AWS::Serverless::Function"
LEAST_CONCURRENCY, MOST_CONCURRENCY = 2, 1_000  # MaximumConcurrency of a queue's trigger
LOOPS = "Allow"  # of Lambda's recursive loop detection
NOTHING = {"Ref": "AWS::NoValue"}
VERSION = "2012-10-17"  # of the policy language
TRACING = {
    "Sid": "Tracing",
    "Effect": "Allow",
    "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
    "Resource": "*",  # X-Ray knows no narrower one
}


def functions(template: Template) -> dict[str, str]:
    """Chalice's names of the Lambda functions, by their logical ids."""
    return {
        logical_id: _chalice_name(logical_id)
        for logical_id, resource in template["Resources"].items()
        if resource.get("Type") == FUNCTION
    }


def named(stage: Stage, template: Template) -> Template:
    names = functions(template).items()
    return _with(template, {one: {"FunctionName": stage.function(name)} for one, name in names})


def looping(stage: Stage, template: Template) -> Template:
    """A worker sends to the queue that starts it: so a long job continues, and a failed one is
    tried again. Lambda stops such a chain after 16 invocations unless the function allows it. Here
    every chain ends, by the job's attempts or its deadline."""
    workers = [one for one, name in functions(template).items() if name in worker_names()]
    return _with(template, {one: {"RecursiveLoop": LOOPS} for one in workers})


def with_roles(stage: Stage, template: Template) -> Template:
    roles, used = {}, {}
    for logical_id, name in functions(template).items():
        statements = in_template(read_policy(name)["Statement"])
        if template["Resources"][logical_id]["Properties"].get("Tracing") == "Active":
            statements.append(TRACING)
        roles[f"{logical_id}Role"] = _role([one for one in statements if is_present(one, template)])
        used[logical_id] = {"Role": {"Fn::GetAtt": [f"{logical_id}Role", "Arn"]}}
    return _with(merged(template, {"Resources": roles}), used)


def traced(stage: Stage, template: Template) -> Template:
    """A trace of a function begins at the API."""
    active = any(
        template["Resources"][one]["Properties"].get("Tracing") == "Active"  # "xray": true
        for one in functions(template)
    )
    return _with(template, {"RestAPI": {"TracingEnabled": True}}) if active else template


def with_log_groups(stage: Stage, template: Template) -> Template:
    """In place of Chalice's: that of the API handler refers to a function there is not, and all
    come after their function, which cannot log until they are there."""
    resources = dict(template["Resources"])
    for logical_id, name in functions(template).items():
        generated = resources.pop("".join(map(str.capitalize, name.split("_"))) + "LogGroup", None)
        if generated is None:
            raise Refusal(
                f"Say how long the logs of {name} are kept: log_retention_in_days in"
                " .chalice/config.json."
            )
        group, days = f"{logical_id}LogGroup", generated["Properties"]["RetentionInDays"]
        resources[group] = {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {
                "LogGroupName": f"/aws/lambda/{stage.function(name)}",
                "RetentionInDays": days,
            },
        }
        resources[logical_id] = {**resources[logical_id], "DependsOn": [group]}
    return {**template, "Resources": resources}


def with_alarms(stage: Stage, template: Template) -> Template:
    for logical_id, name in functions(template).items():
        alarms = function_alarms(logical_id, stage.function(name))
        template = merged(template, {"Resources": alarms})
    return template


def started_by_queues(stage: Stage, template: Template) -> Template:
    """Chalice writes a queue's ARN as text: as a reference the trigger also waits for the queue."""
    template = copy.deepcopy(template)
    queues = {name: logical_id for logical_id, name in queue_names(stage, template)}
    for logical_id, name in functions(template).items():
        function = template["Resources"][logical_id]["Properties"]
        for event in function.get("Events", {}).values():
            if event["Type"] != "SQS":
                continue
            source, reserved = event["Properties"], function.get("ReservedConcurrentExecutions")
            queue = source["Queue"]["Fn::Sub"].rpartition(":")[2]
            if queue in queues:
                source["Queue"] = {"Fn::GetAtt": [queues[queue], "Arn"]}
            if reserved is not None:
                # without it Lambda receives more messages than it may run, and the rest wears out
                most = {"Fn::If": ["Reserves", most_at_once(name, reserved), LEAST_CONCURRENCY]}
                source.setdefault("ScalingConfig", {"MaximumConcurrency": most})
    return template


def queue_names(stage: Stage, template: Template) -> Iterator[tuple[str, str]]:
    """Logical ids and names."""
    for logical_id, resource in template["Resources"].items():
        if resource.get("Type") == "AWS::SQS::Queue":
            yield logical_id, static(stage, resource["Properties"]["QueueName"])


def most_at_once(function: str, reserved: int) -> int:
    """How many invocations a queue may start. Raises Refusal where it always starts more."""
    if reserved < LEAST_CONCURRENCY:
        raise Refusal(
            f"{function} has a reserved_concurrency of {reserved} in .chalice/config.json, and its"
            f" queue starts {LEAST_CONCURRENCY} at once at least: raise it, or leave it out."
        )
    return min(reserved, MOST_CONCURRENCY)


def reserving(stage: Stage, template: Template) -> Template:
    """Only where the stage's parameter says so. After `started_by_queues`, which reads numbers."""
    reserved = {
        one: template["Resources"][one]["Properties"].get("ReservedConcurrentExecutions")
        for one in functions(template)
    }
    return _with(
        template,
        {
            one: {"ReservedConcurrentExecutions": {"Fn::If": ["Reserves", number, NOTHING]}}
            for one, number in reserved.items()
            if number is not None
        },
    )


def told_the_public_url(stage: Stage, template: Template) -> Template:
    """What links begin with, for functions that answer no request; a stage may set its own domain.
    The API waits for those that do, which cannot wait for the API in turn."""
    serving = referred_to(template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"])
    url = template["Outputs"]["EndpointURL"]["Value"]
    resources = template["Resources"]
    return _with(
        template,
        {
            one: {"Environment": {"Variables": {"PUBLIC_URL": url}}}
            for one in functions(template)
            if one not in serving
            and "PUBLIC_URL"
            not in resources[one]["Properties"].get("Environment", {}).get("Variables", {})
        },
    )


def _with(template: Template, properties: dict[str, Any]) -> Template:
    """With more properties of resources, by their logical ids."""
    more = {name: {"Properties": one} for name, one in properties.items()}
    return merged(template, {"Resources": more})  # type: ignore[no-any-return]


def _role(statements: list[Any]) -> dict[str, Any]:
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    policy = {"Version": VERSION, "Statement": statements}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": VERSION, "Statement": [trust]},
            "Policies": [{"PolicyName": "own", "PolicyDocument": policy}],
        },
    }


def _chalice_name(logical_id: str) -> str:
    """APIHandler: api_handler."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", logical_id)
    return words.lower()
