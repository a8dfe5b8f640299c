"""The stage's environment, typed. It is read once, when app.py is imported."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from chalicelib.domain.task import LANES

LOCAL = "local"
ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")  # RFC 6454, section 6.2


class SettingsError(ValueError):
    """What is wrong with the environment, and how to fix it."""


class Auth(StrEnum):
    """How callers authenticate."""

    TOKENS = "tokens"  # issued by the stage itself
    JWT = "jwt"  # issued by an OpenID Connect issuer
    IAM = "iam"  # AWS signatures, which API Gateway checks
    OPEN = "open"  # without credentials: all callers are one owner


class LaneSettings(msgspec.Struct, frozen=True):
    """Its environment variables are QUEUE_<LANE> and CONCURRENCY_<LANE>."""

    lane: str
    queue: str
    """URL of the queue, or its name."""
    concurrency: int | None = None
    """The maximum number of workers that the queue starts at once; None: Lambda's own limit."""


class ByWebSocket(msgspec.Struct, frozen=True):
    """Changes are pushed over API Gateway's WebSockets."""

    endpoint: str | None
    """The management API; None until the first deployment has created it."""
    connect_at: str | None
    host: None = None

    @property
    def url(self) -> str | None:
        """Where clients connect; None where they cannot yet."""
        return self.endpoint and (self.connect_at or f"ws{self.endpoint.removeprefix('http')}")


class ByAppSync(msgspec.Struct, frozen=True):
    """Changes are pushed over an AppSync Event API."""

    host: str | None
    """Its HTTP domain, which clients send when they connect; None until it is deployed."""
    realtime_domain: str | None

    @property
    def url(self) -> str | None:
        """Where clients connect; None where they cannot yet."""
        there = self.host and self.realtime_domain
        return f"wss://{self.realtime_domain}/event/realtime" if there else None


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename="upper"):
    """Each field is an environment variable with its name in upper case; `lanes` are several."""

    stage: str
    table: str
    bucket: str
    lanes: tuple[LaneSettings, ...]
    """One for each of domain.task.LANES."""
    auth: Auth
    jwt_issuer: str = ""
    """The exact `iss` of the tokens; its OpenID Connect discovery names the URL of the keys."""
    jwt_audience: str = ""
    """The `aud` that tokens must have."""
    jwt_jwks_url: str = ""
    """The URL of the keys, for an issuer without discovery."""
    public_url: str | None = None
    """The base of all links, e.g. `https://jobs.example.com`; else the request's own host."""
    allowed_origin: str = ""
    """The one other origin whose web pages may call, e.g. `https://app.example.com`."""
    max_wait_seconds: int = 25
    """The longest `Prefer: wait`. API Gateway ends a request after 29 seconds."""
    lease_seconds: int = 60
    retention_days: int = 30
    due_shards: int = 4
    owner_shards: int = 1
    """Shards of the two indexes; the numbers may grow, never shrink."""
    allowed_hosts: str = "*"
    """Hosts that jobs may call by HTTPS, at public addresses only: names or patterns such as
    `*.example.com`, with the port unless it is 443, separated by commas."""
    allowed_networks: str = ""
    """Networks in which jobs may call anything, also by plain HTTP and on any port, such as
    `10.1.0.0/16`, separated by commas. Every client can then reach all of them."""
    aws_lambda_runtime_api: str | None = None
    """Set by Lambda; jobs may never call it."""
    push: Literal["websocket", "appsync", "none"] | None = None
    """How changes are pushed to clients; by default websocket if there is an endpoint."""
    websocket_endpoint: str | None = None
    """The management API of the WebSocket API, e.g.
    `https://a1b2c3.execute-api.eu-central-1.amazonaws.com/prod`."""
    websocket_url: str | None = None
    """Where clients connect, if it differs from the endpoint."""
    appsync_http_domain: str | None = None
    appsync_realtime_domain: str | None = None
    """The domains of the AppSync Event API, for PUSH=appsync."""

    def __post_init__(self) -> None:
        match self.auth:
            case Auth.OPEN if self.stage != LOCAL:
                raise ValueError(f"AUTH=open is for the local stage only; this is {self.stage}")
            case Auth.IAM if self.stage == LOCAL:
                raise ValueError("AUTH=iam needs API Gateway, which the local stage does not have")
            case Auth.JWT:
                self._check_issuer()
        if not (self.websocket_endpoint or "http://").startswith(("http://", "https://")):
            raise ValueError("WEBSOCKET_ENDPOINT must be a URL that begins with https://")
        if self.allowed_origin and not ORIGIN.fullmatch(self.allowed_origin):
            raise ValueError("ALLOWED_ORIGIN must be one origin, such as https://app.example.com")
        for one in self.lanes:
            if one.concurrency is not None and not 2 <= one.concurrency <= 1_000:  # SQS's bounds
                raise ValueError(f"CONCURRENCY_{one.lane.upper()} must be between 2 and 1000")
        for name, low, high in BOUNDS:
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name.upper()} must be between {low} and {high}")
        try:
            _ = self.networks
        except ValueError as error:
            raise ValueError(f"ALLOWED_NETWORKS: {error}") from None

    @property
    def hosts(self) -> tuple[str, ...]:
        return _listed(self.allowed_hosts)

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return tuple(ip_network(one) for one in _listed(self.allowed_networks))

    def _check_issuer(self) -> None:
        if not (self.jwt_issuer and self.jwt_audience):
            raise ValueError("AUTH=jwt needs JWT_ISSUER and JWT_AUDIENCE")
        schemes = ("https", "http") if self.stage == LOCAL else ("https",)
        for name in ("jwt_issuer", "jwt_jwks_url"):
            url = urlsplit(getattr(self, name))
            if url.geturl() and not (url.scheme in schemes and url.hostname):
                raise ValueError(f"{name.upper()} must be a URL that begins with https://")
        issuer = urlsplit(self.jwt_issuer)
        if issuer.query or issuer.fragment:  # OpenID Connect Discovery 1.0, section 3
            raise ValueError("JWT_ISSUER must be a URL without query and fragment")

    @property
    def transport(self) -> ByWebSocket | ByAppSync | None:
        """How changes are pushed to clients; None on a stage without push."""
        if self.push == "appsync":
            return ByAppSync(self.appsync_http_domain, self.appsync_realtime_domain)
        if self.push == "websocket" or (self.push is None and self.websocket_endpoint):
            return ByWebSocket(self.websocket_endpoint, self.websocket_url)
        return None

    @property
    def secrets_path(self) -> str:
        """The prefix of this stage's parameters in Parameter Store."""
        return f"/{self.table.removesuffix('-jobs')}/secrets/"

    @property
    def queues(self) -> dict[str, str]:
        """By lane."""
        return {one.lane: one.queue for one in self.lanes}

    def trigger(self, lane: str) -> dict[str, Any]:
        """The arguments of Chalice's on_sqs_message for the lane's worker."""
        [settings] = [one for one in self.lanes if one.lane == lane]
        return {
            "queue": settings.queue.rpartition("/")[2],
            "batch_size": 1,
            "maximum_concurrency": settings.concurrency,
            "name": f"{lane}_worker",
        }


