"""An account that cannot give what a stage reserves is told so before anything is made."""

from __future__ import annotations

from typing import Any

import pytest

from ops.cli.stage import Refusal
from ops.stack.quota import require_concurrency

RESERVED = {"Fn::If": ["Reserves", 150, {"Ref": "AWS::NoValue"}]}
TEMPLATE = {
    "Resources": {
        "A": {
            "Type": "AWS::Serverless::Function",
            "Properties": {"ReservedConcurrentExecutions": RESERVED},
        },
        "B": {"Type": "AWS::Serverless::Function", "Properties": {}},
        "C": {"Type": "AWS::SQS::Queue", "Properties": {}},
    }
}


class Account:
    """Lambda's quota, and what of it no function has reserved yet."""

    def __init__(self, limit: int, unreserved: int) -> None:
        self.limit = {"ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": unreserved}

    def client(self, service: str) -> Any:
        assert service == "lambda"
        return self

    def get_account_settings(self) -> dict[str, Any]:
        return {"AccountLimit": self.limit}


def require(account: Account, **parameters: str) -> None:
    require_concurrency(account, TEMPLATE, parameters)  # type: ignore[arg-type]


def test_what_is_left_after_lambdas_own_hundred_can_be_reserved() -> None:
    require(Account(1000, 250))


@pytest.mark.parametrize(
    ("account", "left"), [(Account(1000, 249), 149), (Account(1000, 60), 0), (Account(10, 10), 0)]
)
def test_more_than_that_is_refused_with_the_ways_out(account: Account, left: int) -> None:
    with pytest.raises(Refusal) as refused:
        require(account)
    said = str(refused.value)
    assert f"reserve a concurrency of 150, and this account has {left} left" in said
    assert '"ReserveConcurrency": "false" under template_parameters' in said


def test_who_reserves_nothing_needs_nothing() -> None:
    require(Account(10, 10), ReserveConcurrency="false")
