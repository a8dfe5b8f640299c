"""The environment of a stage, read and checked once."""

from __future__ import annotations

import json

import pytest

from chalicelib.domain.task import LANES
from chalicelib.settings import BOUNDS, ByAppSync, ByWebSocket, SettingsError, read_settings
from tests.aws import ROOT

ENVIRONMENT = {
    "STAGE": "local",
    "AUTH": "open",
    "TABLE": "jobs",
    "BUCKET": "bucket",
    "QUEUE_DEFAULT": "https://sqs.eu-central-1.amazonaws.com/123456789012/overtime-default",
    "QUEUE_HEAVY": "overtime-heavy",
    "QUEUE_WEBHOOKS": "overtime-webhooks",
}


def with_(**changes: str) -> dict[str, str]:
    return {**ENVIRONMENT, **changes}


def test_a_stage_needs_no_more_than_this() -> None:
    settings = read_settings(ENVIRONMENT)
    assert (settings.table, settings.public_url) == ("jobs", None)
    assert (settings.max_wait_seconds, settings.retention_days) == (25, 30)


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
def test_a_missing_variable_is_named(name: str) -> None:
    deployed = with_(STAGE="dev", AUTH="tokens")
    rest = {other: value for other, value in deployed.items() if other != name}
    with pytest.raises(SettingsError, match=name):
        read_settings(rest)


def test_other_variables_in_the_environment_are_ignored() -> None:
    assert read_settings(with_(PATH="/bin", stage="prod")).stage == "local"


def test_numbers_are_read_from_text() -> None:
    assert read_settings(with_(MAX_WAIT_SECONDS="7")).max_wait_seconds == 7


@pytest.mark.parametrize(("name", "low", "high"), BOUNDS)
def test_numbers_have_bounds(name: str, low: int, high: int) -> None:
    for number in (low, high):
        assert getattr(read_settings(with_(**{name.upper(): str(number)})), name) == number
    for number in (low - 1, high + 1):
        with pytest.raises(SettingsError, match=name.upper()):
            read_settings(with_(**{name.upper(): str(number)}))


def test_no_request_may_be_held_until_api_gateway_hangs_up() -> None:
    with pytest.raises(SettingsError, match="MAX_WAIT_SECONDS must be between 0 and 25"):
        read_settings(with_(MAX_WAIT_SECONDS="26"))


@pytest.mark.parametrize("text", ["", "five", "1.5", "5s"])
def test_text_that_is_not_a_number_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"max_wait_seconds|MAX_WAIT_SECONDS"):
        read_settings(with_(MAX_WAIT_SECONDS=text))


@pytest.mark.parametrize("stage", ["dev", "prod", "Local", "local2", ""])
def test_an_open_stage_is_refused_unless_it_is_local(stage: str) -> None:
    with pytest.raises(SettingsError, match="AUTH=open"):
        read_settings(with_(STAGE=stage))


@pytest.mark.parametrize("auth", ["none", "", "Tokens", "tokens "])
def test_an_unknown_mode_is_refused(auth: str) -> None:
    with pytest.raises(SettingsError, match=rf"AUTH={auth} .*tokens, jwt, iam, open"):
        read_settings(with_(AUTH=auth))


JWT = {
    "STAGE": "dev",
    "AUTH": "jwt",
    "JWT_ISSUER": "https://login.example.com/tenant/",
    "JWT_AUDIENCE": "https://jobs.example.com",
}


