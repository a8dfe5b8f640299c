"""Every store that there is: the same suite runs on each, so that none can drift."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from chalicelib.aws import held_requests
from chalicelib.aws import ledgers as table_of_ledgers
from chalicelib.aws import signing_secrets as table_of_secrets
from chalicelib.aws.items import Shards
from chalicelib.aws.jobs_queue import JobsQueue
from chalicelib.aws.jobs_table import JobsTable
from chalicelib.aws.models import Models
from chalicelib.aws.payloads import Payloads
from chalicelib.aws.schedules_table import SchedulesTable
from chalicelib.aws.secrets import Secrets
from chalicelib.aws.tokens_table import TokensTable
from chalicelib.memory.identity import MemoryTokens
from chalicelib.memory.schedules import MemorySchedules
from chalicelib.memory.stores import (
    MemoryHeldRequests,
    MemoryJobs,
    MemoryLedgers,
    MemoryPayloads,
    MemoryQueue,
    MemorySecrets,
    MemorySigningSecrets,
)
from chalicelib.ports.identity import TokenStore
from chalicelib.ports.schedules import ScheduleStore
from chalicelib.ports.stores import (
    HeldRequests,
    JobStore,
    Ledgers,
    MessageQueue,
    PayloadStore,
    SecretStore,
    SigningSecrets,
)
from tests import records
from tests.aws import create_table
from tests.contract import endpoint as named
from tests.contract.ministack import ministack, not_installed

BUCKET = "overtime-contract"
SHARDS = Shards(due=3, owner=2)
DYNAMODB = ["moto", "ministack", *(["endpoint"] if named.URL else [])]


def client(service: str, endpoint: str | None = None) -> Any:
    session = botocore.session.get_session()
    session.register_component("data_loader", Models())  # as the service's own
    return session.create_client(
        service,
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(signature_version="s3v4") if service == "s3" else None,
    )


@dataclass
class Stores:
    """One stand-in for AWS. `table_client` is None where there is no DynamoDB to ask."""

    jobs: JobStore
    secrets: Callable[[Callable[[], bytes]], SecretStore]
    """Of one more process, whose fresh random bytes are these."""
    signing: SigningSecrets
    held: HeldRequests
    ledgers: Ledgers
    schedules: Callable[[], ScheduleStore]
    """Of one more process."""
    tokens: TokenStore
    messages: MessageQueue | None = None
    payloads: PayloadStore | None = None
    table_client: Any = None
    table: str = ""


def _aws(dynamodb: Any, table: str, sqs: Any = None, s3: Any = None) -> Stores:
    stores = Stores(
        JobsTable(lambda: dynamodb, table, SHARDS),
        lambda fresh: Secrets(lambda: dynamodb, table, fresh, lambda: 0),
        table_of_secrets.SigningSecrets(lambda: dynamodb, table),
        held_requests.HeldRequests(lambda: dynamodb, table),
        table_of_ledgers.Ledgers(lambda: dynamodb, table),
        lambda: SchedulesTable(lambda: dynamodb, table, SHARDS),
        TokensTable(lambda: dynamodb, table),
        table_client=dynamodb,
        table=table,
    )
    if sqs is not None:
        lane = f"default-{records.new_id()}"
        sqs.create_queue(QueueName=lane)
        stores.messages = JobsQueue(lambda: sqs, {"default": lane})
    if s3 is not None:
        bucket = f"{BUCKET}-{records.new_id()}"
        s3.create_bucket(Bucket=bucket)
        stores.payloads = Payloads(lambda: s3, bucket)
    return stores


def _emulated(dynamodb: Any, sqs: Any, s3: Any) -> Stores:
    table = f"jobs-{records.new_id()}"  # one for each test
    create_table(dynamodb, table)
    return _aws(dynamodb, table, sqs, s3)


@contextmanager
def _moto() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line a request is none of ours
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def backends() -> Iterator[dict[str, Callable[[], Stores]]]:
    """Started when first asked for, stopped at the end."""
    with ExitStack() as running:
        started: dict[str, Callable[[], Stores]] = {}

        def memory() -> Stores:
            secrets, jobs = MemorySecrets(), MemoryJobs()
            schedules = MemorySchedules(jobs)
            return Stores(
                jobs,
                lambda fresh: secrets,
                MemorySigningSecrets(),
                MemoryHeldRequests(),
                MemoryLedgers(),
                lambda: schedules,
                MemoryTokens(),
                MemoryQueue(),
                MemoryPayloads(),
            )

        def emulated(name: str, emulator: Callable[[], AbstractContextManager[str]]) -> Stores:
            if name not in started:
                url = running.enter_context(emulator())
                clients = [client(service, url) for service in ("dynamodb", "sqs", "s3")]
                started[name] = lambda: _emulated(*clients)
            return started[name]()

        def endpoint() -> Stores:
            if "endpoint" not in started:
                dynamodb = named.client()
                table = running.enter_context(named.lasting_table(dynamodb))
                started["endpoint"] = lambda: _aws(dynamodb, table)
            return started["endpoint"]()

        yield {
            "memory": memory,
            "moto": lambda: emulated("moto", _moto),
            "ministack": lambda: emulated("ministack", ministack),
            "endpoint": endpoint,
        }


def required(reason: str | None) -> None:
    """Skips a test for a reason; in CI nothing may be left out."""
    if reason is not None:
        if os.environ.get("CI"):
            pytest.fail(f"{reason}: in CI nothing may be left out")
        pytest.skip(reason)


@contextmanager
def _opened(name: str, backends: dict[str, Callable[[], Stores]]) -> Iterator[Stores]:
    if name == "ministack":
        required(not_installed())
    stores = backends[name]()
    yield stores
    if name == "endpoint":
        named.empty(stores.table_client, stores.table)


@pytest.fixture(params=["memory", *DYNAMODB])
def stores(
    request: pytest.FixtureRequest, backends: dict[str, Callable[[], Stores]]
) -> Iterator[Stores]:
    with _opened(request.param, backends) as opened:
        yield opened


@pytest.fixture
def jobs(stores: Stores) -> JobStore:
    return stores.jobs


@pytest.fixture
def ledgers(stores: Stores) -> Ledgers:
    return stores.ledgers


@pytest.fixture
def signing(stores: Stores) -> SigningSecrets:
    return stores.signing


@pytest.fixture(params=DYNAMODB)
def tables(
    request: pytest.FixtureRequest, backends: dict[str, Callable[[], Stores]]
) -> Iterator[Stores]:
    """Those that speak DynamoDB."""
    with _opened(request.param, backends) as opened:
        yield opened


@pytest.fixture(params=["memory", "moto", "ministack"])
def edges(
    request: pytest.FixtureRequest, backends: dict[str, Callable[[], Stores]]
) -> Iterator[Stores]:
    """Those with a queue and a bucket."""
    with _opened(request.param, backends) as opened:
        yield opened


@pytest.fixture
def messages(edges: Stores) -> MessageQueue:
    assert edges.messages is not None
    return edges.messages


@pytest.fixture
def payloads(edges: Stores) -> PayloadStore:
    assert edges.payloads is not None
    return edges.payloads
