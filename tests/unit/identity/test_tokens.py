"""The stage's own tokens, from issue to revocation."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import re
from dataclasses import dataclass, field

import pytest

from chalicelib.domain.errors import Unauthorized
from chalicelib.domain.job import MINUTE
from chalicelib.domain.token import Token
from chalicelib.identity.tokens import Tokens
from chalicelib.memory.identity import MemoryTokens
from chalicelib.testing.steps import VirtualClock


@dataclass
class Counted(MemoryTokens):
    looked_for: list[str] = field(default_factory=list)

    def find(self, token_id: str) -> Token | None:
        self.looked_for.append(token_id)
        return super().find(token_id)


@dataclass
class Desk:
    clock: VirtualClock
    store: Counted
    tokens: Tokens


@pytest.fixture
def desk() -> Desk:
    clock, store, numbers = VirtualClock(), Counted(), itertools.count(1)

    def fresh() -> str:
        return hashlib.sha256(str(next(numbers)).encode()).hexdigest()[:32]

    return Desk(clock, store, Tokens(store, clock.now, fresh))


def refused(desk: Desk, text: str) -> bool:
    with pytest.raises(Unauthorized) as refusal:
        desk.tokens.owner_of(text)
    assert not re.search("[0-9a-f]{64}", refusal.value.detail), "the log must not hold secrets"
    return True


def test_a_token_stands_for_its_owner(desk: Desk) -> None:
    _, adas = desk.tokens.issue("ada")
    _, bobs = desk.tokens.issue("bob")
    assert (desk.tokens.owner_of(adas), desk.tokens.owner_of(bobs)) == ("ada", "bob")


def test_an_owner_may_have_several(desk: Desk) -> None:
    texts = {desk.tokens.issue("ada", label)[1] for label in ("laptop", "server")}
    assert [desk.tokens.owner_of(text) for text in texts] == ["ada", "ada"]


def test_a_token_has_256_random_bits_beside_its_id(desk: Desk) -> None:
    token, text = desk.tokens.issue("ada")
    match = re.fullmatch("ot_([0-9a-f]{16})_([0-9a-f]{64})", text)
    assert match
    assert match[1] == token.id
    assert len({match[2][:32], match[2][32:]}) == 2


def test_only_a_hash_of_it_is_kept(desk: Desk) -> None:
    _, text = desk.tokens.issue("ada", "laptop")
    [kept] = desk.store.tokens.values()
    assert kept.digest == hashlib.sha256(text.encode()).hexdigest()
    assert text.rpartition("_")[2] not in repr(kept)


def test_the_id_alone_is_not_enough(desk: Desk) -> None:
    token, text = desk.tokens.issue("ada")
    _, another = desk.tokens.issue("bob")
    bobs_secret = another.rpartition("_")[2]
    assert refused(desk, f"ot_{token.id}_{bobs_secret}")
    assert refused(desk, f"ot_{token.id}_{'0' * 64}")
    last = "1" if text[-1] == "0" else "0"
    assert refused(desk, text[:-1] + last)


def test_text_that_is_not_a_token_costs_no_read(desk: Desk) -> None:
    _, text = desk.tokens.issue("ada")
    for other in ("", "ot_", text[:-1], text + "0", f" {text}", f"{text}\n", text.upper(), "a.b.c"):
        assert refused(desk, other)
    assert desk.store.looked_for == []


def test_an_unknown_id_costs_the_same_as_a_wrong_secret(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, _ = desk.tokens.issue("ada")
    compared: list[tuple[int, int]] = []

    def compare_digest(one: str, other: str) -> bool:
        compared.append((len(one), len(other)))
        return real(one, other)

    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", compare_digest)
    refused(desk, f"ot_{token.id}_{'0' * 64}")
    refused(desk, f"ot_{'0' * 16}_{'0' * 64}")
    assert desk.store.looked_for == [token.id, "0" * 16]
    assert compared == [(64, 64)] * 2


def test_a_token_is_good_until_the_moment_it_expires(desk: Desk) -> None:
    _, text = desk.tokens.issue("ada", lifetime=MINUTE)
    desk.clock.time += MINUTE - 1
    assert desk.tokens.owner_of(text) == "ada"
    desk.clock.time += 1
    assert refused(desk, text)


def test_a_token_without_an_end_has_none(desk: Desk) -> None:
    _, text = desk.tokens.issue("ada")
    desk.clock.time *= 2
    assert desk.tokens.owner_of(text) == "ada"


def test_a_revoked_token_is_refused_and_no_other(desk: Desk) -> None:
    token, text = desk.tokens.issue("ada")
    _, other = desk.tokens.issue("ada")
    assert desk.tokens.revoke(token.id)
    assert refused(desk, text)
    assert desk.tokens.owner_of(other) == "ada"
    assert not desk.tokens.revoke(token.id)


def test_tokens_are_listed_oldest_first(desk: Desk) -> None:
    issued = []
    for owner in ("zoe", "ada", "bob"):
        issued.append(desk.tokens.issue(owner)[0])
        desk.clock.sleep(1)
    assert desk.tokens.issued() == issued
