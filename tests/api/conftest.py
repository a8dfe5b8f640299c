"""The real app over moto, under a clock of its own; the bench that the tests work on is
tests/api/harness.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.api.harness import Service, begin
from tests.api.sockets import Sockets


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with mock_aws():
        yield begin(monkeypatch)


@pytest.fixture
def sockets(service: Service) -> Sockets:
    return Sockets(service)
