"""One local AWS and one stage on it for all tests of this folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.project import Project
from tests.e2e import steps
from tests.e2e.deployed import Deployed
from tests.e2e.http import Client
from tests.e2e.local_aws import EnforcingAws
from tests.e2e.third_party import ThirdParty
from tests.e2e.waiting import until
from tests.flights import write
from tests.issuer import AUDIENCE, Issuer, running

ROWS = 30_000  # 2.9 MB
HEAVY_TIMEOUT = 12  # seconds
SLOW_SECONDS = 20  # that the source of the long job needs: over two invocations and a bit
LAST = "test_healing.py"
DOMAIN = "jobs.localhost"  # the local AWS answers at 127.0.0.1 and below .localhost


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
    """As deployed; then made impatient."""
    deployed = Deployed(aws, "e2e")
    loosen(deployed, LEASE_SECONDS="5")
    deployed.configure("heavy_worker", timeout=HEAVY_TIMEOUT)
    return deployed


@pytest.fixture(scope="session")
def user_stage(aws: EnforcingAws, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """Another stage beside it, with a user's own tasks. Its name begins as the first one's does."""
    home = Project(tmp_path_factory.mktemp("user") / "project").folder
    shutil.copy(steps.__file__, home / "chalicelib" / "tasks")
    deployed = Deployed(aws, "e2eb", home)
    loosen(deployed)
    return deployed


@pytest.fixture(scope="session")
def issuer(aws: EnforcingAws) -> Iterator[Issuer]:
    with running((aws.certificate, aws.key)) as issuer:
        yield issuer


@pytest.fixture(scope="session")
def jwt_stage(
    aws: EnforcingAws, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> Deployed:
    """A stage whose clients have tokens of an issuer, under a domain of its own."""
    project = Project(tmp_path_factory.mktemp("jwt") / "project")
    chosen = {
        "AUTH": "jwt",
        "JWT_ISSUER": issuer.url,
        "JWT_AUDIENCE": AUDIENCE,
        "PUBLIC_URL": f"https://{DOMAIN}",
    }
    project.configure(stages={"e2ejwt": {"environment_variables": chosen}})
    deployed = Deployed(aws, "e2ejwt", project.folder)
    deployed.answer_at(DOMAIN)
    loosen(deployed, SSL_CERT_FILE=str(aws.certificate))
    return deployed


def loosen(deployed: Deployed, **more: str) -> None:
    """Lets it call servers on this machine, by plain HTTP."""
    for function in deployed.functions:
        deployed.configure(function, variables={"ALLOWED_NETWORKS": "127.0.0.0/8", **more})


@pytest.fixture(scope="session")
def ada(stage: Deployed) -> Client:
    return stage.owner("ada")


@pytest.fixture(scope="session")
def bob(stage: Deployed) -> Client:
    return stage.owner("bob")


@pytest.fixture
def nobody(stage: Deployed) -> Client:
    return Client(stage.url, stage.aws.certificate)


@dataclass(frozen=True)
class Begun:
    """Jobs that take their time, begun before all tests and looked at by the last of them."""

    lost: dict[str, Any]
    """Its message went missing."""
    cut_off: dict[str, Any]
    """Its worker was killed in the middle."""
    long: dict[str, Any]
    """It takes longer than its function may."""


@pytest.fixture(scope="session", autouse=True)
def begun(stage: Deployed, ada: Client, third_party: ThirdParty) -> Begun:
    with stage.standing_still("default"):
        lost = ada.submit("fetch", {"url": f"{third_party.url}/now/lost"})
        stage.take_away("default", lost["id"])
    params = {
        "source": f"{third_party.url}/slow/{SLOW_SECONDS}",
        "group_by": ["carrier"],
        "metrics": ["count"],
    }
    long = ada.submit("report", params)
    with stage.visible_after("default", 5):  # SQS delivers it again while it has a lease
        cut_off = ada.submit("fetch", {"url": f"{third_party.url}/held/cut-off"})
        until(lambda: third_party.calls["/held/cut-off"], 30)
    stage.kill("default_worker")
    third_party.release("cut-off")
    return Begun(lost, cut_off, long)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes its time is looked at last."""
    items.sort(key=lambda item: item.path.name == LAST)
