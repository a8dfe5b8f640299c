"""A function may do what its policy file says, on its own stage, and nothing else."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from ops.cli import stage as stages
from ops.cli.stage import Refusal
from ops.template import policies
from ops.template.policies import in_template, policy_file, read_policies, read_policy, rendered
from tests.aws import ROOT

POLICIES = read_policies(with_rights=False)
STATEMENTS = [
    pytest.param(name, statement, id=f"{name}-{statement['Sid']}")
    for name, policy in POLICIES.items()
    for statement in policy["Statement"]
]
OF_A_STAGE = re.compile(
    r"\$\{App\}-\$\{Stage\}(?=[-:/]|$)|:\$\{WebsocketAPI\}/|:apis/\$\{EventApi\.ApiId\}/"
)
AWS = {"AWS::Partition": "aws", "AWS::Region": "eu-central-1", "AWS::AccountId": "123456789012"}


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@pytest.mark.parametrize(("function", "statement"), STATEMENTS)
def test_a_statement_names_single_actions_and_this_stages_resources(
    function: str, statement: dict[str, Any]
) -> None:
    for action in listed(statement["Action"]):
        assert "*" not in action
    for resource in listed(statement["Resource"]):
        assert OF_A_STAGE.search(resource), resource


@pytest.mark.parametrize("function", POLICIES)
def test_a_function_writes_to_its_own_log_only(function: str) -> None:
    [logging] = [one for one in POLICIES[function]["Statement"] if "logs:" in str(one["Action"])]
    assert logging["Effect"] == "Allow"
    own = "${App}-${Stage}" + ("" if function == "api_handler" else f"-{function}")
    assert logging["Resource"].endswith(f":log-group:/aws/lambda/{own}:*")
    # whoever may make the group makes one that is kept for ever
    assert set(logging["Action"]) == {"logs:CreateLogStream", "logs:PutLogEvents"}


@pytest.mark.parametrize("function", [name for name in POLICIES if name.endswith("_worker")])
def test_a_worker_may_take_from_its_own_queue_only(function: str) -> None:
    taking = [
        statement
        for statement in POLICIES[function]["Statement"]
        if {"sqs:ReceiveMessage", "sqs:DeleteMessage"} & set(listed(statement["Action"]))
    ]
    lane = function.removesuffix("_worker")
    [statement] = taking
    assert statement["Resource"].endswith(f":${{App}}-${{Stage}}-{lane}")
    assert "sqs:GetQueueAttributes" in statement["Action"]  # the event source mapping asks for it


def test_a_function_without_a_policy_is_refused_naming_the_file() -> None:
    with pytest.raises(Refusal, match=r"write \.chalice/policy-cook\.json"):
        read_policy("cook")
    assert not policy_file("cook").exists()


@pytest.fixture
def rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's file, which the project does not have."""
    for module in (policies, stages):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(policies, "RIGHTS", tmp_path / "rights.json")
    shutil.copytree(ROOT / ".chalice", tmp_path / ".chalice")
    return tmp_path / "rights.json"


RIGHT = {"Effect": "Allow", "Action": "ses:SendEmail", "Resource": "arn:${AWS::Partition}:ses:…"}


def test_further_rights_are_the_functions_that_they_are_given_to(rights: Path) -> None:
    rights.write_text(json.dumps({"heavy_worker": [RIGHT]}))
    plain = read_policy("heavy_worker", with_rights=False)["Statement"]
    given = read_policy("heavy_worker")["Statement"]
    assert [one for one in given if one not in plain] == [RIGHT]
    assert given[-1]["Effect"] == "Deny"  # as in every policy
    assert read_policy("default_worker") == read_policy("default_worker", with_rights=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"cook": []}', r"gives rights to cook\. There are: api_handler, "),
        ('{"sweep": {}}', "sweep must be a list of statements"),
        ('{"sweep": [{"Effect": "Allow"}]}', "sweep must be a list of statements"),
        ("[]", "must hold a JSON object"),
        ("{", "cannot be read"),
    ],
)
def test_a_file_of_rights_that_gives_none_is_refused(rights: Path, text: str, said: str) -> None:
    rights.write_text(text)
    with pytest.raises(Refusal, match=said):
        read_policies()


def test_placeholders_are_left_to_cloudformation() -> None:
    policy = {"Resource": ["arn:${AWS::Partition}:x", "*"], "Version": "2012-10-17"}
    assert in_template(policy) == {
        "Resource": [{"Fn::Sub": "arn:${AWS::Partition}:x"}, "*"],
        "Version": "2012-10-17",
    }


@pytest.mark.parametrize("function", POLICIES)
def test_a_rendered_policy_has_no_placeholder_left(function: str) -> None:
    text = json.dumps(rendered(POLICIES[function], {**AWS, "App": "overtime", "Stage": "dev"}))
    assert "$" not in text
    assert "overtime-dev" in text


def test_what_only_a_deployed_stack_knows_is_rendered_as_a_star() -> None:
    arn = "arn:aws:execute-api:${AWS::Region}:1:${WebsocketAPI}/*"
    assert rendered(arn, AWS) == "arn:aws:execute-api:eu-central-1:1:*/*"
