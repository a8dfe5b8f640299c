"""A service whose owner has a secret to sign with."""

from __future__ import annotations

import pytest

from tests.api.harness import Service
from tests.api.webhooks.harness import SECRET


@pytest.fixture
def service(service: Service) -> Service:
    service.system.signing_secrets.replace("local", None, SECRET, 0)
    return service
