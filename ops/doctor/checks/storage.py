"""Are all resources as the template declares them, and are payloads kept for long enough?

CloudFormation's drift detection compares the template with the resources. The other files check
what it does not compare: triggers, policies attached to roles by hand, and the functions and API
of `chalice deploy`, which are in no stack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ops.doctor.findings import Finding, doubtful, fine, wrong
from ops.stack.stack import DATA

LONGEST_SCHEDULE_DAYS = 30  # run_at: service/submit.py
TEMPLATE = "Put it back into .chalice/resources.json and deploy."
GUARDED = (*DATA, "AWS::S3::BucketPolicy")


def drift_from_the_template(drift: list[dict[str, Any]]) -> Iterator[Finding]:
    for one in drift:
        name, kind = one["PhysicalResourceId"], one["ResourceType"]
        if one["StackResourceDriftStatus"] == "DELETED":
            yield wrong(
                f"{name} was deleted ({kind})",
                f"Restore it, or rename {one['LogicalResourceId']} in the template and deploy:"
                " CloudFormation does not know that it is missing.",
            )
        for difference in one.get("PropertyDifferences", []):
            judge = wrong if kind in GUARDED else doubtful
            yield judge(
                f"{difference['PropertyPath'].lstrip('/')} of {name} ({kind}) is"
                f" {difference['ActualValue']}; the template says {difference['ExpectedValue']}",
                "Change it back by hand, or write it into the template and deploy.",
            )
    if not drift:
        yield fine("all resources are as the template declares them")


def payloads_last(lifecycle: Mapping[str, int], retention_days: int) -> Iterator[Finding]:
    """A job may need today's upload in 30 days, and its result is kept for the retention after
    that."""
    needed = retention_days + LONGEST_SCHEDULE_DAYS
    for prefix in ("jobs/", "uploads/"):
        days = lifecycle.get(prefix)
        if days is None:
            yield doubtful(f"{prefix} has no lifecycle: orphaned objects stay for ever", TEMPLATE)
        elif days < needed:
            yield wrong(
                f"{prefix} is deleted after {days} days; jobs refer to it for up to {needed}",
                f"Set ExpirationInDays to {needed + 5} in .chalice/resources.json, or lower"
                " RETENTION_DAYS; then deploy.",
            )
        else:
            yield fine(f"{prefix} is kept for {days} days; jobs need {needed}")
