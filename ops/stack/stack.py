"""A CloudFormation stack: what a change would do, doing it, and how it went."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from ops.cli.stage import Refusal, Stage

DATA = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue")
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]  # roles; SAM's transform
COMPLETE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
CHANGE_SET_SECONDS = 300
UNCHANGED = re.compile("didn't contain changes|No updates are to be performed")
DETECTING, DRIFTED = "DETECTION_IN_PROGRESS", ["MODIFIED", "DELETED"]
CONSEQUENCE = "cancelled"  # as CloudFormation words it, of what was stopped by another's failure

Pause = Callable[[float], None]


@dataclass(frozen=True)
class Change:
    """One resource that a change set adds, modifies, imports or removes."""

    action: str
    name: str
    kind: str
    replacement: str

    @property
    def endangers_data(self) -> bool:
        return self.kind in DATA and (
            self.action == "Remove" or self.replacement in ("True", "Conditional")
        )

    def __str__(self) -> str:
        how = {"True": "  replaced", "Conditional": "  perhaps replaced"}.get(self.replacement, "")
        return f"  {self.action:<7} {self.kind:<36} {self.name}{how}"


@dataclass(frozen=True)
class ChangeSet:
    arn: str
    changes: tuple[Change, ...]


class Stack:
    def __init__(self, stage: Stage, name: str, pause: Pause = time.sleep) -> None:
        self.client = stage.client("cloudformation")
        self.name = name
        self.pause = pause

    @property
    def status(self) -> str | None:
        """None where there is no such stack."""
        found = self._describe()
        return found["StackStatus"] if found else None

    @property
    def is_new(self) -> bool:
        """It does not exist, or has only a change set that was never carried out."""
        return self.status in (None, "REVIEW_IN_PROGRESS")

    @property
    def outputs(self) -> dict[str, str]:
        outputs = (self._describe() or {}).get("Outputs", [])
        return {one["OutputKey"]: one["OutputValue"] for one in outputs}

    @property
    def resources(self) -> dict[str, str]:
        """What each is called on AWS, by the template's name for it: a queue's URL, for one."""
        pages = self.client.get_paginator("list_stack_resources").paginate(StackName=self.name)
        found = [one for page in pages for one in page["StackResourceSummaries"]]
        return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}

    def _describe(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self.client.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return found

    def clear_the_way(self) -> None:
        """Deletes a stack whose first creation failed. Raises Refusal for one that is being
        changed, or whose rollback failed: an operator has to look at it first."""
        status = self.status
        failed = status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED")
        if failed or (status == "IMPORT_ROLLBACK_COMPLETE" and not self.resources):
            print(f"{self.name} is {status} after a failed creation: it is created again.")
            self.delete()
        elif status == "IMPORT_ROLLBACK_FAILED":
            raise Refusal(
                f"{self.name} is {status}: the import of an earlier stage's data failed, and so did"
                " its rollback. Fix what its events name, then `aws cloudformation delete-stack"
                f" --stack-name {self.name}` (table and bucket stay), and deploy again."
            )
        elif status == "UPDATE_ROLLBACK_FAILED":
            raise Refusal(
                f"{self.name} is {status}: its rollback failed. Fix what its events name, then"
                f" `aws cloudformation continue-update-rollback --stack-name {self.name}`."
            )
        elif status and status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            raise Refusal(f"{self.name} is {status}: another change is running. Try again later.")

    def propose(self, parameters: Mapping[str, str], **arguments: Any) -> ChangeSet | None:
        """What would change; None if nothing. `arguments` are TemplateURL or TemplateBody, and
        ResourcesToImport where the change is to take over what exists."""
        kind = "CREATE" if self.is_new else "UPDATE"
        try:
            arn = self.client.create_change_set(
                StackName=self.name,
                ChangeSetName=f"deploy-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}",
                ChangeSetType="IMPORT" if "ResourcesToImport" in arguments else kind,
                Capabilities=CAPABILITIES,
                Parameters=[
                    {"ParameterKey": name, "ParameterValue": value}
                    for name, value in parameters.items()
                ],
                **arguments,
            )["Id"]
        except ClientError as error:
            if UNCHANGED.search(str(error)):
                return None
            raise
        deadline = time.monotonic() + CHANGE_SET_SECONDS
        while time.monotonic() < deadline:
            found = self.client.describe_change_set(ChangeSetName=arn)
            if found["Status"] == "CREATE_COMPLETE":
                return ChangeSet(arn, tuple(self._changes(arn)))
            if found["Status"] == "FAILED":
                reason = found.get("StatusReason", "")
                details = self._details(reason, ChangeSetName=arn)
                self.withdraw(ChangeSet(arn, ()))
                if UNCHANGED.search(reason):
                    return None
                raise Refusal(f"CloudFormation does not take the template: {reason}{details}")
            self.pause(0.5)
        raise Refusal(f"The change set of {self.name} is not ready: {arn}")

    def _changes(self, arn: str) -> list[Change]:
        pages = self.client.get_paginator("describe_change_set").paginate(ChangeSetName=arn)
        return [
            Change(
                one["Action"],
                one["LogicalResourceId"],
                one["ResourceType"],
                one.get("Replacement", ""),
            )
            for page in pages
            for one in (change["ResourceChange"] for change in page["Changes"])
        ]

    def withdraw(self, proposed: ChangeSet) -> None:
        """Forgets a change set, and the empty stack that one for a new stack makes."""
        self.client.delete_change_set(ChangeSetName=proposed.arn)
        if self.status == "REVIEW_IN_PROGRESS":
            self.client.delete_stack(StackName=self.name)

    def carry_out(self, proposed: ChangeSet) -> None:
        """Prints what happens as it does. Raises Refusal, with the reasons, when CloudFormation
        has rolled it back."""
        last = self._newest_event(self.name)
        self.client.execute_change_set(ChangeSetName=proposed.arn)
        status, failures = self._follow(self.name, last)
        if status not in COMPLETE:
            reasons = _reasons(failures)
            details = self._details(reasons, StackName=self.name)
            raise Refusal(f"{self.name} is {status}, because of:\n{reasons}{details}")

    def drift(self) -> list[dict[str, Any]]:
        """The resources that are not as the template sets them, as CloudFormation describes them
        after a comparison of its own. On AWS that takes up to some minutes."""
        detection = self.client.detect_stack_drift(StackName=self.name)["StackDriftDetectionId"]
        status = self.client.describe_stack_drift_detection_status
        while status(StackDriftDetectionId=detection)["DetectionStatus"] == DETECTING:
            self.pause(1)
        asked: dict[str, Any] = {"StackName": self.name, "StackResourceDriftStatusFilters": DRIFTED}
        found: list[dict[str, Any]] = []
        while True:
            page = self.client.describe_stack_resource_drifts(**asked)
            found += page["StackResourceDrifts"]
            if not page.get("NextToken"):
                return found
            asked["NextToken"] = page["NextToken"]

    def delete(self) -> None:
        """Raises Refusal with the reasons where something could not be deleted."""
        found = self._describe()
        if found is None:
            return
        arn = found["StackId"]  # by its name a deleted stack has no events
        last = self._newest_event(arn)
        self.client.delete_stack(StackName=self.name)
        status, failures = self._follow(arn, last)
        if status != "DELETE_COMPLETE":
            raise Refusal(f"{self.name} is {status}, because of:\n{_reasons(failures)}")

    def _follow(self, stack: str, last: str | None) -> tuple[str, list[dict[str, Any]]]:
        """The status in the end, and the events of what failed; `last` is the event before."""
        began, failures, told = time.monotonic(), list[dict[str, Any]](), None
        while True:
            # looked at before the events, so that none of the last ones is missed
            status: str = self.client.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
            for event in reversed(self._events_after(stack, last)):
                last, outcome = event["EventId"], event["ResourceStatus"]
                if event["PhysicalResourceId"] == event["StackId"]:
                    told = outcome
                if outcome.endswith("_FAILED"):
                    failures.append(event)
                if not outcome.endswith("_IN_PROGRESS"):
                    seconds = time.monotonic() - began
                    print(f"{seconds:5.0f} s  {outcome:<22} {event['LogicalResourceId']}")
            # no event tells the status that it had before this began
            if status == told and not status.endswith("_IN_PROGRESS"):
                return status, failures
            self.pause(1)

    def _details(self, reason: str, **where: str) -> str:
        """What CloudFormation's validation found, which it tells elsewhere."""
        if "DescribeEvents" not in reason:
            return ""
        events = self.client.describe_events(**where, Filters={"FailedEvents": True})
        return "".join(
            f"\n  {event['LogicalResourceId']}: {event['ValidationStatusReason']}"
            for event in events["OperationEvents"]
            if "ValidationStatusReason" in event
        )

    def _newest_event(self, stack: str) -> str | None:
        events = self.client.describe_stack_events(StackName=stack)["StackEvents"]
        return events[0]["EventId"] if events else None

    def _events_after(self, stack: str, last: str | None) -> list[dict[str, Any]]:
        """Newest first."""
        found: list[dict[str, Any]] = []
        pages = self.client.get_paginator("describe_stack_events").paginate(StackName=stack)
        for page in pages:
            for event in page["StackEvents"]:
                if event["EventId"] == last:
                    return found
                found.append(event)
        return found


def _reasons(failures: list[dict[str, Any]]) -> str:
    """Those that were not themselves only stopped by another."""
    first = [one for one in failures if CONSEQUENCE not in one.get("ResourceStatusReason", "")]
    return "\n".join(
        f"  {one['LogicalResourceId']} ({one['ResourceType']}): {one.get('ResourceStatusReason')}"
        for one in first or failures
    )
