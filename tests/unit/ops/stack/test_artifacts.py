"""What is deployed passes through a closed bucket, and passes once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from ops.stack import artifacts
from tests.aws import counted


class Somewhere:
    """A stage in a region."""

    def __init__(self, region: str) -> None:
        self.region, self.artifacts, self.bucket = region, "overtime-dev-code", "jobs"
        self.s3: Any = botocore.session.get_session().create_client("s3", region)

    def client(self, service: str) -> Any:
        assert service == "s3"
        return self.s3


@pytest.fixture(params=["us-east-1", "eu-central-1"])
def stage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        stage: Any = Somewhere(request.param)
        artifacts.create_bucket(stage)
        yield stage


@pytest.fixture
def without_policy(stage: Any) -> None:
    """moto denies whatever a policy's condition is."""
    stage.s3.delete_bucket_policy(Bucket=stage.artifacts)


def test_the_bucket_is_closed_encrypted_and_forgets(stage: Any) -> None:
    here: Any = {"Bucket": stage.artifacts}
    closed = stage.s3.get_public_access_block(**here)["PublicAccessBlockConfiguration"]
    assert set(closed.values()) == {True}
    encryption = stage.s3.get_bucket_encryption(**here)["ServerSideEncryptionConfiguration"]
    [rule] = encryption["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    [old] = stage.s3.get_bucket_lifecycle_configuration(**here)["Rules"]
    assert (old["Status"], old["Expiration"]["Days"]) == ("Enabled", artifacts.KEPT_DAYS)
    [tls] = json.loads(stage.s3.get_bucket_policy(**here)["Policy"])["Statement"]
    assert (tls["Effect"], tls["Condition"]) == (
        "Deny",
        {"Bool": {"aws:SecureTransport": "false"}},
    )


def test_a_bucket_that_is_there_is_put_right_again(stage: Any) -> None:
    stage.s3.delete_public_access_block(Bucket=stage.artifacts)
    artifacts.create_bucket(stage)
    assert stage.s3.get_public_access_block(Bucket=stage.artifacts)


@pytest.mark.usefixtures("without_policy")
def test_what_is_there_is_not_sent_again_but_kept_for_another_year(stage: Any) -> None:
    key, sent = artifacts.send(stage, b"bundle", "zip")
    assert sent
    with counted(stage.s3) as calls:
        assert artifacts.send(stage, b"bundle", "zip") == (key, False)
    assert calls == ["s3.HeadObject", "s3.CopyObject"]
    other, sent = artifacts.send(stage, b"another", "zip")
    assert sent
    assert other != key
    assert stage.s3.get_object(Bucket=stage.artifacts, Key=key)["Body"].read() == b"bundle"


def test_cloudformation_finds_the_template_under_its_url(stage: Any) -> None:
    url = artifacts.url(stage, "abc.json")
    assert url.startswith("https://s3.")
    assert url.endswith(".amazonaws.com/overtime-dev-code/abc.json")


@pytest.mark.usefixtures("without_policy")
def test_a_bucket_is_removed_with_all_that_is_in_it_and_once(stage: Any) -> None:
    for number in range(3):
        artifacts.send(stage, bytes([number]), "zip")
    assert artifacts.remove_bucket(stage, stage.artifacts)
    with pytest.raises(ClientError, match="404"):
        stage.s3.head_bucket(Bucket=stage.artifacts)
    assert not artifacts.remove_bucket(stage, stage.artifacts)
