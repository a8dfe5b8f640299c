"""What the clients of AWS are set to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib import wiring


@pytest.fixture(autouse=True)
def anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    wiring._session.cache_clear()
    monkeypatch.setattr(wiring, "_clients", {})
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    yield
    wiring._session.cache_clear()


def presigned() -> str:
    place = {"Bucket": "overtime-dev-1-eu-central-1", "Key": "a"}
    url: str = wiring.client("s3").generate_presigned_url("get_object", Params=place)
    return url


def test_presigned_urls_lead_to_the_buckets_own_region() -> None:
    """S3's global endpoint redirects, for hours or for ever, to a host that was not signed for."""
    host = "https://overtime-dev-1-eu-central-1.s3.eu-central-1.amazonaws.com/a?"
    assert presigned().startswith(host)


def test_on_the_local_aws_the_bucket_is_in_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert presigned().startswith("http://127.0.0.1:4566/overtime-dev-1-eu-central-1/a?")
