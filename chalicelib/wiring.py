"""The only place that builds AWS clients and puts the system together.

Nothing is built at import: a cold start pays for a client when a request first needs it.
"""

from __future__ import annotations

import functools
import random
import secrets
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalicelib import __version__
from chalicelib.domain.task import Task
from chalicelib.http.webhooks import webhook_body
from chalicelib.service.delivering import deliver_webhook
from chalicelib.service.heartbeat import beating_in_a_thread
from chalicelib.service.interrupt import SignalInterrupts
from chalicelib.service.ports import Bearers, Rules, System
from chalicelib.service.tokens import Tokens
from chalicelib.settings import LOCAL, Auth, Settings
from chalicelib.tasks import registered

if TYPE_CHECKING:
    from botocore.session import Session


class RealClock:
    """Implements ports.Clock."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def _fresh() -> str:
    return secrets.token_hex(16)


@functools.cache
def tasks() -> Mapping[str, Task]:
    """The users', and our own beside them."""
    return {**registered(), deliver_webhook.name: deliver_webhook}


@functools.cache
def system(settings: Settings) -> System:
    from chalicelib.aws.items import Shards
    from chalicelib.aws.jobs_queue import JobsQueue
    from chalicelib.aws.jobs_table import JobsTable
    from chalicelib.aws.payloads import Payloads
    from chalicelib.aws.secrets import Secrets
    from chalicelib.aws.signing_secrets import SigningSecrets
    from chalicelib.web.guard import Guard
    from chalicelib.web.outgoing import OutgoingWeb

    runtime = (settings.aws_lambda_runtime_api,) if settings.aws_lambda_runtime_api else ()
    return System(
        jobs=JobsTable(
            functools.partial(client, "dynamodb"),
            settings.table,
            Shards(due=settings.due_shards, owner=settings.owner_shards),
        ),
        messages=JobsQueue(functools.partial(client, "sqs"), settings.queues),
        payloads=Payloads(functools.partial(client, "s3"), settings.bucket),
        web=OutgoingWeb(
            Guard(settings.hosts, settings.networks, runtime), f"overtime/{__version__}"
        ),
        clock=RealClock(),
        fresh=_fresh,
        chance=random.random,
        tasks=tasks,
        secrets=Secrets(
            functools.partial(client, "dynamodb"),
            settings.table,
            fresh=functools.partial(secrets.token_bytes, 32),
        ),
        signing_secrets=SigningSecrets(functools.partial(client, "dynamodb"), settings.table),
        interrupts=SignalInterrupts,
        beating=beating_in_a_thread,
        webhook_body=webhook_body,
        rules=Rules(
            lease=settings.lease_seconds * 1_000,
            retention=settings.retention_days * 86_400_000,
            longest_wait_seconds=settings.max_wait_seconds,
        ),
    )


@functools.cache
def bearers(settings: Settings) -> Bearers:
    """Who tells whose a bearer token is. The issuer's check is loaded where it is used alone."""
    if settings.auth is Auth.JWT:
        from chalicelib.oidc import Oidc

        schemes = ("https", "http") if settings.stage == LOCAL else ("https",)
        return Oidc(
            settings.jwt_issuer, settings.jwt_audience, settings.jwt_jwks_url or None, schemes
        )
    from chalicelib.aws.tokens_table import TokensTable

    store = TokensTable(functools.partial(client, "dynamodb"), settings.table)
    return Tokens(store, RealClock().now, _fresh)


@functools.cache
def _session() -> Session:
    import botocore.session

    return botocore.session.get_session()


_clients: dict[str, Any] = {}
_building = threading.Lock()  # a session cannot build two clients at once


def client(service: str) -> Any:
    """One client a service and process. botocore's own session starts faster than boto3's."""
    with _building:
        if service not in _clients:
            from botocore.config import Config

            config = Config(
                connect_timeout=2,  # seconds; with all retries it must fit into API Gateway's 29
                read_timeout=30 if service == "s3" else 5,
                retries={"mode": "standard", "total_max_attempts": 3},
                signature_version="s3v4" if service == "s3" else None,
            )
            _clients[service] = _session().create_client(service, config=config)
        return _clients[service]
