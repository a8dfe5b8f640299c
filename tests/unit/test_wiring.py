"""What the clients of AWS are set to."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest
from botocore.exceptions import UnknownServiceError

from chalicelib import wiring
from tests.aws import ENVIRONMENT, ROOT


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


@pytest.fixture
def collections() -> Iterator[list[str]]:
    """What the garbage collector does, meanwhile."""
    seen: list[str] = []

    def note(phase: str, info: object) -> None:
        seen.append(phase)

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)
    gc.unfreeze()


def test_building_a_client_collects_no_garbage(collections: list[str]) -> None:
    wiring.client("sqs")
    assert collections == []
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0  # nor does a later collection visit what was built


def test_garbage_is_collected_again_after_a_client_could_not_be_built() -> None:
    with pytest.raises(UnknownServiceError):
        wiring.client("no-such-service")
    assert gc.isenabled()


def test_the_api_loads_nothing_of_parameter_store_and_a_worker_only_when_asked() -> None:
    program = f"""
import os, sys
os.environ.update({ENVIRONMENT | {"STAGE": "dev", "AUTH": "tokens"}!r})
import app
system = app.system()
assert "chalicelib.aws.task_secrets" not in sys.modules
secrets = system.task_secrets()
assert system.task_secrets() is secrets
assert app.wiring._clients == {{}}
print(secrets.path)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "/overtime-local/secrets/\n"
