"""What is read of the functions: settings, what calls them, their logs, what they may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.bundle.import_times import HeavyImport, heavy_imports
from ops.doctor.findings import CannotBeRead
from ops.doctor.observed.base import Reading, listed, pages, part
from ops.template.functions import TRACING
from ops.template.policies import (
    read_policies,
    read_policy,
    rendered,
    values_of,
    worker_names,
)
from ops.template.push import PushTransport, left_out


@dataclass(frozen=True)
class Function:
    name: str
    """In app.py."""
    timeout: int
    runtime: str
    reserved: int | None
    role: str
    arn: str
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Source:
    """An event source mapping: which queue feeds which function."""

    id: str
    queue: str
    function: str
    state: str
    maximum: int | None
    """Invocations at once that it makes."""


@dataclass(frozen=True)
class Account:
    concurrency: int
    unreserved: int


class FunctionsRead(Reading):
    @part
    def functions(self) -> dict[str, Function]:
        """By their names in app.py."""
        self.require_functions()
        client = self.stage.client("lambda")
        listed = (one for page in pages(client, "list_functions") for one in page["Functions"])
        found = {one["FunctionName"]: one for one in listed}
        return {
            name: self._function(client, name, found[full])
            for name in self._written
            if (full := self.stage.function(name)) in found
        }

    @property
    def _written(self) -> list[str]:
        """The functions that have a policy."""
        return sorted(read_policies())

    @property
    def _left_out(self) -> list[PushTransport]:
        handler = self.functions.get("api_handler")
        return left_out(handler.environment if handler else {})

    @property
    def expected_functions(self) -> list[str]:
        others = tuple(one.functions for one in self._left_out)
        return [name for name in self._written if not name.startswith(others)]

    @part
    def account(self) -> Account:
        self.require_functions()
        limit = self.stage.client("lambda").get_account_settings()["AccountLimit"]
        return Account(limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"])

    @part
    def most_requests(self) -> float:
        """That the API's function answered at once in the last hour, held ones included."""
        self.require_functions()
        now = datetime.now(UTC)
        points = self.stage.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="ConcurrentExecutions",
            Dimensions=[{"Name": "FunctionName", "Value": self.stage.function("api_handler")}],
            StartTime=now - timedelta(hours=1),
            EndTime=now,
            Period=60,
            Statistics=["Maximum"],
        )["Datapoints"]
        return self.kept(max((point["Maximum"] for point in points), default=0.0))

    @part
    def sources(self) -> list[Source]:
        client = self.stage.client("lambda")
        return [
            Source(
                id=one["UUID"],
                queue=one["EventSourceArn"].rpartition(":")[2],
                function=function.name,
                state=one["State"],
                maximum=one.get("ScalingConfig", {}).get("MaximumConcurrency"),
            )
            for function in self.functions.values()
            for page in pages(
                client,
                "list_event_source_mappings",
                FunctionName=self.stage.function(function.name),
            )
            for one in page["EventSourceMappings"]
        ]

    @part
    def recursion(self) -> dict[str, str]:
        """What Lambda does with a chain of invocations that a worker keeps going."""
        client = self.stage.client("lambda")
        return {
            name: client.get_function_recursion_config(FunctionName=self.stage.function(name))[
                "RecursiveLoop"
            ]
            for name in sorted(worker_names() & self.functions.keys())
        }

    @part
    def schedules(self) -> dict[str, bool]:
        """Whether each rule that calls the sweeper is enabled."""
        sweeper = self.functions.get("sweep")
        if sweeper is None:
            return {}
        client = self.stage.client("events")
        names = client.list_rule_names_by_target(TargetArn=sweeper.arn)["RuleNames"]
        return {name: client.describe_rule(Name=name)["State"] == "ENABLED" for name in names}

    @part
    def log_retention(self) -> dict[str, int | None]:
        """Days by function; None where logs are kept for ever."""
        self.require_functions()
        prefix = "/aws/lambda/"
        client = self.stage.client("logs")
        found = pages(client, "describe_log_groups", logGroupNamePrefix=prefix + self.stage.stack)
        kept = {
            group["logGroupName"].removeprefix(prefix): group.get("retentionInDays")
            for page in found
            for group in page["logGroups"]
        }
        return {
            name: kept[full]
            for name in self.functions
            if (full := self.stage.function(name)) in kept
        }

    @part
    def granted(self) -> dict[str, list[dict[str, Any]]]:
        """The statements of each function's role."""
        return {one.name: self._statements(one.role) for one in self.functions.values()}

    @part
    def declared(self) -> dict[str, list[dict[str, Any]]]:
        """The statements of each function's policy file."""
        values = values_of(self.stage)
        return {
            name: [*rendered(read_policy(name)["Statement"], values), TRACING]
            for name in self.functions
        }

    @part
    def needed(self) -> dict[str, list[dict[str, Any]]]:
        """Those of them that a stage has which pushes as this one does, and is not traced."""
        values, others = values_of(self.stage), self._left_out
        return {
            name: [
                rendered(one, values)
                for one in read_policy(name)["Statement"]
                if not any(other.concerns(one) for other in others)
            ]
            for name in self.functions
        }

    @part
    def auth(self) -> str:
        if self.local:
            raise CannotBeRead("`make run` may have been told another AUTH than config.json says")
        handler = self.functions.get("api_handler")
        return handler.environment.get("AUTH", "") if handler else ""

    @part
    def heavy_imports(self) -> list[HeavyImport]:
        """Of the files here; `make deploy` sends them."""
        return heavy_imports()

    def _function(self, client: Any, name: str, found: dict[str, Any]) -> Function:
        concurrency = client.get_function_concurrency(FunctionName=found["FunctionName"])
        return Function(
            name=name,
            timeout=found["Timeout"],
            runtime=found["Runtime"],
            reserved=concurrency.get("ReservedConcurrentExecutions"),
            role=found["Role"].rpartition("/")[2],
            arn=found["FunctionArn"],
            environment=found.get("Environment", {}).get("Variables", {}),
        )

    def _statements(self, role: str) -> list[dict[str, Any]]:
        iam = self.stage.client("iam")
        documents = [
            iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for page in pages(iam, "list_role_policies", RoleName=role)
            for name in page["PolicyNames"]
        ]
        for page in pages(iam, "list_attached_role_policies", RoleName=role):
            for policy in page["AttachedPolicies"]:
                arn = policy["PolicyArn"]
                version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
                found = iam.get_policy_version(PolicyArn=arn, VersionId=version)
                documents.append(found["PolicyVersion"]["Document"])
        return [statement for document in documents for statement in listed(document["Statement"])]
