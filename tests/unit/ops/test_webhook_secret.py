"""`make webhook-secret`: an owner's secret is made, shown once, and replaced without a gap."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from chalicelib.aws.signing_secrets import SigningSecrets
from chalicelib.domain.job import DAY, HOUR
from ops import webhook_secret
from ops.cli import stage as stages
from ops.cli.stage import Refusal
from tests.aws import create_table

Signing = Callable[..., tuple[str, ...]]


@pytest.fixture
def signing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Signing]:
    """Who signs `ada`'s webhooks on stage dev so many milliseconds from now."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    stages._client.cache_clear()
    with mock_aws():
        dynamodb: Any = botocore.session.get_session().create_client("dynamodb")
        create_table(dynamodb, "overtime-dev-jobs")
        store = SigningSecrets(lambda: dynamodb, "overtime-dev-jobs")
        yield lambda later=0: store.of("ada", time.time_ns() // 1_000_000 + later)
    stages._client.cache_clear()


def made(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    """The secret, and what is said of it."""
    webhook_secret.main(["dev", "ada", *arguments])
    printed = capsys.readouterr()
    return printed.out.strip(), printed.err


def test_the_first_secret_is_made_and_shown_alone(
    signing: Signing, capsys: pytest.CaptureFixture[str]
) -> None:
    secret, said = made(capsys)
    assert signing() == (secret,)
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert "once" in said
    assert secret not in said


def test_the_old_one_signs_beside_the_new_one_for_a_day(
    signing: Signing, capsys: pytest.CaptureFixture[str]
) -> None:
    (old, _), (new, said) = made(capsys), made(capsys)
    assert old != new
    assert signing() == signing(DAY - HOUR) == (new, old)
    assert signing(DAY) == (new,)
    assert re.search(r"until \d{4}-\d\d-\d\d \d\d:\d\d UTC", said)


@pytest.mark.parametrize(("overlap", "lasts"), [("0m", 0), ("30m", HOUR // 2), ("2d", 2 * DAY)])
def test_the_overlap_can_be_chosen(
    signing: Signing, capsys: pytest.CaptureFixture[str], overlap: str, lasts: int
) -> None:
    made(capsys)
    new, said = made(capsys, "--overlap", overlap)
    assert ("void" in said) == (not lasts)
    assert len(signing(lasts - 60_000)) == 2
    assert signing(lasts) == (new,)


def test_a_third_would_silence_the_first_and_is_not_made_unasked(
    signing: Signing, capsys: pytest.CaptureFixture[str]
) -> None:
    made(capsys)
    second, _ = made(capsys)
    before = signing()
    with pytest.raises(Refusal, match="YES=1"):
        webhook_secret.main(["dev", "ada"])
    assert signing() == before
    third, _ = made(capsys, "--yes")
    assert signing() == (third, second)


def test_of_two_commands_at_once_the_second_is_refused(
    signing: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SigningSecrets, "replace", lambda *_: False)
    with pytest.raises(Refusal, match="Another command has just replaced"):
        webhook_secret.main(["dev", "ada"])


@pytest.mark.parametrize("overlap", ["", "1", "24", "31d", "1w", "-1h", "1.5h"])
def test_an_overlap_that_is_none_is_refused(signing: Signing, overlap: str) -> None:
    with pytest.raises(Refusal, match="OVERLAP="):
        webhook_secret.main(["dev", "ada", f"--overlap={overlap}"])
    assert signing() == ()


@pytest.mark.parametrize("owner", ["", "a\nb", "x" * 1_025])
def test_an_owner_that_there_cannot_be_is_refused(signing: Signing, owner: str) -> None:
    with pytest.raises(Refusal, match="OWNER="):
        webhook_secret.main(["dev", owner])


def test_a_stage_that_is_not_there_is_told(signing: Signing) -> None:
    with pytest.raises(Refusal, match="overtime-prod-jobs does not answer"):
        webhook_secret.main(["prod", "ada"])
