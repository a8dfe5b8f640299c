"""`make rotate-secret`: what the old secret sealed stays good until the overlap has passed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from chalicelib.aws.secrets import ANSWER_SECRET, Secrets
from chalicelib.domain.job import DAY, HOUR
from chalicelib.domain.seals import KNOWN_AFTER, StageSecret
from ops import rotate_secret
from ops.cli.stage import Refusal, Stage
from tests.aws import create_table


@pytest.fixture(autouse=True)
def stage_secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[Secrets]:
    monkeypatch.delenv("YES", raising=False)
    with mock_aws():
        client: Any = botocore.session.get_session().create_client(
            "dynamodb", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
        )
        create_table(client, "overtime-dev-jobs")
        monkeypatch.setattr(Stage, "client", lambda self, service: client)
        yield Secrets(lambda: client, "overtime-dev-jobs", lambda: b"first", rotate_secret._now)


def stored(stage_secret: Secrets) -> StageSecret:
    found = stage_secret.read()
    assert found is not None
    return found


def test_another_secret_seals_soon_and_the_old_one_counts_for_the_overlap(
    stage_secret: Secrets, capsys: pytest.CaptureFixture[str]
) -> None:
    stage_secret.for_ids()
    before = rotate_secret._now()
    rotate_secret.main(["dev", "--overlap", "1h"])
    found = stored(stage_secret)
    assert found.for_ids == found.before == b"first"
    assert found.newest is not None
    assert len(found.newest) == 32
    assert 0 <= found.newest_from - KNOWN_AFTER - before < 60_000
    assert found.before_until == found.newest_from + HOUR
    said = capsys.readouterr().out
    assert len(re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", said)) == 2
    assert found.newest.hex() not in said


def test_a_day_is_the_overlap_unless_another_is_given(stage_secret: Secrets) -> None:
    stage_secret.for_ids()
    rotate_secret.main(["dev"])
    found = stored(stage_secret)
    assert found.before_until - found.newest_from == DAY


def test_a_second_rotation_within_the_overlap_needs_a_yes(stage_secret: Secrets) -> None:
    stage_secret.for_ids()
    rotate_secret.main(["dev"])
    first = stored(stage_secret)
    with pytest.raises(Refusal, match=r"The last rotation is not over: .*YES=1"):
        rotate_secret.main(["dev"])
    assert stored(stage_secret) == first
    rotate_secret.main(["dev", "--yes"])
    assert stored(stage_secret).newest != first.newest


def test_a_stage_without_a_secret_has_none_to_rotate(stage_secret: Secrets) -> None:
    with pytest.raises(Refusal, match="dev has no secret yet"):
        rotate_secret.main(["dev"])
    assert stage_secret.read() is None


def test_a_command_that_comes_second_changes_nothing(
    stage_secret: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage_secret.for_ids()
    stale = stored(stage_secret)
    rotate_secret.main(["dev"])
    monkeypatch.setattr(Secrets, "read", lambda self: stale)
    with pytest.raises(Refusal, match="Another command has just rotated the secret"):
        rotate_secret.main(["dev"])


def test_the_secret_of_answer_urls_is_rotated_by_itself(
    stage_secret: Secrets, capsys: pytest.CaptureFixture[str]
) -> None:
    of_answers = replace(stage_secret, place=ANSWER_SECRET, new_id=lambda: b"of answers")
    of_answers.for_ids()
    stage_secret.for_ids()
    before = stored(stage_secret)
    rotate_secret.main(["dev", "--answers", "--overlap", "30d"])
    found = stored(of_answers)
    assert (found.before, found.before_until) == (b"of answers", found.newest_from + 30 * DAY)
    assert stored(stage_secret) == before
    assert "overtime-dev seals answer URLs with a new secret" in capsys.readouterr().out
