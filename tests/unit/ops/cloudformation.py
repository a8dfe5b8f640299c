"""A CloudFormation that does as a test tells it, a step each time it is looked at."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

ARN = "arn:aws:cloudformation:eu-central-1:1:stack/overtime-dev/1"


class CloudFormation:
    """`status` is the stack's; `coming` what each further look at its events finds happened:
    (logical id, status, reason), the stack itself under its name."""

    def __init__(self, status: str | None = None) -> None:
        self.status = status
        self.change_set: dict[str, Any] = {"Status": "CREATE_COMPLETE", "Changes": []}
        self.coming: list[list[tuple[str, str, str]]] = []
        self.events: list[dict[str, Any]] = []
        self.validation: list[dict[str, Any]] = []
        self.resources: dict[str, str] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def client(self, service: str) -> CloudFormation:
        assert service == "cloudformation"
        return self

    def describe_stacks(self, **which: str) -> dict[str, Any]:
        if self.status is None:
            said: Any = {
                "Code": "ValidationError",
                "Message": f"Stack {which['StackName']} does not exist",
            }
            raise ClientError({"Error": said}, "DescribeStacks")
        return {"Stacks": [{"StackStatus": self.status, "StackId": ARN}]}

    def describe_stack_events(self, **which: str) -> dict[str, Any]:
        if {"execute_change_set", "delete_stack"} & set(self.called):
            for logical_id, status, reason in self.coming.pop(0) if self.coming else []:
                self._happens(logical_id, status, reason)
        return {"StackEvents": self.events[::-1]}

    def _happens(self, logical_id: str, status: str, reason: str) -> None:
        itself = logical_id == "overtime-dev"
        if itself:
            self.status = status
        self.events.append(
            {
                "EventId": str(len(self.events)),
                "StackId": ARN,
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": ARN if itself else logical_id,
                "ResourceType": "AWS::CloudFormation::Stack" if itself else "AWS::Some::Thing",
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
            }
        )

    def list_stack_resources(self, **which: str) -> dict[str, Any]:
        found = [
            {"LogicalResourceId": name, "PhysicalResourceId": physical}
            for name, physical in self.resources.items()
        ]
        return {"StackResourceSummaries": found}

    def create_change_set(self, **arguments: Any) -> dict[str, Any]:
        self.calls.append(("create_change_set", arguments))
        self.status = self.status or "REVIEW_IN_PROGRESS"
        return {"Id": "arn:change-set"}

    def describe_change_set(self, **which: str) -> dict[str, Any]:
        return self.change_set

    def describe_events(self, **where: Any) -> dict[str, Any]:
        return {"OperationEvents": self.validation}

    def execute_change_set(self, **arguments: Any) -> None:
        self.calls.append(("execute_change_set", arguments))

    def delete_change_set(self, **arguments: Any) -> None:
        self.calls.append(("delete_change_set", arguments))

    def delete_stack(self, **arguments: Any) -> None:
        self.calls.append(("delete_stack", arguments))

    def get_paginator(self, operation: str) -> Any:
        fake = self

        class Pages:
            def paginate(self, **arguments: Any) -> list[Any]:
                return [getattr(fake, operation)(**arguments)]

        return Pages()

    @property
    def called(self) -> list[str]:
        return [name for name, _ in self.calls]
