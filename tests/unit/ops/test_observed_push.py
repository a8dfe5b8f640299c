"""The doctor misses nothing that a stage does not have by its own choice."""

from __future__ import annotations

from typing import Any

import pytest

from ops import stage
from ops.observed.push import has_function, has_right, pushes_by
from ops.stage import Stage

WEBSOCKET = {"Action": ["execute-api:ManageConnections"], "Resource": "arn:…:${WebsocketAPI}/*"}
APPSYNC = {"Action": ["appsync:EventPublish"], "Resource": "arn:…:apis/${EventApi.ApiId}/x"}
TABLE = {"Action": ["dynamodb:GetItem"], "Resource": "arn:…:table/${App}-${Stage}-jobs"}


@pytest.mark.parametrize(
    ("environment", "push"),
    [
        ({}, "websocket"),
        ({"PUSH": "none"}, "none"),
        ({"PUSH": "appsync"}, "appsync"),
        ({"TABLE": "overtime-dev-jobs"}, "none"),
        ({"TABLE": "overtime-dev-jobs", "PUSH": "websocket"}, "websocket"),
        ({"TABLE": "overtime-dev-jobs", "WEBSOCKET_ENDPOINT": "https://x"}, "websocket"),
    ],
)
def test_a_stage_pushes_as_it_says_or_as_it_is_deployed(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], push: str
) -> None:
    config = {"stages": {"dev": {"environment_variables": environment}}}
    monkeypatch.setattr(stage, "read_config", lambda: config)
    assert pushes_by(Stage("overtime", "dev")) == push


@pytest.mark.parametrize(
    ("push", "functions", "rights"),
    [
        ("websocket", {"websocket_connect"}, [WEBSOCKET]),
        ("appsync", {"authorize_push"}, [APPSYNC]),
        ("none", set(), []),
    ],
)
def test_it_has_what_belongs_to_its_way_of_pushing(
    push: str, functions: set[str], rights: list[dict[str, Any]]
) -> None:
    names = {"websocket_connect", "authorize_push", "sweep", "authorize"}
    assert {name for name in names if has_function(push, name)} == functions | {
        "sweep",
        "authorize",
    }
    statements = [WEBSOCKET, APPSYNC, TABLE]
    assert [one for one in statements if has_right(push, one)] == [*rights, TABLE]
