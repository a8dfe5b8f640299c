"""Where tokens are kept: found until they are removed, and by nothing that looks for jobs."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.job import DuePartition
from chalicelib.domain.token import Token
from tests.contract.conftest import Stores
from tests.records import NOW

TOKEN = Token("00112233aabbccdd", "ada", "d" * 64, NOW, None, "for the laptop")
ENDING = replace(TOKEN, id="ff112233aabbccdd", expires_at=NOW + 1_500, label="")


def test_a_token_is_found_as_it_was_kept(stores: Stores) -> None:
    for token in (TOKEN, ENDING):
        stores.tokens.add(token)
        assert stores.tokens.find(token.id) == token


def test_a_token_that_was_never_kept_is_not_found(stores: Stores) -> None:
    stores.tokens.add(TOKEN)
    assert stores.tokens.find("0" * 16) is None


def test_a_token_that_is_removed_is_gone_at_once(stores: Stores) -> None:
    stores.tokens.add(TOKEN)
    stores.tokens.add(ENDING)
    assert stores.tokens.remove(TOKEN.id)
    assert not stores.tokens.remove(TOKEN.id)
    assert stores.tokens.find(TOKEN.id) is None
    assert list(stores.tokens.all()) == [ENDING]


def test_all_tokens_are_told(stores: Stores) -> None:
    assert list(stores.tokens.all()) == []
    many = {replace(TOKEN, id=f"{number:016x}") for number in range(30)}
    for token in many:
        stores.tokens.add(token)
    assert set(stores.tokens.all()) == many


def test_a_token_never_takes_the_place_of_another(tables: Stores) -> None:
    tables.tokens.add(TOKEN)
    with pytest.raises(Unavailable):
        tables.tokens.add(replace(TOKEN, owner="eve", digest="e" * 64))
    assert tables.tokens.find(TOKEN.id) == TOKEN


def test_a_token_may_be_kept_again_as_after_an_answer_that_was_lost(stores: Stores) -> None:
    stores.tokens.add(TOKEN)
    stores.tokens.add(TOKEN)
    assert list(stores.tokens.all()) == [TOKEN]


def test_no_read_of_jobs_meets_a_token(stores: Stores) -> None:
    stores.tokens.add(TOKEN)
    assert stores.jobs.owned("ada", None, 10) == []
    assert list(stores.jobs.due(DuePartition.MUST, NOW + 10**12)) == []
    assert stores.jobs.read("tokens") is None


def test_a_token_that_has_expired_is_removed_by_the_table(tables: Stores) -> None:
    """A little late, at DynamoDB's leisure; whoever finds it before sees that it has expired."""
    tables.tokens.add(TOKEN)
    tables.tokens.add(ENDING)
    items = tables.table_client.scan(TableName=tables.table)["Items"]
    ends = {item["sk"]["S"]: int(item["ttl"]["N"]) for item in items if "ttl" in item}
    assert ends == {ENDING.id: NOW // 1_000 + 2}
