"""The stage's secret: whoever asks first makes it, and everybody has the same from then on."""

from __future__ import annotations

import secrets
from dataclasses import replace

from chalicelib.aws.secrets import ANSWER_SECRET, Secrets
from chalicelib.domain.job import DAY, MINUTE
from chalicelib.domain.seals import KNOWN_AFTER, REREAD_AFTER
from tests.aws import counted
from tests.contract.conftest import Stores

NEW, NEWER = b"the new one", b"the newer one"


def fresh() -> bytes:
    return secrets.token_bytes(32)


def process(tables: Stores, now: list[int]) -> Secrets:
    """One more, whose clock shows `now`."""
    client = tables.table_client
    return Secrets(lambda: client, tables.table, lambda: b"the first", lambda: now[0])


def test_every_process_has_the_same_secret(stores: Stores) -> None:
    first = stores.secrets(fresh).for_ids()
    assert first
    assert {stores.secrets(fresh).for_ids() for _ in range(3)} == {first}


def test_the_first_secret_that_is_made_stays(tables: Stores) -> None:
    assert tables.secrets(lambda: b"the first").for_ids() == b"the first"
    assert tables.secrets(lambda: b"the second").for_ids() == b"the first"


def test_the_secret_of_answer_urls_is_another(tables: Stores) -> None:
    stage = process(tables, [0])
    answers = replace(stage, place=ANSWER_SECRET, new_id=lambda: b"of answers")
    assert (stage.for_ids(), answers.for_ids()) == (b"the first", b"of answers")
    assert answers.for_seals() == (b"of answers",)


def test_of_processes_that_race_all_get_what_the_fastest_made(tables: Stores) -> None:
    faster = tables.secrets(lambda: b"the faster one's")

    def overtaken() -> bytes:
        faster.for_ids()
        return b"the slower one's"

    assert tables.secrets(overtaken).for_ids() == b"the faster one's"
    assert faster.for_ids() == b"the faster one's"


def test_a_process_reads_it_once(tables: Stores) -> None:
    with counted(tables.table_client) as calls:
        one = tables.secrets(fresh)
        first = one.for_ids()
        assert one.for_ids() == first
    assert calls == ["dynamodb.GetItem", "dynamodb.UpdateItem"]
    with counted(tables.table_client) as calls:
        another = tables.secrets(fresh)
        assert another.for_ids() == another.for_ids() == first
    assert calls == ["dynamodb.GetItem"]


def test_no_read_of_jobs_meets_it(stores: Stores) -> None:
    stores.secrets(fresh).for_ids()
    assert stores.jobs.read("stage") is None
    assert stores.jobs.owned("stage", None, 10) == []


def test_it_has_no_end(tables: Stores) -> None:
    """No TTL and no place in an index: nothing that looks for jobs ever removes it."""
    tables.secrets(fresh).for_ids()
    [item] = tables.table_client.scan(TableName=tables.table)["Items"]
    assert item.keys() == {"pk", "sk", "value"}


# ── rotated ──


def test_ids_keep_their_secret_when_another_seals(tables: Stores) -> None:
    now = [MINUTE]
    one = process(tables, now)
    assert one.for_seals() == (one.for_ids(),) == (b"the first",)
    old = one.read()
    assert old is not None
    assert one.rotate(NEW, DAY, over=old) is not None
    for later, seals in (
        (0, (b"the first", NEW)),
        (KNOWN_AFTER - 1, (b"the first", NEW)),
        (KNOWN_AFTER, (NEW, b"the first")),
        (KNOWN_AFTER + DAY - 1, (NEW, b"the first")),
        (KNOWN_AFTER + DAY, (NEW,)),
    ):
        now[0] = MINUTE + later
        another = process(tables, now)
        assert another.for_seals() == seals
        assert another.for_ids() == b"the first"


def test_a_running_process_learns_of_it_within_5_minutes_by_one_read(tables: Stores) -> None:
    now = [MINUTE]
    running, operator = process(tables, now), process(tables, now)
    running.for_seals()
    old = operator.read()
    assert old is not None
    operator.rotate(NEW, DAY, over=old)
    with counted(tables.table_client) as calls:
        now[0] += REREAD_AFTER - 1
        assert running.for_seals() == (b"the first",)
        assert calls == []
        now[0] += 1
        assert running.for_seals() == running.for_seals() == (b"the first", NEW)
        running.for_ids()
        assert calls == ["dynamodb.GetItem"]


def test_ids_never_cost_a_second_read(tables: Stores) -> None:
    now = [MINUTE]
    running = process(tables, now)
    running.for_ids()
    with counted(tables.table_client) as calls:
        now[0] += DAY
        running.for_ids()
    assert calls == []


def test_of_two_rotations_at_once_one_is_carried_out(tables: Stores) -> None:
    store = process(tables, [MINUTE])
    store.for_ids()
    old = store.read()
    assert old is not None
    first = store.rotate(NEW, DAY, over=old)
    assert first is not None
    assert store.rotate(NEWER, DAY, over=old) is None
    assert store.rotate(NEW, DAY, over=old) == first == store.read()  # an answer was lost
    after = store.rotate(NEWER, DAY, over=first)
    assert after == store.read() != first
    assert store.rotate(NEW, DAY, over=first) is None
