"""One running service for all clients' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.running import running


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its URL."""
    with running(tmp_path_factory.mktemp("service") / "state") as url:
        yield url
