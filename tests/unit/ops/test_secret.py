"""`make secret`: it sets, replaces and deletes, says what it did, and never shows a value."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from chalicelib.domain.secret import VALUE_AT_MOST
from chalicelib.runtime import secrets_file
from chalicelib.settings import read_settings
from ops import secret
from ops.cli import stage as stages
from ops.cli.stage import Refusal, Stage
from ops.stack import parameters
from tests.aws import ENVIRONMENT

VALUE = "sk-live-1"
STAGE = Stage("overtime", "dev")
NAME = "/overtime-dev/secrets/stripe"


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An empty one; and a local stage without secrets."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setattr(secrets_file.SecretsFile.__init__, "__defaults__", (tmp_path / "file",))
    stages._client.cache_clear()
    with mock_aws():
        yield
    stages._client.cache_clear()


def piped(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def stored() -> Any:
    answer = STAGE.client("ssm").get_parameter(Name=NAME, WithDecryption=True)
    return answer["Parameter"]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_piped_value_is_stored_encrypted_without_its_last_line_feed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], end: str
) -> None:
    piped(monkeypatch, f"{VALUE}{end}")
    secret.main(["dev", "stripe"])
    assert (stored()["Type"], stored()["Value"]) == ("SecureString", VALUE)
    printed = capsys.readouterr()
    assert printed.out == (
        f"Set the secret stripe of the stage dev, in {NAME} of Parameter Store in eu-central-1.\n"
    )
    assert VALUE not in printed.out + printed.err


def test_workers_read_what_the_command_sets() -> None:
    deployed = {**ENVIRONMENT, "STAGE": "dev", "AUTH": "tokens", "TABLE": STAGE.table}
    settings = read_settings(deployed)
    assert settings.secrets_path == STAGE.secrets_path


def test_a_value_that_is_replaced_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for value in ("first", "second"):
        piped(monkeypatch, value)
        secret.main(["dev", "stripe"])
    assert stored()["Value"] == "second"
    assert "Replaced the secret stripe" in capsys.readouterr().out


def test_on_a_terminal_the_value_is_asked_for_without_echo(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("not this"))
    monkeypatch.setattr("getpass.getpass", lambda prompt: f"{VALUE} for {prompt}")
    secret.main(["dev", "stripe"])
    assert stored()["Value"] == f"{VALUE} for Value of stripe on dev: "


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("Stripe", VALUE, "NAME=Stripe cannot name a secret: use a-z"),
        ("a/b", VALUE, "cannot name a secret"),
        ("", VALUE, "cannot name a secret"),
        ("stripe", "", "empty"),
        ("stripe", " \n", "empty"),
        ("stripe", "ü" * VALUE_AT_MOST, f"{2 * VALUE_AT_MOST} bytes; {VALUE_AT_MOST} are allowed"),
    ],
)
def test_a_bad_name_or_value_is_refused_and_nothing_is_stored(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    piped(monkeypatch, value)
    with pytest.raises(Refusal, match=said):
        secret.main(["dev", name])
    assert parameters.set_on(STAGE) == {}


def test_what_aws_says_against_a_value_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**asked: Any) -> None:
        message = f"Value '{asked['Value']}' failed to satisfy constraint"
        raise ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "Put")

    monkeypatch.setattr(STAGE.client("ssm"), "put_parameter", refuse)
    piped(monkeypatch, VALUE)
    with pytest.raises(Refusal, match="did not store stripe: ValidationException") as refused:
        secret.main(["dev", "stripe"])
    assert VALUE not in str(refused.value)


def test_a_secret_is_deleted_and_one_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("stripe", "mail"):
        piped(monkeypatch, VALUE)
        secret.main(["dev", name])
    secret.main(["dev", "stripe", "--delete"])
    assert list(parameters.set_on(STAGE)) == ["mail"]
    assert "Deleted the secret stripe" in capsys.readouterr().out
    with pytest.raises(Refusal, match=r"has no secret stripe\. It has: mail\."):
        secret.main(["dev", "stripe", "--delete"])


def test_secrets_of_a_stage_whose_name_begins_alike_are_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    piped(monkeypatch, VALUE)
    secret.main(["devb", "stripe"])
    assert parameters.set_on(STAGE) == {}


def test_the_local_stage_keeps_its_secrets_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    local = Stage("overtime", "local")
    for value in (VALUE, f"{VALUE}-b"):
        piped(monkeypatch, value)
        secret.main(["local", "stripe"])
    assert json.loads((tmp_path / "file").read_text()) == {"stripe": f"{VALUE}-b"}
    assert parameters.set_on(local) == {"stripe": ""}
    secret.main(["local", "stripe", "--delete"])
    assert json.loads((tmp_path / "file").read_text()) == {}
    with pytest.raises(Refusal, match=r"has no secret stripe\. It has: none"):
        secret.main(["local", "stripe", "--delete"])
    printed = capsys.readouterr()
    assert "Replaced the secret stripe of the stage local, in file." in printed.out
    assert VALUE not in printed.out + printed.err
