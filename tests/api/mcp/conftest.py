"""An agent of each generation, at the service of tests/api."""

from __future__ import annotations

import pytest

from tests.api.harness import Service
from tests.api.mcp.harness import Agent


@pytest.fixture
def agent(service: Service) -> Agent:
    """It speaks the current version and knows tasks."""
    return Agent(service)


@pytest.fixture
def plain(service: Service) -> Agent:
    """It speaks the current version and does not know tasks."""
    return Agent(service, capabilities={})


@pytest.fixture
def earlier(service: Service) -> Agent:
    """It speaks the version before."""
    return Agent(service, version="2025-11-25")
