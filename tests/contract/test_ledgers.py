"""Ledgers: which children have ended, and how."""

from __future__ import annotations

from chalicelib.domain.children import PORTION, Ledger
from chalicelib.domain.job import DAY, Status
from chalicelib.ports.stores import Ledgers
from tests.contract.conftest import Stores
from tests.contract.test_capacity import size
from tests.records import NOW, new_id

S, F, C = Status.SUCCEEDED, Status.FAILED, Status.CANCELED
UNTIL = NOW + DAY


def name() -> str:
    return f"ledger#{new_id()}"


def test_a_ledger_that_was_never_added_to_is_empty(ledgers: Ledgers) -> None:
    assert ledgers.read([name()]) == [Ledger()]


def test_an_end_is_added_to_those_before_it_and_the_whole_is_returned(ledgers: Ledgers) -> None:
    one = name()
    assert ledgers.add(one, {S: [3]}, UNTIL) == Ledger({S: frozenset({3})})
    whole = Ledger({S: frozenset({3, 4}), F: frozenset({0})})
    assert ledgers.add(one, {S: [4], F: [0]}, UNTIL) == whole
    assert ledgers.read([one]) == [whole]


def test_an_end_that_is_added_twice_counts_once(ledgers: Ledgers) -> None:
    one = name()
    for _ in range(2):
        after = ledgers.add(one, {C: [7]}, UNTIL)
    assert after.count(S, F, C) == 1


def test_a_ledger_is_full_with_its_size_or_a_whole_portion(ledgers: Ledgers) -> None:
    one, last = name(), name()
    assert not ledgers.add(one, {S: range(PORTION - 1)}, UNTIL).full
    assert ledgers.add(one, {F: [PORTION - 1]}, UNTIL).full
    assert not ledgers.add(last, {}, UNTIL, size=2).full
    assert not ledgers.add(last, {S: [0]}, UNTIL).full
    assert ledgers.add(last, {C: [1]}, UNTIL) == Ledger({S: frozenset({0}), C: frozenset({1})}, 2)
    assert ledgers.read([last])[0].full


def test_any_number_of_ledgers_is_read_in_the_order_of_their_names(ledgers: Ledgers) -> None:
    names = [name() for _ in range(120)]
    for number in (3, 110):
        ledgers.add(names[number], {S: [number]}, UNTIL)
    found = ledgers.read(names)
    assert [(at, one.places) for at, one in enumerate(found) if one.places] == [
        (3, frozenset({3})),
        (110, frozenset({110})),
    ]


def test_ledgers_are_deleted_and_missing_ones_are_ignored(ledgers: Ledgers) -> None:
    names = [name() for _ in range(30)]
    ledgers.add(names[0], {S: [1]}, UNTIL)
    ledgers.add(names[29], {S: [1]}, UNTIL)
    ledgers.delete(names)
    ledgers.delete([])
    assert ledgers.read(names) == [Ledger()] * 30


def test_a_ledger_has_a_time_to_live_and_costs_one_write_unit_when_full(tables: Stores) -> None:
    one = name()
    tables.ledgers.add(one, {S: range(PORTION - 80), F: range(PORTION - 80, PORTION)}, UNTIL, 200)
    [item] = tables.table_client.scan(TableName=tables.table)["Items"]
    assert int(item["ttl"]["N"]) == UNTIL // 1_000
    assert size(item) <= 1_024
