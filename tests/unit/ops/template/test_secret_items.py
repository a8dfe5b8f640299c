"""Which functions touch secrets: tokens, the stage's secret, what webhooks are signed with."""

from __future__ import annotations

import re
from typing import Any

import botocore.session
import pytest

from chalicelib.aws.secrets import ANSWER_SECRET, STAGE_SECRET
from chalicelib.aws.signing_secrets import SECRETS
from chalicelib.aws.tokens_table import TOKENS
from ops.template.policies import read_policies
from ops.template.secret_items import denials

POLICIES = read_policies()


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
            if statement["Resource"].endswith(":table/${App}-${Stage}-jobs")
            and partition in statement.get("Condition", EVERY)[ANY]["dynamodb:LeadingKeys"]
        ]
    )


ANY = "ForAnyValue:StringEquals"
ANSWERS = ANSWER_SECRET["pk"]["S"]
SECRET = (TOKENS, SECRETS, STAGE_SECRET["pk"]["S"], ANSWERS)
EVERY = {ANY: {"dynamodb:LeadingKeys": list(SECRET)}}  # a denial without a condition
NEEDED = {
    (TOKENS, "authorize"): {"GetItem"},
    (STAGE_SECRET["pk"]["S"], "api_handler"): {"GetItem", "UpdateItem"},  # it makes it
    (STAGE_SECRET["pk"]["S"], "websocket_connect"): {"GetItem"},
    (STAGE_SECRET["pk"]["S"], "authorize_push"): {"GetItem"},
    (ANSWERS, "api_handler"): {"GetItem", "UpdateItem"},
    (ANSWERS, "default_worker"): {"GetItem", "UpdateItem"},
    (ANSWERS, "heavy_worker"): {"GetItem", "UpdateItem"},
    (SECRETS, "api_handler"): {"GetItem"},
    (SECRETS, "webhooks_worker"): {"GetItem"},
}


def of_items() -> set[str]:
    """Every action of DynamoDB's by which an item is read or written, by the API's own model, and
    those by which statements of PartiQL ask IAM."""
    model = botocore.session.get_session().get_service_model("dynamodb")
    verbs = "Item|Query|Scan|Search|Export|RestoreTableToPoint|CreateBackup"
    named = {name for name in model.operation_names if re.search(verbs, name)}
    transactions = {"TransactGetItems", "TransactWriteItems"}  # each asks IAM for its items' own
    other = {"DescribeExport", "ListExports", *transactions}
    statements = {f"PartiQL{verb}" for verb in ("Select", "Insert", "Update", "Delete")}
    return named - other | statements | {"ConditionCheckItem"}


@pytest.mark.parametrize("function", sorted(POLICIES))
@pytest.mark.parametrize("partition", SECRET)
def test_a_function_touches_no_secret_that_it_does_not_need(function: str, partition: str) -> None:
    """By a Deny, which outlives whatever is allowed later: tasks are anybody's code."""
    free = {f"dynamodb:{action}" for action in NEEDED.get((partition, function), ())}
    every = {f"dynamodb:{action}" for action in of_items()}
    assert every - denied(function, partition) == free


@pytest.mark.parametrize(("partition", "function"), sorted(NEEDED))
def test_a_function_may_do_with_a_secret_what_it_needs(partition: str, function: str) -> None:
    needed = {f"dynamodb:{action}" for action in NEEDED[partition, function]}
    assert needed <= actions(on_the_table(function, "Allow"))


def test_a_function_that_is_added_touches_none_either() -> None:
    [by_key, whole] = denials("cook")
    assert set(by_key["Condition"][ANY]["dynamodb:LeadingKeys"]) == set(SECRET)
    assert "Condition" not in whole  # a scan has no leading key to compare
