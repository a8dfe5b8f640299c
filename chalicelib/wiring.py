"""The only place that builds AWS clients and puts the system together.

Nothing is built at import: a cold start pays for a client when a request first needs it.
"""

from __future__ import annotations

import functools
import gc
import random
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, assert_never

from chalicelib import __version__
from chalicelib.domain.task import Task
from chalicelib.http import frames
from chalicelib.http.auth import LOCAL_OWNER
from chalicelib.http.webhooks import webhook_body
from chalicelib.identity.tokens import Tokens
from chalicelib.ports.identity import Authenticator
from chalicelib.ports.outbound import Web
from chalicelib.ports.push import Push, Pushing
from chalicelib.ports.stores import TaskSecrets
from chalicelib.ports.system import Rules, System
from chalicelib.runtime.beating import beating_in_a_thread
from chalicelib.runtime.clock import RealClock
from chalicelib.runtime.interrupts import SignalInterrupts
from chalicelib.runtime.outbox import ThreadedOutbox
from chalicelib.runtime.parallel import in_threads
from chalicelib.service.cascade import cancel_children
from chalicelib.service.webhook_task import send_webhook
from chalicelib.settings import LOCAL, Auth, ByAppSync, ByWebSocket, Settings
from chalicelib.tasks import broken_files, registered

if TYPE_CHECKING:
    from botocore.session import Session

    from chalicelib.outbound.guard import Guard


outbox = ThreadedOutbox()  # of this process


def _new_id() -> str:
    return secrets.token_hex(16)


@contextmanager
def _to_stay() -> Iterator[None]:
    """What is imported and built here stays as long as the process. Without this, Python's garbage
    collector visits all of it again and again: 5 % of a cold start."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


@functools.cache
@_to_stay()
def tasks(skip_broken: bool) -> Mapping[str, Task]:
    """The users' tasks, and the internal ones."""
    internal = {one.name: one for one in (send_webhook, cancel_children)}
    return {**registered(skip_broken=skip_broken), **internal}


@functools.cache
@_to_stay()
def system(settings: Settings) -> System:
    return system_with(settings, client)


def system_with(settings: Settings, client: Callable[..., Any]) -> System:
    """The system on the AWS clients that `client(service, endpoint)` returns; the endpoint is
    optional."""
    from chalicelib.aws.held_requests import HeldRequests
    from chalicelib.aws.items import Shards
    from chalicelib.aws.jobs_queue import JobsQueue
    from chalicelib.aws.jobs_table import JobsTable
    from chalicelib.aws.ledgers import Ledgers
    from chalicelib.aws.payloads import Payloads
    from chalicelib.aws.schedules_table import SchedulesTable
    from chalicelib.aws.secrets import ANSWER_SECRET, STAGE_SECRET, Secrets
    from chalicelib.aws.signing_secrets import SigningSecrets
    from chalicelib.domain.seals import SECRET_BYTES
    from chalicelib.outbound.guard import Guard

    shards = Shards(due=settings.due_shards, owner=settings.owner_shards)
    secrets_at = functools.partial(
        Secrets,
        functools.partial(client, "dynamodb"),
        settings.table,
        functools.partial(secrets.token_bytes, SECRET_BYTES),
        RealClock().now,
    )
    runtime = (settings.aws_lambda_runtime_api,) if settings.aws_lambda_runtime_api else ()
    return System(
        jobs=JobsTable(
            functools.partial(client, "dynamodb"),
            settings.table,
            shards,
        ),
        ledgers=Ledgers(functools.partial(client, "dynamodb"), settings.table),
        messages=JobsQueue(functools.partial(client, "sqs"), settings.queues),
        payloads=Payloads(functools.partial(client, "s3"), settings.bucket),
        web=_web(Guard(settings.hosts, settings.networks, runtime)),
        clock=RealClock(),
        new_id=_new_id,
        random=random.random,
        tasks=functools.partial(tasks, settings.stage == LOCAL),
        held=HeldRequests(functools.partial(client, "dynamodb"), settings.table),
        secrets=secrets_at(STAGE_SECRET),
        answer_secrets=secrets_at(ANSWER_SECRET),
        signing_secrets=SigningSecrets(functools.partial(client, "dynamodb"), settings.table),
        task_secrets=functools.partial(_task_secrets, settings, client),
        in_parallel=in_threads,
        schedules=SchedulesTable(functools.partial(client, "dynamodb"), settings.table, shards),
        interrupts=SignalInterrupts,
        beating=beating_in_a_thread,
        webhook_body=webhook_body,
        rules=Rules(
            lease=settings.lease_seconds * 1_000,
            retention=settings.retention_days * 86_400_000,
            schedule_owner=LOCAL_OWNER if settings.auth is Auth.OPEN else None,
            public_url=settings.public_url,
        ),
        pushing=_pushing(settings, client),
        broken_tasks=broken_files,  # only read on a stage that skips broken files
    )


