"""The stage's dashboard in CloudWatch: made of what the template has, so that a new lane or
function is on it by itself. Its form: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.telemetry.metrics import NAMESPACE, Metric
from ops.cli.stage import Stage
from ops.template.declared import Template, static
from ops.template.functions import functions, queue_names

WIDTH, HEIGHT, ACROSS = 8, 6, 3  # of a widget in a grid 24 wide
ENDS = ("succeeded", "failed", "canceled")
PERCENTILES = ("p50", "p95", "p99")

Line = list[Any]
Widget = dict[str, Any]


@dataclass(frozen=True)
class Shown:
    """Names, each as AWS knows it; our own metrics go by the API's. `functions` and `queues` are
    by the labels that they bear."""

    api: str
    table: str
    indexes: Sequence[str]
    functions: Mapping[str, str]
    queues: Mapping[str, str]
    alarms: Sequence[str]


def with_dashboard(stage: Stage, template: Template) -> Template:
    """A pass, after all that adds what is shown."""
    resources = template["Resources"]
    shown = Shown(
        api=stage.stack,
        table=stage.table,
        indexes=[
            index["IndexName"]
            for index in resources["JobsTable"]["Properties"]["GlobalSecondaryIndexes"]
        ],
        functions={name: stage.function(name) for name in functions(template).values()},
        queues={
            name.removeprefix(f"{stage.stack}-"): name for _, name in queue_names(stage, template)
        },
        alarms=[
            static(stage, one["Properties"]["AlarmName"])
            for one in resources.values()
            if one["Type"] == "AWS::CloudWatch::Alarm"
        ],
    )
    dashboard = {
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {
            "DashboardName": shown.api,
            "DashboardBody": {"Fn::Sub": json.dumps(body(shown))},
        },
    }
    return {**template, "Resources": {**resources, "Dashboard": dashboard}}


def body(shown: Shown) -> dict[str, Any]:
    alarms = {
        "type": "alarm",
        **_place(0, 0, 3 * WIDTH, 4),
        "properties": {
            "title": "Alarms",
            "alarms": [
                "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:" + name
                for name in shown.alarms
            ],
        },
    }
    metrics = [*_jobs(shown), *_queues(shown), *_functions(shown), *_api(shown), *_table(shown)]
    for number, widget in enumerate(metrics):
        row, column = divmod(number, ACROSS)
        widget |= _place(column * WIDTH, 4 + row * HEIGHT, WIDTH, HEIGHT)
    return {"widgets": [alarms, *metrics]}


def _jobs(shown: Shown) -> list[Widget]:
    def own(metric: Metric, label: str, stat: str = "Sum", **more: Any) -> Line:
        return _line(NAMESPACE, metric, "stage", shown.api, label, stat=stat, **more)

    def ended(status: str) -> Line:
        found = (
            f'SEARCH(\'{{{NAMESPACE},stage,task,status}} MetricName="{Metric.FINISHED}"'
            f' stage="{shown.api}" status="{status}"\', \'Sum\', 300)'
        )
        return [{"expression": f"SUM({found})", "label": status, "id": status}]

    by_task = (
        f'SEARCH(\'{{{NAMESPACE},stage,task}} MetricName="{Metric.RUN_SECONDS}"'
        f" stage=\"{shown.api}\"', 'p95', 300)"
    )
    return [
        _widget(
            "Jobs submitted, and finished by status",
            [own(Metric.SUBMITTED, "submitted"), *map(ended, ENDS)],
        ),
        _widget(
            "Wait from submit (or run_at) to the first claim, seconds",
            [own(Metric.WAIT_SECONDS, percentile, percentile) for percentile in PERCENTILES],
        ),
        _widget(
            "Runs, seconds",
            [own(Metric.RUN_SECONDS, percentile, percentile) for percentile in PERCENTILES],
        ),
        _widget("Runs by task, seconds, p95", [[{"expression": by_task, "id": "tasks"}]]),
        _widget(
            "How late the oldest due job is, seconds; visits of the sweeper",
            [
                own(Metric.OLDEST_DUE_SECONDS, "oldest due", "Maximum"),
                own(Metric.SWEEP_VISITS, "visits", yAxis="right"),
            ],
        ),
        _widget(
            "Rescues, leases lost, failures of AWS; attempts a job",
            [
                own(Metric.RESCUED, "rescued"),
                own(Metric.LEASE_LOST, "leases lost"),
                own(Metric.AWS_FAILURES, "failures of AWS"),
                own(Metric.ATTEMPTS, "attempts, mean", "Average", yAxis="right"),
            ],
        ),
        _widget(
            "Changes told to subscribers, and not told",
            [own(Metric.PUSHES, "told"), own(Metric.PUSH_FAILURES, "not told")],
        ),
    ]


def _queues(shown: Shown) -> list[Widget]:
    def lines(metric: str, dead: bool = False) -> list[Line]:
        return [
            _line("AWS/SQS", metric, "QueueName", name, label, stat="Maximum", period=60)
            for label, name in shown.queues.items()
            if label.endswith("-dead") is dead
        ]

    visible = "ApproximateNumberOfMessagesVisible"
    return [
        _widget("Queues: messages waiting", lines(visible)),
        _widget(
            "Queues: age of the oldest message, seconds", lines("ApproximateAgeOfOldestMessage")
        ),
        _widget("Dead letters", lines(visible, dead=True)),
    ]


def _functions(shown: Shown) -> list[Widget]:
    def lines(metric: str, stat: str) -> list[Line]:
        return [
            _line("AWS/Lambda", metric, "FunctionName", name, label, stat=stat)
            for label, name in shown.functions.items()
        ]

    return [
        _widget("Functions: errors and timeouts", lines("Errors", "Sum")),
        _widget("Functions: invocations turned away", lines("Throttles", "Sum")),
        _widget("Functions: running at once", lines("ConcurrentExecutions", "Maximum")),
    ]


def _api(shown: Shown) -> list[Widget]:
    def line(metric: str, label: str, stat: str = "Sum") -> Line:
        return _line("AWS/ApiGateway", metric, "ApiName", shown.api, label, stat=stat)

    counts = (("Count", "requests"), ("4XXError", "4xx"), ("5XXError", "5xx"))
    return [
        _widget("API: requests and errors", [line(*count) for count in counts]),
        _widget(
            "API: latency, ms (a request that is held counts in full)",
            [line("Latency", percentile, percentile) for percentile in PERCENTILES],
        ),
    ]


def _table(shown: Shown) -> list[Widget]:
    shows: tuple[tuple[str, str, dict[str, str]], ...] = (
        ("ConsumedReadCapacityUnits", "read", {}),
        ("ConsumedWriteCapacityUnits", "written", {}),
        ("ReadThrottleEvents", "reads turned away", {"yAxis": "right"}),
        ("WriteThrottleEvents", "writes turned away", {"yAxis": "right"}),
    )
    lines = [
        _line("AWS/DynamoDB", metric, "TableName", shown.table, label, stat="Sum", **more)
        for metric, label, more in shows
    ]
    of_indexes = [
        [
            *("AWS/DynamoDB", "WriteThrottleEvents", "TableName", shown.table),
            *("GlobalSecondaryIndexName", index),
            {"label": f"writes turned away by {index}", "stat": "Sum", "yAxis": "right"},
        ]
        for index in shown.indexes
    ]
    title = "Table: capacity units consumed; requests turned away"
    return [_widget(title, [*lines, *of_indexes])]


def _line(namespace: str, metric: str, dimension: str, value: str, label: str, **more: Any) -> Line:
    return [namespace, str(metric), dimension, value, {"label": label, **more}]


def _widget(title: str, metrics: list[Line]) -> Widget:
    properties = {"title": title, "region": "${AWS::Region}", "period": 300, "metrics": metrics}
    return {"type": "metric", "properties": properties}


def _place(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "width": width, "height": height}