BOUNDS = (
    ("max_wait_seconds", 0, 25),
    ("lease_seconds", 3, 900),
    ("retention_days", 1, 3_650),
    ("due_shards", 1, 256),
    ("owner_shards", 1, 256),
)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.split(",") if one.strip())


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Raises a SettingsError that names the wrong variable."""
    auth = environment.get("AUTH")
    if auth is not None and auth not in list(Auth):
        raise SettingsError(f"AUTH={auth} is not a mode; the modes are: {', '.join(Auth)}.")
    try:
        lanes = [_lane(environment, lane) for lane in LANES]
        return msgspec.convert({**environment, "LANES": lanes}, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(
            f"The environment of this stage is wrong: {error}. "
            "Fix it in .chalice/config.json, under environment_variables."
        ) from None


def _lane(environment: Mapping[str, str], lane: str) -> dict[str, str]:
    suffix, found = lane.upper(), {"lane": lane}
    if queue := environment.get(f"QUEUE_{suffix}"):
        found["queue"] = queue
    elif environment.get("STAGE") == LOCAL:
        found["queue"] = f"{environment.get('TABLE', '').removesuffix('-jobs')}-{lane}"
    else:
        raise SettingsError(f"QUEUE_{suffix} is not set: the stage needs a queue for each lane.")
    if concurrency := environment.get(f"CONCURRENCY_{suffix}"):
        found["concurrency"] = concurrency
    return found
