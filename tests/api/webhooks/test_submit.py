"""Which webhooks a submit accepts."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.outbound.client import OutboundClient
from chalicelib.outbound.guard import Guard
from chalicelib.testing import Bench
from tests.api.harness import Service, is_problem, pointers
from tests.api.webhooks.harness import URL, submit, submitted


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nowhere",
        "ftp://ada.example/",
        "https://user:pass@ada.example/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::ffff:10.0.0.1]/",
        "https://2130706433/",
        "https://ada.example../",
        "https://ada.example\\@evil.example/",
        "https://ada.example/" + "x" * 2_048,
    ],
)
def test_a_url_that_may_not_be_called_is_refused(service: Service, url: str) -> None:
    answer = submit(service, webhook={"url": url})
    assert is_problem(answer, 422, "invalid-request")
    assert pointers(answer) == ["/webhook/url"]
    assert service.nothing_is_stored()


@pytest.mark.parametrize("url", ["HTTPS://Ada.Example/hook", "https://ada.example.:443/hook"])
def test_a_url_may_be_written_as_urls_are(service: Service, url: str) -> None:
    service.replace(web=OutboundClient(Guard(), "overtime/test"))
    assert submit(service, webhook={"url": url}).status_code == 202


@pytest.mark.parametrize(
    "url", ["http://ada.example/", "https://127.0.0.1/", "https://a.example:8080/"]
)
def test_a_stage_that_opens_no_network_takes_public_https_only(service: Service, url: str) -> None:
    service.replace(web=OutboundClient(Guard(), "overtime/test"))
    answer = submit(service, webhook={"url": url})
    assert is_problem(answer, 422, "invalid-request")
    assert pointers(answer) == ["/webhook/url"]
    assert submit(service, webhook={"url": "https://ada.example/hook"}).status_code == 202


@pytest.mark.parametrize(
    ("webhook", "pointer"),
    [
        ({}, "/webhook/url"),
        ("https://ada.example/", "/webhook"),
        ({"url": URL, "events": []}, "/webhook/events"),
        ({"url": URL, "events": ["started"]}, "/webhook/events/0"),
        ({"url": URL, "secret": "x"}, "/webhook/secret"),
    ],
)
def test_what_is_no_webhook_is_refused(service: Service, webhook: Any, pointer: str) -> None:
    answer = submit(service, webhook=webhook)
    assert is_problem(answer, 422, "invalid-request")
    assert pointers(answer) == [pointer]


def test_without_a_secret_the_owner_is_told_how_one_is_made(service: Service) -> None:
    service.replace(signing_secrets=Bench().system.signing_secrets)
    answer = submit(service)
    assert is_problem(answer, 422, "invalid-request")
    assert pointers(answer) == ["/webhook"]
    assert "make webhook-secret STAGE=… OWNER=local" in answer.json_body["detail"]
    assert service.nothing_is_stored()


def test_null_is_none(service: Service) -> None:
    assert service.record(submitted(service, webhook=None)).webhook is None


def test_a_webhook_belongs_to_what_an_idempotency_key_stands_for(service: Service) -> None:
    first = submitted(service, Idempotency_Key="k")
    every = ["canceled", "failed", "succeeded", "failed"]
    same = submit(service, Idempotency_Key="k", webhook={"url": URL, "events": every})
    assert (same.status_code, same.json_body["id"]) == (202, first)
    for webhook, pointer in (
        ({"url": URL + "2"}, "/webhook/url"),
        ({"url": URL, "events": ["failed"]}, "/webhook/events"),
        (None, "/webhook"),
    ):
        other = submit(service, Idempotency_Key="k", webhook=webhook)
        assert is_problem(other, 422, "idempotency-key-reused")
        assert pointers(other) == [pointer]
