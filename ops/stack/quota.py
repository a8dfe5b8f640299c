"""Lambda's quota on concurrency, checked before a first deployment fails on it."""

from __future__ import annotations

from collections.abc import Mapping

from ops.cli.stage import Refusal, Stage
from ops.template.declared import Template, read_function
from ops.template.functions import FUNCTION
from ops.template.policies import read_policies
from ops.template.push import TRANSPORTS

UNRESERVED = 100  # Lambda keeps so much free for functions that reserve nothing


def require_for_stack(stage: Stage, template: Template, parameters: Mapping[str, str]) -> None:
    """Raises Refusal. New AWS accounts may run ten functions at once, until one asks for more."""
    if parameters.get("ReserveConcurrency") != "false":
        reserved = sum(
            one["Properties"]["ReservedConcurrentExecutions"]["Fn::If"][1]
            for one in template["Resources"].values()
            if one["Type"] == FUNCTION and "ReservedConcurrentExecutions" in one["Properties"]
        )
        without = '"ReserveConcurrency": "false" under template_parameters there'
        _require(stage, reserved, without)


def require_for_chalice(stage: Stage) -> None:
    """Of `chalice deploy`, which reserves whatever reserved_concurrency says, a function after the
    other, and stops where it cannot. Raises Refusal."""
    others = tuple(one.functions for one in TRANSPORTS if one.name != stage.environment.get("PUSH"))
    reserved = sum(
        read_function(stage, name).reserved_concurrency or 0
        for name in read_policies()
        if not name.startswith(others)
    )
    _require(stage, reserved, "remove reserved_concurrency there")


def _require(stage: Stage, reserved: int, without: str) -> None:
    limit = stage.client("lambda").get_account_settings()["AccountLimit"]
    free = limit["UnreservedConcurrentExecutions"] - min(UNRESERVED, limit["ConcurrentExecutions"])
    if reserved > free:
        raise Refusal(
            f"The functions reserve a concurrency of {reserved}; this account can reserve"
            f" {max(free, 0)}. Ask AWS for a higher quota (Lambda, concurrent executions), lower"
            f" reserved_concurrency in .chalice/config.json, or reserve nothing: {without}."
        )
