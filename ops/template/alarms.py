"""The alarms that follow from what a template has: of every function, of the API's reserve, of the
table and its indexes. All others are in .chalice (resources.json, lane.json and stack.json)."""

from __future__ import annotations

from typing import Any

from ops.cli.stage import Stage
from ops.template.declared import Template, merged

TELL = {"Fn::If": ["SomebodyIsTold", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]}
# It refuses by raising, so that any stranger makes it err. Where it really fails the API answers
# 503, on which there is an alarm.
AUTHORIZER = "Authorize"
API = "APIHandler"
NEAR = 0.8  # of a reserve
SMALLEST_QUOTA = 10  # concurrent invocations of a new account, which can reserve none


def function_alarms(logical_id: str, function: str) -> dict[str, Any]:
    """`function` is its full name: overtime-dev-sweep."""
    alarms = {
        f"{logical_id}ThrottlesAlarm": _of_function(
            logical_id,
            f"{function}-throttles",
            "Lambda turns invocations away: the function has less concurrency than it needs.",
            "Throttles",
            10,
        ),
    }
    if logical_id != AUTHORIZER:
        alarms[f"{logical_id}ErrorsAlarm"] = _of_function(
            logical_id,
            f"{function}-errors",
            "Invocations raise, time out, crash or run out of memory: its log says which.",
            "Errors",
            3,
        )
    return alarms


def with_alarm_on_the_reserve(stage: Stage, template: Template) -> Template:
    """Requests that are held count as long as they are held. A pass before `reserving`."""
    api = template["Resources"].get(API, {}).get("Properties", {})
    if (reserved := api.get("ReservedConcurrentExecutions")) is None:
        return template
    alarm = _alarm(
        f"{stage.stack}-api-concurrency",
        "Requests, held ones above all, take up most of the concurrency that the API has: soon it"
        " answers 503. Raise its reserved_concurrency.",
        {"Fn::If": ["Reserves", int(reserved * NEAR), int(SMALLEST_QUOTA * NEAR)]},
        **_metric(API, "ConcurrentExecutions", "Maximum", 60),
        EvaluationPeriods=3,
    )
    return {**template, "Resources": {**template["Resources"], "ApiConcurrencyAlarm": alarm}}


def with_table_alarms(stage: Stage, template: Template) -> Template:
    """One for the table and one for each index: no metric exists before it first counts, and in a
    sum one that does not exist leaves nothing of the others."""
    indexes = template["Resources"]["JobsTable"]["Properties"]["GlobalSecondaryIndexes"]
    for name in ("table", *(index["IndexName"] for index in indexes)):
        of_index = [{"Name": "GlobalSecondaryIndexName", "Value": name}] if name != "table" else []
        metric = {
            "Namespace": "AWS/DynamoDB",
            "MetricName": "WriteThrottleEvents",
            "Dimensions": [{"Name": "TableName", "Value": {"Ref": "JobsTable"}}, *of_index],
        }
        counted = {"Metric": metric, "Period": 300, "Stat": "Sum"}
        alarm = _alarm(
            f"{stage.stack}-{name}-throttles",
            f"DynamoDB turns writes to the {name} away: a partition gets more than its 1,000 a"
            " second.",
            10,
            # an alarm on DynamoDB's metrics stays as it was while there is no data
            Metrics=[
                {"Id": "filled", "Label": "writes turned away", "Expression": "FILL(counted, 0)"},
                {"Id": "counted", "ReturnData": False, "MetricStat": counted},
            ],
        )
        more = {f"{name.capitalize()}ThrottlesAlarm": alarm}
        template = merged(template, {"Resources": more})
    return template


def _of_function(
    logical_id: str, name: str, description: str, metric: str, threshold: int
) -> dict[str, Any]:
    """So many in five minutes."""
    return _alarm(name, description, threshold, **_metric(logical_id, metric, "Sum", 300))


def _metric(logical_id: str, metric: str, statistic: str, period: int) -> dict[str, Any]:
    return {
        "Namespace": "AWS/Lambda",
        "MetricName": metric,
        "Dimensions": [{"Name": "FunctionName", "Value": {"Ref": logical_id}}],
        "Statistic": statistic,
        "Period": period,
    }


def _alarm(name: str, description: str, threshold: Any, **more: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": name,
            "AlarmDescription": f"{description} docs/operating.md",
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "Threshold": threshold,
            "EvaluationPeriods": 1,
            "TreatMissingData": "notBreaching",
            "AlarmActions": TELL,
            **more,
        },
    }
