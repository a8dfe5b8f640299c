"""The recipes of docs/tasks.md: all of them in one stage, whose template is composed and linted."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ops.template.declared import merged
from tests.aws import ROOT
from tests.deploy.project import Project

PAGE = (ROOT / "docs" / "tasks.md").read_text()
RECIPES = re.findall(
    r"In\s`(\.chalice/\w+\.json)`:\n\n```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of the stage prod; the command itself refuses what cfn-lint does not like."""
    project = Project(tmp_path_factory.mktemp("recipes") / "project")
    given: dict[str, Any] = {}
    for file, text in RECIPES:
        recipe = json.loads(text)
        if file.endswith("rights.json"):  # lists, of which each recipe adds to
            for function, statements in recipe.items():
                given.setdefault(function, []).extend(statements)
            project.path(file).write_text(json.dumps(given))
        else:
            known = json.loads(project.path(file).read_text())
            project.path(file).write_text(json.dumps(merged(known, recipe)))
    project.run("ops.bundle", "prod").well()
    found: dict[str, Any] = json.loads(project.path("build/prod/template.json").read_text())
    return found


def function(template: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"][name]["Properties"]
    return found


def statements(template: dict[str, Any], name: str) -> list[dict[str, Any]]:
    [policy] = function(template, f"{name}Role")["Policies"]
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def test_every_recipe_is_tried() -> None:
    shown = len(re.findall(r"^```json$", PAGE, re.MULTILINE))
    assert len(RECIPES) == shown == 5


def test_the_worker_has_the_rights_and_no_other_function_does(template: dict[str, Any]) -> None:
    given = {"s3:GetObject", "ses:SendEmail", "ec2:CreateNetworkInterface"}
    for name, has in {"DefaultWorker": given, "HeavyWorker": set(), "APIHandler": set()}.items():
        text = json.dumps([one for one in statements(template, name) if "Sid" not in one])
        assert {action for action in given if action in text} == has


def test_the_worker_is_in_the_vpc_and_the_api_is_not(template: dict[str, Any]) -> None:
    assert len(function(template, "DefaultWorker")["VpcConfig"]["SubnetIds"]) == 2
    assert "VpcConfig" not in function(template, "APIHandler")


def test_the_domain_leads_to_the_api_and_links_begin_with_it(template: dict[str, Any]) -> None:
    domain = function(template, "ApiGatewayCustomDomain")
    assert domain["DomainName"] == "jobs.example.com"
    assert domain["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    mapping = function(template, "ApiGatewayCustomDomainMapping")
    assert mapping["RestApiId"] == {"Ref": "RestAPI"}
    for name in ("APIHandler", "DefaultWorker"):
        variables = function(template, name)["Environment"]["Variables"]
        assert variables["PUBLIC_URL"] == "https://jobs.example.com"


def test_only_the_heavy_worker_has_a_larger_tmp(template: dict[str, Any]) -> None:
    assert function(template, "HeavyWorker")["EphemeralStorage"] == {"Size": 4096}
    assert "EphemeralStorage" not in function(template, "DefaultWorker")
