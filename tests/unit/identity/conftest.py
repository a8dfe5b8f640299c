"""A running issuer, a check of its tokens, and the clock by which its keys grow old."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.domain.errors import Unauthorized
from chalicelib.identity.oidc import Oidc
from chalicelib.outbound.addresses import EVERYWHERE
from chalicelib.outbound.client import OutboundClient
from chalicelib.outbound.guard import Guard
from tests.issuer import AUDIENCE, Issuer, running


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running() as issuer:
        yield issuer


WEB = OutboundClient(Guard(networks=EVERYWHERE), "overtime/test")


@pytest.fixture
def oidc(issuer: Issuer) -> Oidc:
    return Oidc(WEB, issuer.url, AUDIENCE, schemes=("http", "https"))


class Monotonic:
    """The clock by which keys grow old."""

    def __init__(self) -> None:
        self.at = 1_000.0

    def monotonic(self) -> float:
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Monotonic:
    clock = Monotonic()
    for module in (
        "jwt.jwks_client",
        "jwt.jwk_set_cache",
        "jwt.api_jwk",
        "chalicelib.identity.oidc",
    ):
        monkeypatch.setattr(f"{module}.time", clock)
    return clock


def refused(oidc: Oidc, token: str) -> bool:
    with pytest.raises(Unauthorized):
        oidc.owner_of(token)
    return True
