"""AppSync Events on the local AWS, which checks signatures: what is published arrives as it was."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.credentials import Credentials
from websockets.sync.client import ClientConnection, connect

from chalicelib.aws.push_appsync import EventApi
from chalicelib.domain.errors import Unavailable
from tests.contract.conftest import client, required
from tests.contract.ministack import ministack, not_installed
from tests.records import new_id

ANYWHERE = {"authType": "API_KEY"}
SIGNED = {"authType": "AWS_IAM"}
ID = "5f0c0000000000000000000000000000"


@dataclass
class Place:
    api: dict[str, Any]
    key: str
    iam: Any

    @property
    def http(self) -> str:
        return str(self.api["dns"]["HTTP"])

    def sender(self, secret: str | None = None) -> EventApi:
        """With a key of its own. What its policy allows is not looked at here."""
        name = new_id()
        self.iam.create_user(UserName=name)
        made = self.iam.create_access_key(UserName=name)["AccessKey"]
        credentials = Credentials(made["AccessKeyId"], secret or made["SecretAccessKey"])
        signer = SigV4Auth(credentials, "appsync", "us-east-1")
        return EventApi(lambda: signer, f"http://{self.http}/event")

    @contextmanager
    def subscribed(self, channel: str) -> Iterator[ClientConnection]:
        own = {"host": self.http, "x-api-key": self.key}
        header = base64.urlsafe_b64encode(json.dumps(own).encode()).rstrip(b"=").decode()
        protocols: Any = ["aws-appsync-event-ws", f"header-{header}"]
        url = f"ws://{self.api['dns']['REALTIME']}/event/realtime"
        with connect(url, subprotocols=protocols, proxy=None) as connection:
            connection.send(json.dumps({"type": "connection_init"}))
            assert received(connection)["type"] == "connection_ack"
            subscribe = {"type": "subscribe", "id": "1", "channel": channel, "authorization": own}
            connection.send(json.dumps(subscribe))
            assert received(connection)["type"] == "subscribe_success"
            yield connection


def received(connection: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(connection.recv(timeout=10))
    return message


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    required(not_installed())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("local.aws.SERVICES", "appsync,appsync-events,iam,sts")
        patched.setenv("AUTH", "true")
        resolve = socket.getaddrinfo

        def resolve_here(host: Any, *rest: Any, **named: Any) -> Any:
            """As RFC 6761 has it for names that end in .localhost."""
            here = "127.0.0.1" if str(host).endswith(".localhost") else host
            return resolve(here, *rest, **named)

        patched.setattr(socket, "getaddrinfo", resolve_here)
        with ministack() as endpoint:
            appsync = client("appsync", endpoint)
            made = appsync.create_api(
                name="overtime",
                eventConfig={
                    "authProviders": [ANYWHERE, SIGNED],
                    "connectionAuthModes": [ANYWHERE],
                    "defaultPublishAuthModes": [SIGNED],
                    "defaultSubscribeAuthModes": [ANYWHERE],
                },
            )["api"]
            appsync.create_channel_namespace(
                apiId=made["apiId"],
                name="jobs",
                publishAuthModes=[SIGNED],
                subscribeAuthModes=[ANYWHERE],
            )
            key = appsync.create_api_key(apiId=made["apiId"])["apiKey"]["id"]
            yield Place(made, key, client("iam", endpoint))


def test_what_is_published_arrives_at_the_channels_subscribers(place: Place) -> None:
    message = json.dumps({"type": "job.updated", "job": {"id": ID}})
    sender = place.sender()
    with place.subscribed(f"/jobs/{ID}") as one, place.subscribed("/jobs/another") as other:
        sender.send("/jobs/another", '"for the other"')
        sender.send(f"/jobs/{ID}", message)
        assert received(one)["event"] == message
        assert received(other)["event"] == '"for the other"'


def test_a_channel_without_subscribers_takes_it_as_well(place: Place) -> None:
    place.sender().send(f"/jobs/{ID}", "1")


def test_a_signature_by_another_key_is_refused(place: Place) -> None:
    with pytest.raises(Unavailable):
        place.sender(secret="wrong").send(f"/jobs/{ID}", "1")


def test_another_namespace_is_refused(place: Place) -> None:
    with pytest.raises(Unavailable):
        place.sender().send(f"/others/{ID}", "1")
