"""make token, make tokens, make revoke: over a table of moto's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from chalicelib.domain.errors import Unauthorized
from chalicelib.domain.job import DAY, HOUR, MINUTE
from ops import tokens
from ops.cli.stage import Refusal, Stage, read_stage
from tests.aws import create_table


@pytest.fixture(autouse=True)
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with mock_aws():
        client = botocore.session.get_session().create_client(
            "dynamodb", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
        )
        create_table(client, "overtime-dev-jobs")
        monkeypatch.setattr(Stage, "client", lambda self, service: client)
        yield client


Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """What a command says on standard output."""

    def main(*arguments: str) -> str:
        tokens.main(list(arguments))
        return capsys.readouterr().out

    return main


def owner_of(text: str) -> str:
    return tokens.tokens(read_stage("dev")).owner_of(text)


def test_a_token_is_all_that_is_printed_and_is_good(run: Run) -> None:
    text = run("issue", "dev", "ada")
    assert owner_of(text.removesuffix("\n")) == "ada"


def test_the_list_tells_all_but_the_tokens(run: Run) -> None:
    texts = [
        run("issue", "dev", "ada", "--label", "for the laptop"),
        run("issue", "dev", "bob@example.com", "--expires", "90d"),
    ]
    head, *rows = run("list", "dev").splitlines()
    assert head.split() == ["ID", "OWNER", "CREATED", "EXPIRES", "LABEL"]
    assert [row.split()[:2] for row in rows] == [
        [text.split("_")[1], owner]
        for text, owner in zip(texts, ("ada", "bob@example.com"), strict=True)
    ]
    assert "never" in rows[0]
    assert rows[0].endswith("for the laptop")
    assert not any(text.split("_")[2].strip() in "\n".join(rows) for text in texts)


@pytest.mark.parametrize("named", [lambda text: text.split("_")[1], lambda text: text])
def test_a_token_is_revoked_by_its_id_or_by_itself(run: Run, named: Callable[[str], str]) -> None:
    text = run("issue", "dev", "ada").strip()
    assert "minute" in run("revoke", "dev", named(text))
    with pytest.raises(Unauthorized):
        owner_of(text)
    assert len(run("list", "dev").splitlines()) == 1


def test_what_is_not_there_cannot_be_revoked(run: Run) -> None:
    with pytest.raises(Refusal, match="make tokens STAGE=dev"):
        run("revoke", "dev", "0" * 16)


@pytest.mark.parametrize("owner", ["", "a b", "ä", "x" * 129, "ada\n"])
def test_an_owner_that_would_be_mistaken_is_refused(run: Run, owner: str) -> None:
    with pytest.raises(Refusal, match="OWNER"):
        run("issue", "dev", owner)
    assert len(run("list", "dev").splitlines()) == 1


@pytest.mark.parametrize("label", ["two\nlines", "x" * 101, "\x1b[31m"])
def test_a_label_is_one_line(run: Run, label: str) -> None:
    with pytest.raises(Refusal, match="LABEL"):
        run("issue", "dev", "ada", "--label", label)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("", None), ("90d", 90 * DAY), ("12h", 12 * HOUR), ("30m", 30 * MINUTE)],
)
def test_how_long_a_token_is_good(text: str, milliseconds: int | None) -> None:
    assert tokens.lifetime(text) == milliseconds


@pytest.mark.parametrize("text", ["90", "d", "0d", "-1d", "1.5h", "1 d", "9999999d", "1w"])
def test_what_is_no_duration_is_refused(run: Run, text: str) -> None:
    with pytest.raises(Refusal, match="90d, 12h or 30m"):
        run("issue", "dev", "ada", f"--expires={text}")


def test_a_stage_that_is_not_deployed_is_told(run: Run) -> None:
    with pytest.raises(Refusal, match=r"overtime-test-jobs does not answer.*deployed"):
        run("list", "test")


def test_a_token_that_is_not_named_is_asked_for(run: Run) -> None:
    with pytest.raises(
        Refusal, match=r"TOKEN is missing. Use TOKEN=<id> from make tokens STAGE=dev"
    ):
        run("revoke", "dev", "")
