"""Push by AppSync Events: whom its authorizer lets subscribe, and what is published to them."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections import defaultdict

import pytest
from msgspec import structs

from chalicelib.domain.errors import Unavailable
from chalicelib.http import frames
from chalicelib.service import tickets
from chalicelib.service.subscribe import is_allowed
from tests.api.harness import BASE, Service
from tests.api.sockets import AtOnce
from tests.aws import ENVIRONMENT, ROOT

HTTP = "abc.appsync-api.eu-central-1.amazonaws.com"
REALTIME = "abc.appsync-realtime-api.eu-central-1.amazonaws.com"
DAY = 24 * 3_600


@dataclasses.dataclass
class Channels:
    """Implements ports.Push as AppSync does: a channel needs nobody to make it."""

    service: Service
    published: defaultdict[str, list[str]] = dataclasses.field(
        default_factory=lambda: defaultdict(list)
    )

    def send(self, address: str, message: str) -> None:
        self.published[address].append(message)

    def statuses(self, job: str) -> list[str]:
        texts = self.published.pop(f"/jobs/{job}", [])
        return [text.partition('"status":"')[2].partition('"')[0] for text in texts]

    def ask(self, ticket: str, operation: str, channel: str | None = None) -> bool:
        """As AppSync asks its Lambda authorizer."""
        event = {
            "authorizationToken": ticket,
            "requestContext": {
                "apiId": "abc",
                "accountId": "123456789012",
                "requestId": "r",
                "operation": operation,
                "channelNamespaceName": (channel or "").strip("/").partition("/")[0] or None,
                "channel": channel,
            },
            "requestHeaders": {"host": HTTP},
        }
        answer = frames.may(is_allowed(self.service.system, **frames.operation_in(event)))
        assert answer["ttlOverride"] == 0, "a kept answer would be good for another channel"
        allowed: bool = answer["isAuthorized"]
        return allowed

    def subscribe(self, ticket: str, job: str) -> bool:
        return self.ask(ticket, "EVENT_SUBSCRIBE", f"/jobs/{job}")


@pytest.fixture
def channels(service: Service) -> Channels:
    channels = Channels(service)
    pushing = service.system.pushing
    assert pushing is not None
    url = f"wss://{REALTIME}/event/realtime"
    service.replace(
        pushing=structs.replace(pushing, url=url, host=HTTP, push=channels, outbox=AtOnce())
    )
    return channels


@pytest.fixture
def ticket(service: Service, channels: Channels) -> str:
    return str(service.post("/tickets").json_body["ticket"])


def test_a_ticket_says_where_to_connect_and_which_host_to_name(
    service: Service, channels: Channels
) -> None:
    body = service.post("/tickets").json_body
    assert body["url"] == f"wss://{REALTIME}/event/realtime"
    assert body["host"] == HTTP


def test_a_websocket_ticket_names_no_host(service: Service) -> None:
    assert set(service.post("/tickets").json_body) == {"ticket", "url", "expires_at"}


def test_one_ticket_connects_and_subscribes_within_its_minute(
    service: Service, channels: Channels, ticket: str
) -> None:
    jobs = [service.submitted(), service.submitted()]
    assert channels.ask(ticket, "EVENT_CONNECT")
    assert all(channels.subscribe(ticket, job) for job in jobs)
    service.clock.sleep(60)
    assert not channels.ask(ticket, "EVENT_CONNECT")
    assert not channels.subscribe(ticket, jobs[0])


@pytest.mark.parametrize("operation", ["EVENT_CONNECT", "EVENT_SUBSCRIBE", "EVENT_PUBLISH"])
@pytest.mark.parametrize("forged", ["", "nonsense", "AAAA"])
def test_without_a_ticket_nothing_is_allowed(
    service: Service, channels: Channels, operation: str, forged: str
) -> None:
    assert not channels.ask(forged, operation, f"/jobs/{service.submitted()}")


def test_clients_publish_nothing(service: Service, channels: Channels, ticket: str) -> None:
    assert not channels.ask(ticket, "EVENT_PUBLISH", f"/jobs/{service.submitted()}")
    assert not channels.ask(ticket, "EVENT_ANYTHING", f"/jobs/{service.submitted()}")


def test_another_owners_job_is_refused_and_stays_unwatched(
    service: Service, channels: Channels
) -> None:
    job = service.submitted()
    assert not channels.subscribe(tickets.issue(service.system, "eve", BASE).text, job)
    assert not service.record(job).watched
    service.work()
    assert channels.statuses(job) == []


@pytest.mark.parametrize(
    "channel", ["/jobs/*", "/jobs", "/*", "/jobs/{}/*", "/jobs/{}/more", "/others/{}", "{}", ""]
)
def test_only_the_channel_of_one_job_can_be_subscribed_to(
    service: Service, channels: Channels, ticket: str, channel: str
) -> None:
    job = service.submitted()
    assert not channels.ask(ticket, "EVENT_SUBSCRIBE", channel.format(job))
    assert not service.record(job).watched


def test_every_change_is_published_to_the_jobs_channel_once(
    service: Service, channels: Channels, ticket: str
) -> None:
    job, other = service.submitted(), service.submitted()
    for _ in range(3):  # however many subscribe
        assert channels.subscribe(ticket, job)
    service.work()
    assert channels.statuses(job) == ["running", "succeeded"]
    assert channels.statuses(other) == []


def test_links_begin_as_where_the_ticket_came_from(
    service: Service, channels: Channels, ticket: str
) -> None:
    job = service.submitted()
    channels.subscribe(ticket, job)
    service.work()
    assert f'"self":"{BASE}/jobs/{job}"' in channels.published[f"/jobs/{job}"][-1]


def test_a_day_after_the_last_subscription_nothing_is_published_any_more(
    service: Service, channels: Channels, ticket: str
) -> None:
    job = service.submitted("hopeless")
    channels.subscribe(ticket, job)
    service.run(job)
    assert channels.statuses(job) == ["running", "failed"]
    service.clock.sleep(DAY)
    service.post(f"/jobs/{job}/retry")
    assert channels.statuses(job) == []


def test_a_store_that_is_away_is_no_refusal(
    service: Service, channels: Channels, ticket: str
) -> None:
    """It fails, and AppSync lets nobody through either, but the log and the alarm tell why."""

    class Away:
        def read(self, job_id: str) -> None:
            raise Unavailable("The jobs table could not be reached.")

    job = service.submitted()
    service.replace(jobs=Away())
    with pytest.raises(Unavailable):
        channels.subscribe(ticket, job)


def test_a_stage_that_chose_it_declares_the_authorizer_and_no_websockets() -> None:
    code = (
        "import app; system = app.system();"
        "print([one.name for one in app.app.pure_lambda_functions], app.app.websocket_handlers,"
        "type(system.pushing.push).__name__, system.pushing.url, system.pushing.host)"
    )
    chosen = {"PUSH": "appsync", "APPSYNC_HTTP_DOMAIN": HTTP, "APPSYNC_REALTIME_DOMAIN": REALTIME}
    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT, **chosen},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    url = f"wss://{REALTIME}/event/realtime"
    assert said == f"['authorize_push'] {{}} EventApi {url} {HTTP}"
