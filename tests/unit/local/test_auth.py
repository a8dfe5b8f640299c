"""make run AUTH=…: the local stage may ask for credentials as a deployed one does."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from chalicelib.settings import Auth
from chalicelib.settings import read_settings as read_stage_settings
from local.__main__ import greet
from local.settings import Refusal, read_settings
from local.stage import read_function

JWT = {
    "AUTH": "jwt",
    "JWT_ISSUER": "https://login.example.com",
    "JWT_AUDIENCE": "https://jobs.example.com",
}


@pytest.mark.parametrize(
    ("shell", "auth"), [({}, Auth.OPEN), ({"AUTH": "tokens"}, Auth.TOKENS), (JWT, Auth.JWT)]
)
def test_what_the_shell_says_reaches_the_stage(shell: Mapping[str, str], auth: Auth) -> None:
    function = read_function("api_handler", read_settings(shell))
    stage = read_stage_settings(function.environment)
    assert (stage.stage, stage.auth) == ("local", auth)
    assert stage.jwt_issuer == shell.get("JWT_ISSUER", "")


def test_nothing_is_taken_for_nothing_said() -> None:
    assert read_settings({"AUTH": "", "JWT_ISSUER": " "}).mode == "open"


@pytest.mark.parametrize("auth", ["iam", "none"])
def test_a_mode_that_needs_more_than_this_machine_is_refused(auth: str) -> None:
    with pytest.raises(Refusal, match=f"AUTH={auth} cannot be run here; there are: open, tokens"):
        read_settings({"AUTH": auth})


@pytest.mark.parametrize(
    ("shell", "shown"),
    [
        ({}, None),
        (
            {"AUTH": "tokens"},
            'Authorization: Bearer $(make token STAGE=local OWNER=me)"',
        ),
        (JWT, 'Authorization: Bearer $TOKEN"'),
    ],
)
def test_the_greeting_shows_a_call_that_is_let_in(
    shell: Mapping[str, str], shown: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    greet(read_settings(shell))
    said = capsys.readouterr().out
    assert (shown in said) if shown else ("Authorization" not in said)
    lines = said.partition("curl")[2].rstrip().splitlines()
    assert all(line.endswith("\\") for line in lines[:-1])
    assert not lines[-1].endswith("\\")
