"""How many requests an owner has held: never more than may be, whatever became of the processes."""

from __future__ import annotations

import pytest

from chalicelib.ports.stores import HeldRequests
from tests.contract.conftest import Stores
from tests.records import NOW

UNTIL = NOW + 20_000


@pytest.fixture
def held(stores: Stores) -> HeldRequests:
    return stores.held


def test_an_owner_has_as_many_held_as_may_be_and_no_more(held: HeldRequests) -> None:
    assert [held.begin("ada", hold, UNTIL, NOW, 3) for hold in "abcd"] == [True] * 3 + [False]
    assert held.begin("grace", "a", UNTIL, NOW, 3)


def test_one_that_ended_makes_room_for_one(held: HeldRequests) -> None:
    for hold in "ab":
        held.begin("ada", hold, UNTIL, NOW, 2)
    held.end("ada", "a", UNTIL)
    assert [held.begin("ada", hold, UNTIL, NOW, 2) for hold in "cd"] == [True, False]


def test_one_whose_process_died_counts_until_it_would_have_ended(held: HeldRequests) -> None:
    held.begin("ada", "a", UNTIL, NOW, 2)
    held.begin("ada", "b", UNTIL + 5_000, NOW, 2)
    assert not held.begin("ada", "c", UNTIL + 9_000, UNTIL - 1, 2)
    assert held.begin("ada", "c", UNTIL + 9_000, UNTIL, 2)
    assert not held.begin("ada", "d", UNTIL + 9_000, UNTIL, 2)


def test_a_call_whose_answer_was_lost_may_be_made_again(held: HeldRequests) -> None:
    for _ in range(2):
        assert held.begin("ada", "a", UNTIL, NOW, 1)
    for _ in range(2):
        held.end("ada", "a", UNTIL)
    assert held.begin("ada", "b", UNTIL, NOW, 1)


def test_none_is_held_where_none_may_be(held: HeldRequests) -> None:
    held.begin("ada", "a", UNTIL, NOW, 1)
    assert not held.begin("ada", "b", UNTIL, NOW, 0)


def test_the_item_of_an_owner_expires(tables: Stores) -> None:
    tables.held.begin("ada" * 500, "a", UNTIL, NOW, 1)
    [item] = tables.table_client.scan(TableName=tables.table)["Items"]
    assert item["ttl"]["N"] == str(UNTIL // 1_000)
