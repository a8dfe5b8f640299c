"""The alarms that every function has alike; those of what is not a function are in
.chalice/resources.json and .chalice/stack.json."""

from __future__ import annotations

from typing import Any

TELL = {"Fn::If": ["SomebodyIsTold", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]}
# It refuses by raising, so that any stranger makes it err. Where it really fails the API answers
# 503, on which there is an alarm.
AUTHORIZER = "Authorize"


def function_alarms(logical_id: str, function: str) -> dict[str, Any]:
    """`function` is its full name: overtime-dev-sweep."""
    alarms = {
        f"{logical_id}ThrottlesAlarm": _alarm(
            logical_id,
            f"{function}-throttles",
            "Lambda turns invocations away: the function has less concurrency than it needs.",
            "Throttles",
            10,
        ),
    }
    if logical_id != AUTHORIZER:
        alarms[f"{logical_id}ErrorsAlarm"] = _alarm(
            logical_id,
            f"{function}-errors",
            "Invocations raise, time out, crash or run out of memory: its log says which.",
            "Errors",
            3,
        )
    return alarms


def _alarm(
    logical_id: str, name: str, description: str, metric: str, threshold: int
) -> dict[str, Any]:
    """So many in five minutes."""
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": name,
            "AlarmDescription": f"{description} docs/operating.md",
            "Namespace": "AWS/Lambda",
            "MetricName": metric,
            "Dimensions": [{"Name": "FunctionName", "Value": {"Ref": logical_id}}],
            "Statistic": "Sum",
            "Period": 300,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "Threshold": threshold,
            "TreatMissingData": "notBreaching",
            "AlarmActions": TELL,
        },
    }
