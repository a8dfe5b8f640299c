"""An account that cannot give what a stage reserves is told so before anything is made."""

from __future__ import annotations

from typing import Any

import pytest

from ops.cli import stage
from ops.cli.stage import Refusal, Stage, read_config
from ops.stack.quota import require_for_chalice, require_for_stack
from ops.template import declared

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
    require_for_stack(account, TEMPLATE, parameters)  # type: ignore[arg-type]


def test_what_is_left_after_lambdas_own_hundred_can_be_reserved() -> None:
    require(Account(1000, 250))


@pytest.mark.parametrize(
    ("account", "left"), [(Account(1000, 249), 149), (Account(1000, 60), 0), (Account(10, 10), 0)]
)
def test_more_than_that_is_refused_with_the_ways_out(account: Account, left: int) -> None:
    with pytest.raises(Refusal) as refused:
        require(account)
    said = str(refused.value)
    assert f"reserve a concurrency of 150; this account can reserve {left}" in said
    assert '"ReserveConcurrency": "false" under template_parameters' in said


def test_without_a_reserve_no_quota_is_needed() -> None:
    require(Account(10, 10), ReserveConcurrency="false")


@pytest.mark.parametrize(("push", "needed"), [({}, 222), ({"PUSH": "websocket"}, 312)])
def test_what_chalice_deploy_would_reserve_is_refused_before_it_stops_half_way(
    monkeypatch: pytest.MonkeyPatch, push: dict[str, str], needed: int
) -> None:
    config = {**read_config(), "stages": {"dev": {"environment_variables": push}}}
    for module in (stage, declared):
        monkeypatch.setattr(module, "read_config", lambda: config)
    enough, short = Account(1000, 100 + needed), Account(1000, 99 + needed)
    for account in (enough, short):
        monkeypatch.setattr(Stage, "client", lambda self, service, it=account: it)
        if account is short:
            with pytest.raises(Refusal, match=f"of {needed}; .* remove reserved_concurrency there"):
                require_for_chalice(Stage("overtime", "dev"))
        else:
            require_for_chalice(Stage("overtime", "dev"))
