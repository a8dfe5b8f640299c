"""What `chalice deploy` gets as text is what a template would refer to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ops import entry
from ops.cli import stage
from ops.cli.stage import Stage
from ops.entry import environment_of, made_by_chalice
from ops.template import declared

DEV = Stage("overtime", "dev")
AWS = {"AWS::Region": "eu-central-1", "AWS::URLSuffix": "amazonaws.com", "Stage": "dev"}
VARIABLES = {
    "STAGE": {"Ref": "Stage"},
    "TABLE": {"Ref": "JobsTable"},
    "WEBSOCKET_ENDPOINT": {"Fn::Sub": "https://${WebsocketAPI}.execute-api.${AWS::Region}/api"},
}


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    config: dict[str, Any] = {"app_name": "overtime"}
    template = {"Globals": {"Function": {"Environment": {"Variables": VARIABLES}}}}
    monkeypatch.setattr(stage, "read_config", lambda: config)
    monkeypatch.setattr(entry, "read_config", lambda: config)
    monkeypatch.setattr(declared, "read_config", lambda: config)
    monkeypatch.setattr(entry, "template_by_default", lambda stage: template)
    return config


def test_before_the_first_deployment_what_it_makes_is_not_known(config: dict[str, Any]) -> None:
    known = environment_of(DEV, {**AWS, "JobsTable": "overtime-dev-jobs"})
    assert known == {"STAGE": "dev", "TABLE": "overtime-dev-jobs"}


def test_after_it_the_apis_are_known(config: dict[str, Any]) -> None:
    apis = {"RestAPI": "r1", "WebsocketAPI": "w1"}
    known = environment_of(DEV, {**AWS, "JobsTable": "overtime-dev-jobs", **apis})
    assert known["WEBSOCKET_ENDPOINT"] == "https://w1.execute-api.eu-central-1/api"
    assert known["PUBLIC_URL"] == "https://r1.execute-api.eu-central-1.amazonaws.com/api"


def test_both_lie_at_the_stage_that_config_json_names(config: dict[str, Any]) -> None:
    config["api_gateway_stage"] = "v1"
    known = environment_of(DEV, {**AWS, "RestAPI": "r1", "WebsocketAPI": "w1"})
    assert known["WEBSOCKET_ENDPOINT"] == "https://w1.execute-api.eu-central-1/v1"
    assert known["PUBLIC_URL"] == "https://r1.execute-api.eu-central-1.amazonaws.com/v1"
    config["stages"] = {"dev": {"api_gateway_stage": "v2"}}
    known = environment_of(DEV, {**AWS, "WebsocketAPI": "w1"})
    assert known["WEBSOCKET_ENDPOINT"] == "https://w1.execute-api.eu-central-1/v2"


def test_a_domain_of_the_stages_own_is_left_alone(config: dict[str, Any]) -> None:
    config["environment_variables"] = {"PUBLIC_URL": "https://jobs.example.com"}
    assert "PUBLIC_URL" not in environment_of(DEV, {**AWS, "RestAPI": "r1"})


def test_chalices_memory_tells_the_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "ROOT", tmp_path)
    assert made_by_chalice(DEV) == {}
    memory = tmp_path / ".chalice" / "deployed" / "dev.json"
    memory.parent.mkdir(parents=True)
    made = [
        {"name": "sweep", "resource_type": "lambda_function"},
        {"name": "rest_api", "rest_api_id": "r1"},
        {"name": "websocket_api", "websocket_api_id": "w1"},
    ]
    memory.write_text(json.dumps({"resources": made}))
    assert made_by_chalice(DEV) == {"RestAPI": "r1", "WebsocketAPI": "w1"}
    memory.write_text(json.dumps({"resources": []}))  # after `chalice delete`
    assert made_by_chalice(DEV) == {}


def test_an_entry_changes_no_other_line_of_config_json(
    config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = stage.CONFIG.read_text()
    config.clear()
    config |= json.loads(written)
    monkeypatch.setattr(entry, "ROOT", tmp_path)
    monkeypatch.setattr(entry, "CONFIG", tmp_path / "config.json")
    monkeypatch.setattr(entry, "values_of", lambda stage: AWS)
    entry.enter(DEV, {"JobsTable": "overtime-dev-jobs"})
    entered = (tmp_path / "config.json").read_text()
    section = json.loads(entered)["stages"]["dev"]
    variables = section["environment_variables"]
    assert {name: variables[name] for name in ("STAGE", "TABLE", "CONCURRENCY_HEAVY")} == {
        "STAGE": "dev",
        "TABLE": "overtime-dev-jobs",
        "CONCURRENCY_HEAVY": "10",
    }
    assert section["lambda_functions"]["sweep"] == {
        "iam_policy_file": "rendered/dev/policy-sweep.json"
    }
    before, _, after = entered.partition(',\n    "dev": {')
    assert before in written
    assert after.endswith(written.removeprefix(before))


def test_a_queue_starts_no_more_workers_than_are_reserved(config: dict[str, Any]) -> None:
    config["lambda_functions"] = {"default_worker": {"reserved_concurrency": 2_000}}
    config["stages"] = {"dev": {"lambda_functions": {"heavy_worker": {"reserved_concurrency": 3}}}}
    known = environment_of(DEV, AWS)
    started = {name: value for name, value in known.items() if name.startswith("CONCURRENCY")}
    assert started == {"CONCURRENCY_DEFAULT": "1000", "CONCURRENCY_HEAVY": "3"}