@pytest.mark.parametrize(
    "changes",
    [
        {"STAGE": "dev", "AUTH": "tokens"},
        {"AUTH": "tokens"},
        {"STAGE": "dev", "AUTH": "iam"},
        JWT,
        {**JWT, "JWT_JWKS_URL": "https://keys.example.com/jwks"},
        {**JWT, "STAGE": "local", "JWT_ISSUER": "http://127.0.0.1:9000"},
        {"STAGE": "dev", "AUTH": "tokens", "JWT_ISSUER": "", "JWT_AUDIENCE": ""},
    ],
)
def test_the_modes_there_are(changes: dict[str, str]) -> None:
    assert read_settings(with_(**changes)).auth == changes["AUTH"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"JWT_ISSUER": ""}, "JWT_ISSUER and JWT_AUDIENCE"),
        ({"JWT_AUDIENCE": ""}, "JWT_ISSUER and JWT_AUDIENCE"),
        ({"JWT_ISSUER": "http://login.example.com"}, "JWT_ISSUER must be a URL.*https"),
        ({"JWT_ISSUER": "login.example.com"}, "JWT_ISSUER must be a URL.*https"),
        ({"JWT_ISSUER": "https://"}, "JWT_ISSUER must be a URL.*https"),
        ({"JWT_ISSUER": "https://login.example.com/?a=b"}, "JWT_ISSUER.*query"),
        ({"JWT_ISSUER": "https://login.example.com/#a"}, "JWT_ISSUER.*fragment"),
        ({"JWT_JWKS_URL": "http://login.example.com/jwks"}, "JWT_JWKS_URL must be a URL.*https"),
        ({"JWT_JWKS_URL": "file:///etc/passwd"}, "JWT_JWKS_URL must be a URL.*https"),
        ({"STAGE": "local", "JWT_JWKS_URL": "file:///etc/passwd"}, "JWT_JWKS_URL"),
    ],
)
def test_an_issuer_that_cannot_be_trusted_is_refused(changes: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        read_settings(with_(**{**JWT, **changes}))


def test_signatures_of_aws_cannot_be_checked_here() -> None:
    with pytest.raises(SettingsError, match="AUTH=iam needs API Gateway"):
        read_settings(with_(AUTH="iam"))


def test_an_error_says_where_to_fix_it() -> None:
    with pytest.raises(SettingsError, match=r"\.chalice/config\.json"):
        read_settings(with_(LEASE_SECONDS="x"))


def test_a_worker_is_started_by_its_lanes_queue() -> None:
    settings = read_settings(with_(CONCURRENCY_HEAVY="10"))
    assert {lane: settings.trigger(lane)["queue"] for lane in LANES} == {
        "default": "overtime-default",
        "heavy": "overtime-heavy",
        "webhooks": "overtime-webhooks",
    }
    assert settings.trigger("heavy")["name"] == "heavy_worker"
    concurrency = {lane: settings.trigger(lane)["maximum_concurrency"] for lane in LANES}
    assert concurrency == {"default": None, "heavy": 10, "webhooks": None}
    assert settings.queues["default"] == ENVIRONMENT["QUEUE_DEFAULT"]


def test_the_local_stage_finds_its_queues_by_their_names() -> None:
    settings = read_settings(
        {"STAGE": "local", "TABLE": "mine-jobs", "BUCKET": "b", "AUTH": "open"}
    )
    assert settings.queues == {lane: f"mine-{lane}" for lane in LANES}


@pytest.mark.parametrize("text", ["1", "1001", "many"])
def test_a_queue_starts_two_to_a_thousand_workers(text: str) -> None:
    with pytest.raises(SettingsError):
        read_settings(with_(CONCURRENCY_DEFAULT=text))


def test_by_default_jobs_may_call_any_public_host_and_nothing_inside() -> None:
    settings = read_settings(ENVIRONMENT)
    assert (settings.hosts, settings.networks) == (("*",), ())


def test_hosts_and_networks_are_lists() -> None:
    given = with_(ALLOWED_HOSTS="a.example, *.b.example:8443,", ALLOWED_NETWORKS="10.1.0.0/16,::1")
    settings = read_settings(given)
    assert settings.hosts == ("a.example", "*.b.example:8443")
    assert [str(network) for network in settings.networks] == ["10.1.0.0/16", "::1/128"]
    assert read_settings(with_(ALLOWED_HOSTS="")).hosts == ()


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0/33", "inside", "*"])
def test_a_malformed_network_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="ALLOWED_NETWORKS"):
        read_settings(with_(ALLOWED_NETWORKS=text))


def test_the_local_stages_own_environment_is_complete() -> None:
    stages = json.loads((ROOT / ".chalice" / "config.json").read_text())["stages"]
    assert read_settings(stages["local"]["environment_variables"]).stage == "local"


ENDPOINT = "https://w1x2y3.execute-api.eu-central-1.amazonaws.com/prod"


@pytest.mark.parametrize(
    ("changes", "declared", "url"),
    [
        ({}, False, None),
        ({"WEBSOCKET_ENDPOINT": ENDPOINT}, True, ENDPOINT.replace("https", "wss")),
        ({"WEBSOCKET_ENDPOINT": "http://127.0.0.1:8001"}, True, "ws://127.0.0.1:8001"),
        (
            {"WEBSOCKET_ENDPOINT": ENDPOINT, "WEBSOCKET_URL": "wss://push.example.com"},
            True,
            "wss://push.example.com",
        ),
        ({"WEBSOCKET_ENDPOINT": ENDPOINT, "PUSH": "none"}, False, None),
        ({"PUSH": "websocket"}, True, None),
    ],
)
def test_a_stage_pushes_where_there_is_an_endpoint_unless_it_says_otherwise(
    changes: dict[str, str], declared: bool, url: str | None
) -> None:
    transport = read_settings(with_(**changes)).transport
    assert isinstance(transport, ByWebSocket) == declared
    assert (transport and transport.url) == url


@pytest.mark.parametrize(
    ("domains", "url"),
    [
        ({}, None),
        ({"APPSYNC_HTTP_DOMAIN": "a.example.com"}, None),
        (
            {"APPSYNC_HTTP_DOMAIN": "a.example.com", "APPSYNC_REALTIME_DOMAIN": "r.example.com"},
            "wss://r.example.com/event/realtime",
        ),
    ],
)
def test_a_stage_with_appsync_pushes_as_soon_as_both_domains_are_known(
    domains: dict[str, str], url: str | None
) -> None:
    transport = read_settings(with_(PUSH="appsync", **domains)).transport
    assert isinstance(transport, ByAppSync)
    assert transport.url == url


@pytest.mark.parametrize(
    "changes", [{"PUSH": "pigeon"}, {"WEBSOCKET_ENDPOINT": "wss://push.example.com"}]
)
def test_a_setting_of_push_that_means_nothing_is_refused(changes: dict[str, str]) -> None:
    [name] = changes
    with pytest.raises(SettingsError, match=name):
        read_settings(with_(**changes))
