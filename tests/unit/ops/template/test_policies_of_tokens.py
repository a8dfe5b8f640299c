"""Who may touch the tokens: the authorizer reads them, one at a time, and nobody else gets near.
And who may touch what webhooks are signed with."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.aws.signing_secrets import SECRETS
from chalicelib.aws.tokens_table import TOKENS
from ops.template.policies import read_policies

POLICIES = read_policies()
OTHERS = sorted(POLICIES.keys() - {"authorize"})


def on_the_table(function: str, effect: str) -> list[dict[str, Any]]:
    return [
        statement
        for statement in POLICIES[function]["Statement"]
        if statement["Effect"] == effect and "dynamodb:" in str(statement["Action"])
    ]


def actions(statements: list[dict[str, Any]]) -> set[str]:
    return {action for statement in statements for action in statement["Action"]}


def test_the_authorizer_may_read_a_token_and_no_more() -> None:
    [statement] = on_the_table("authorize", "Allow")
    assert statement["Action"] == ["dynamodb:GetItem"]
    assert statement["Resource"].endswith(":table/${App}-${Stage}-jobs")
    assert statement["Condition"] == {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [TOKENS]}
    }
    services = {action.partition(":")[0] for action in actions(POLICIES["authorize"]["Statement"])}
    assert services == {"dynamodb", "logs"}


def denied(function: str, partition: str) -> set[str]:
    """What a function may not do to the items of a partition, whatever it is allowed."""
    return actions(
        [
            statement
            for statement in on_the_table(function, "Deny")
            if statement["Condition"].keys() == {"ForAnyValue:StringEquals"}
            and partition
            in statement["Condition"]["ForAnyValue:StringEquals"]["dynamodb:LeadingKeys"]
            and statement["Resource"].endswith(":table/${App}-${Stage}-jobs")
        ]
    )


@pytest.mark.parametrize("function", [name for name in OTHERS if on_the_table(name, "Allow")])
def test_whoever_may_use_the_table_may_not_use_the_tokens(function: str) -> None:
    """By a Deny, which outlives whatever is allowed later: tasks are anybody's code."""
    # a scan has no leading key, so that no condition could keep it off
    assert "dynamodb:Scan" not in actions(on_the_table(function, "Allow"))
    assert actions(on_the_table(function, "Allow")) <= denied(function, TOKENS)


ASKS, SIGNS = "api_handler", "webhooks_worker"


@pytest.mark.parametrize("function", [name for name in OTHERS if name not in (ASKS, SIGNS)])
def test_nobody_reads_what_webhooks_are_signed_with_but_who_asks_and_who_signs(
    function: str,
) -> None:
    assert actions(on_the_table(function, "Allow")) <= denied(function, SECRETS)