@functools.cache
def _task_secrets(settings: Settings, client: Callable[..., Any]) -> TaskSecrets:
    if settings.stage == LOCAL:
        from chalicelib.runtime.secrets_file import SecretsFile

        return SecretsFile(settings.stage)
    from chalicelib.aws import task_secrets

    ssm = functools.partial(client, "ssm")
    return task_secrets.TaskSecrets(ssm, settings.secrets_path, settings.stage)


def _web(guard: Guard) -> Web:
    from chalicelib.outbound.client import OutboundClient

    return OutboundClient(guard, f"overtime/{__version__}")


def _pushing(settings: Settings, client: Callable[..., Any]) -> Pushing | None:
    from chalicelib.aws.push_connections import Subscriptions

    transport = settings.transport
    if transport is None or transport.url is None:
        return None
    return Pushing(
        url=transport.url,
        host=transport.host,
        connections=Subscriptions(functools.partial(client, "dynamodb"), settings.table),
        push=_push(transport, client),
        outbox=outbox,
        updated=frames.updated,
        refused=frames.refused,
    )


def _push(transport: ByWebSocket | ByAppSync, client: Callable[..., Any]) -> Push:
    match transport:
        case ByWebSocket(endpoint=endpoint):
            from chalicelib.aws.push_websocket import WebSockets

            return WebSockets(functools.partial(client, "apigatewaymanagementapi", endpoint))
        case ByAppSync(host=host):
            from chalicelib.aws.push_appsync import EventApi

            return EventApi(_signer, f"https://{host}/event")
    assert_never(transport)


@functools.cache
def _signer() -> Any:
    """Signs for AppSync with the function's own credentials (Signature Version 4)."""
    from botocore.auth import SigV4Auth

    credentials: Any = _session().get_credentials()
    return SigV4Auth(credentials, "appsync", _session().get_config_variable("region"))


@functools.cache
def authenticator(settings: Settings) -> Authenticator:
    """The check of bearer tokens. The one for an OpenID Connect issuer is loaded only if used."""
    if settings.auth is Auth.JWT:
        from chalicelib.identity.oidc import Oidc
        from chalicelib.outbound.addresses import EVERYWHERE
        from chalicelib.outbound.guard import Guard

        return Oidc(
            web=_web(Guard(networks=EVERYWHERE)),  # the operator sets the issuer's URL, no client
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            jwks_url=settings.jwt_jwks_url or None,
            schemes=("https", "http") if settings.stage == LOCAL else ("https",),
        )
    from chalicelib.aws.tokens_table import TokensTable

    store = TokensTable(functools.partial(client, "dynamodb"), settings.table)
    return Tokens(store, RealClock().now, _new_id)


@functools.cache
def _session() -> Session:
    import botocore.session

    from chalicelib.aws.models import Models

    session = botocore.session.get_session()
    session.register_component("data_loader", Models())
    return session


_clients: dict[str, Any] = {}
_building = threading.Lock()  # a session cannot build two clients at once


def client(service: str, endpoint: str | None = None) -> Any:
    """One client per service and process. botocore's own session starts faster than boto3's."""
    with _building:
        if service not in _clients:
            _clients[service] = _new_client(service, endpoint)
        return _clients[service]


@_to_stay()
def _new_client(service: str, endpoint: str | None) -> Any:
    import botocore
    from botocore.config import Config

    pushes = service == "apigatewaymanagementapi"
    config = Config(
        # whole: otherwise botocore puts its own together twice for each request
        user_agent=f"Botocore/{botocore.__version__} overtime/{__version__}",
        # what is sent is built here, from checked input; a mistake is AWS's to refuse
        parameter_validation=service not in ("dynamodb", "sqs"),
        # seconds; with all retries they fit into API Gateway's 29; shorter for a push
        connect_timeout=1 if pushes else 2,
        read_timeout={"s3": 30, "apigatewaymanagementapi": 2}.get(service, 5),
        retries={"mode": "standard", "total_max_attempts": 1 if pushes else 3},
        signature_version="s3v4" if service == "s3" else None,
        # else presigned URLs name no region, and S3 redirects them, which breaks them
        s3={"addressing_style": "virtual"} if service == "s3" else None,
    )
    return _session().create_client(service, config=config, endpoint_url=endpoint)
