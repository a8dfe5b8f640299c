"""All metrics, and how a log line contains them: in CloudWatch's embedded metric format
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
CloudWatch Logs extracts the values from the lines, so that a metric costs no call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import groupby
from typing import Any

NAMESPACE = "Overtime"


class Metric(StrEnum):
    """Metrics that end in Seconds are in seconds, all others are counts."""

    SUBMITTED = "Submitted"
    WAIT_SECONDS = "WaitSeconds"
    RUN_SECONDS = "RunSeconds"
    FINISHED = "Finished"
    ATTEMPTS = "Attempts"
    RESCUED = "Rescued"
    LEASE_LOST = "LeaseLost"
    OLDEST_DUE_SECONDS = "OldestDueSeconds"
    SWEEP_VISITS = "SweepVisits"
    AWS_FAILURES = "AwsFailures"
    PUSHES = "Pushes"
    PUSH_FAILURES = "PushFailures"

    @property
    def unit(self) -> str:
        return "Seconds" if self.endswith("Seconds") else "Count"


BY: Mapping[Metric, tuple[str, ...]] = {
    Metric.SUBMITTED: ("task",),
    Metric.WAIT_SECONDS: ("task",),
    Metric.RUN_SECONDS: ("task",),
    Metric.FINISHED: ("task", "status"),
    Metric.ATTEMPTS: ("task",),
    Metric.RESCUED: ("task",),
    Metric.LEASE_LOST: ("task",),
    Metric.OLDEST_DUE_SECONDS: (),
    Metric.SWEEP_VISITS: (),
    Metric.AWS_FAILURES: ("edge",),
    Metric.PUSHES: (),
    Metric.PUSH_FAILURES: (),
}
"""The dimensions of each metric besides the stage: fields of its log line. CloudWatch bills each
combination of values, so there are few, and owners and jobs are not among them."""


def embedded(
    metrics: Mapping[Metric, float], line: Mapping[str, Any], stage: str, at: int
) -> dict[str, Any]:
    """What a line needs besides its fields. `at` is in epoch milliseconds, `stage` is unique in the
    account: overtime-dev.

    A metric is summed up for the stage, then for each further field in the order of `BY` that the
    line has: stage; stage and task; stage, task and status.
    """
    directives = [
        {
            "Namespace": NAMESPACE,
            "Dimensions": _dimensions(by, line),
            "Metrics": [{"Name": metric, "Unit": metric.unit} for metric in group],
        }
        for by, group in groupby(sorted(metrics, key=BY.__getitem__), key=BY.__getitem__)
    ]
    return {
        "stage": stage,
        **{str(metric): value for metric, value in metrics.items()},
        "_aws": {"Timestamp": at, "CloudWatchMetrics": directives},
    }


def _dimensions(by: Sequence[str], line: Mapping[str, Any]) -> list[list[str]]:
    sets = [["stage"]]
    for name in by:
        if name not in line:
            break
        sets.append([*sets[-1], name])
    return sets
