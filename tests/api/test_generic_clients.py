"""Clients that know long-running operations in general, and Overtime not at all."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from azure.core import PipelineClient
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline import Pipeline
from azure.core.pipeline.policies import RequestIdPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.core.polling import LROPoller
from azure.core.polling.base_polling import LROBasePolling
from azure.core.rest import HttpRequest

import app as app_module
from tests.api import gateway
from tests.api.harness import BASE, Context, Service


class Transport(RequestsTransport):  # type: ignore[misc]  # azure-core imports it lazily
    """To the app, and while the client waits to poll again, the workers work."""

    def __init__(self, service: Service) -> None:
        session = requests.Session()
        session.mount(BASE, gateway.Adapter(app_module.app, Context()))
        super().__init__(session=session, session_owner=False)
        self.service = service

    def sleep(self, duration: float) -> None:
        assert duration == 1  # as Retry-After says
        self.service.work()


def polled(service: Service, task: str) -> Any:
    pipeline: Pipeline[Any, Any] = Pipeline(Transport(service), [RequestIdPolicy()])
    client: PipelineClient[Any, Any] = PipelineClient(BASE, pipeline=pipeline)
    accepted = pipeline.run(HttpRequest("POST", f"{BASE}/jobs", json={"task": task}))
    poller = LROPoller(client, accepted, lambda page: page.http_response.json(), LROBasePolling(9))
    return poller.result(timeout=30)


def test_azure_core_finds_the_end_of_a_job_by_its_operation_location(service: Service) -> None:
    assert polled(service, "busy")["result"] == "done"


def test_azure_core_shows_why_a_job_failed(service: Service) -> None:
    with pytest.raises(HttpResponseError) as raised:
        polled(service, "hopeless")
    assert "The task cannot be done: there is no such file" in str(raised.value)
    assert raised.value.error is not None
    assert raised.value.error.code == "permanent-error"
