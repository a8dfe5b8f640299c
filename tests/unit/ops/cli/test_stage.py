"""The names of what belongs to a stage fit the limits of AWS, however long its own name is."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.task import LANES
from ops.cli import stage
from ops.cli.stage import APP, NAME, Refusal, Stage, read_stage
from ops.template.compose import compose
from ops.template.declared import resources_template, static
from ops.template.policies import read_policies
from tests.unit.ops.template.test_alarms_and_dashboard import generated

LONGEST = Stage("a" * 16, "b" * 13)


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the region with the longest name."""
    monkeypatch.setattr(Stage, "region", "ap-southeast-1")
    monkeypatch.setattr(Stage, "account", "123456789012")


def test_no_stage_has_a_longer_name() -> None:
    assert APP.fullmatch(LONGEST.app)
    assert NAME.fullmatch(LONGEST.name)
    assert not APP.fullmatch(LONGEST.app + "a")
    assert not NAME.fullmatch(LONGEST.name + "b")


def test_the_longest_names_fit(far_away: None) -> None:
    assert len(LONGEST.bucket) <= len(LONGEST.artifacts) <= 63  # S3
    assert max(len(LONGEST.function(name)) for name in read_policies()) <= 64  # Lambda
    assert max(len(f"{LONGEST.queue(lane)}-dead") for lane in LANES) <= 80  # SQS
    assert len(LONGEST.resources_stack) <= 128  # CloudFormation
    for resource in compose(LONGEST, generated())["Resources"].values():
        name = resource["Properties"].get("AlarmName")
        assert name is None or len(static(LONGEST, name)) <= 255  # CloudWatch


def test_the_template_takes_the_same_names() -> None:
    parameters = resources_template(LONGEST)["Parameters"]
    patterns = (parameters["App"]["AllowedPattern"], parameters["Stage"]["AllowedPattern"])
    assert patterns == (APP.pattern, NAME.pattern)


@pytest.mark.parametrize("app", ["", "Overtime", "over_time", "a" * 17])
def test_an_app_that_cannot_name_resources_is_refused(
    monkeypatch: pytest.MonkeyPatch, app: str
) -> None:
    config: dict[str, Any] = {"app_name": app}
    monkeypatch.setattr(stage, "read_config", lambda: config)
    with pytest.raises(Refusal, match=r"app_name in .* Use 2 to 16"):
        read_stage("dev")
