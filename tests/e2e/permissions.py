"""Every single permission in .chalice/policy-*.json: one action on one resource; and a deployed
function's policy without one of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.task import LANES
from ops.template.policies import read_policies, rendered
from tests.e2e.deployed import Deployed

ANYWHERE = {
    "AWS::Partition": "aws",
    "AWS::Region": "region",
    "AWS::AccountId": "account",
    "App": "app",
    "Stage": "stage",
}
PLACES = {  # by what a resource is called anywhere, how the tests call it
    "table/app-stage-jobs": "table",
    "table/app-stage-jobs/index/owner": "owner",
    "table/app-stage-jobs/index/due": "due",
    "app-stage-account-region": "bucket",
    "app-stage-account-region/jobs/*": "jobs/",
    "app-stage-account-region/uploads/*": "uploads/",
    **{f"app-stage-{lane}": lane for lane in LANES},
    "parameter/app-stage/secrets/*": "secrets",
    "*/*/POST/@connections/*": "connections",
}


@dataclass(frozen=True)
class Permission:
    function: str
    sid: str
    action: str
    resource: str
    number: int
    """Which of the statement's resources this is."""

    @property
    def place(self) -> str:
        name = rendered(self.resource, ANYWHERE).split(":", 5)[5]
        return "log" if name.startswith("log-group:") else PLACES[name]

    def __str__(self) -> str:
        return f"{self.function}-{self.action}-{self.place}"


def _by_appsync(function: str, statement: dict[str, Any]) -> bool:
    """Only a stage with PUSH=appsync has it, as tests/unit/ops/template/test_push.py proves; the
    local AWS has no CloudFormation for AppSync Events. "appsync:EventPublish: Grants permission to
    publish events to a channel namespace" (Service Authorization Reference)."""
    return function == "authorize_push" or statement["Sid"] == "Publish"


def permissions() -> list[Permission]:
    return [
        Permission(function, statement["Sid"], action, resource, number)
        for function, statement in _allowed()
        if not _by_appsync(function, statement)
        for action in listed(statement["Action"])
        for number, resource in enumerate(listed(statement["Resource"]))
    ]


def _allowed() -> Iterator[tuple[str, dict[str, Any]]]:
    for function, policy in read_policies(with_rights=False).items():
        for statement in policy["Statement"]:
            if statement["Effect"] == "Allow":
                yield function, statement


@contextmanager
def without(stage: Deployed, *taken: Permission) -> Iterator[None]:
    """The functions may do all but these, while inside."""
    iam = stage.client("iam")
    names = {one.function for one in taken}
    roles = {
        name: stage.functions[name]["Role"].rpartition("/")[2] for name in names
    }  # each is its function's alone
    whole = {
        name: iam.get_role_policy(RoleName=role, PolicyName="own")["PolicyDocument"]
        for name, role in roles.items()
    }

    def put(name: str, document: Any) -> None:
        text = json.dumps(document)
        iam.put_role_policy(RoleName=roles[name], PolicyName="own", PolicyDocument=text)

    try:
        for name in names:
            statements = whole[name]["Statement"]
            for one in taken:
                if one.function == name:
                    statements = [left for each in statements for left in _reduced(each, one)]
            put(name, {**whole[name], "Statement": statements})
        yield
    finally:
        for name in names:
            put(name, whole[name])


def _reduced(statement: dict[str, Any], taken: Permission) -> Iterator[dict[str, Any]]:
    """The statement without that action on that resource: what is left of it."""
    if statement["Sid"] != taken.sid:
        yield statement
        return
    others = [one for one in listed(statement["Action"]) if one != taken.action]
    places = listed(statement["Resource"])
    elsewhere = places[: taken.number] + places[taken.number + 1 :]
    assert len(others) < len(listed(statement["Action"])), f"{taken} is not in {statement}"
    if others:
        yield {**statement, "Action": others}
    if elsewhere:
        yield {
            **statement,
            "Sid": f"{taken.sid}Elsewhere",
            "Action": [taken.action],
            "Resource": elsewhere,
        }


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
