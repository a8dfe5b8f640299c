"""One local AWS and one stage on it for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.deployed import Deployed
from tests.e2e.http import Client
from tests.e2e.local_aws import EnforcingAws
from tests.e2e.third_party import ThirdParty
from tests.flights import write

ROWS = 30_000  # 2.9 MB
LEASE_SECONDS = "5"


@pytest.fixture(scope="session")
def flights(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A CSV as a client would upload it."""
    file: Path = tmp_path_factory.mktemp("flights") / "flights.csv"
    write(file, ROWS)
    return file.read_bytes()


@pytest.fixture(scope="session")
def third_party(flights: bytes) -> Iterator[ThirdParty]:
    server = ThirdParty(flights)
    yield server
    server.close()


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnforcingAws]:
    running = EnforcingAws(tmp_path_factory.mktemp("aws"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def stage(aws: EnforcingAws) -> Deployed:
    """As deployed; then made impatient, and allowed to call servers on this machine."""
    deployed = Deployed(aws, "e2e")
    for function in deployed.functions:
        deployed.configure(
            function,
            LEASE_SECONDS=LEASE_SECONDS,
            ALLOWED_HOSTS="127.0.0.1",
            ALLOWED_NETWORKS="127.0.0.0/8",
        )
    return deployed


@pytest.fixture(scope="session")
def ada(stage: Deployed) -> Client:
    return stage.owner("ada")


@pytest.fixture(scope="session")
def bob(stage: Deployed) -> Client:
    return stage.owner("bob")


@pytest.fixture
def nobody(stage: Deployed) -> Client:
    return Client(stage.url, stage.aws.certificate)
