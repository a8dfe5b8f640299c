"""Lambda's quota on concurrency, checked before a first deployment fails on it."""

from __future__ import annotations

from collections.abc import Mapping

from ops.cli.stage import Refusal, Stage
from ops.template.declared import Template
from ops.template.functions import FUNCTION

UNRESERVED = 100  # Lambda keeps so much free for functions that reserve nothing


def require_concurrency(stage: Stage, template: Template, parameters: Mapping[str, str]) -> None:
    """Raises Refusal. New AWS accounts may run ten functions at once, until one asks for more."""
    if parameters.get("ReserveConcurrency") == "false":
        return
    reserved = sum(
        resource["Properties"]["ReservedConcurrentExecutions"]["Fn::If"][1]
        for resource in template["Resources"].values()
        if resource["Type"] == FUNCTION and "ReservedConcurrentExecutions" in resource["Properties"]
    )
    limit = stage.client("lambda").get_account_settings()["AccountLimit"]
    free = limit["UnreservedConcurrentExecutions"] - min(UNRESERVED, limit["ConcurrentExecutions"])
    if reserved > free:
        raise Refusal(
            f"The functions reserve a concurrency of {reserved}, and this account has"
            f" {max(free, 0)} left to reserve. Ask AWS for a higher quota (Lambda, concurrent"
            " executions), lower reserved_concurrency in .chalice/config.json, or do without:"
            ' "ReserveConcurrency": "false" under template_parameters there.'
        )
