"""The stage's secret: whoever asks first makes it, and everybody has the same from then on."""

from __future__ import annotations

import secrets

from tests.aws import counted
from tests.contract.conftest import Stores


def fresh() -> bytes:
    return secrets.token_bytes(32)


def test_every_process_has_the_same_secret(stores: Stores) -> None:
    first = stores.secrets(fresh).stage_secret()
    assert first
    assert {stores.secrets(fresh).stage_secret() for _ in range(3)} == {first}


def test_the_first_secret_that_is_made_stays(tables: Stores) -> None:
    assert tables.secrets(lambda: b"the first").stage_secret() == b"the first"
    assert tables.secrets(lambda: b"the second").stage_secret() == b"the first"


def test_of_processes_that_race_all_get_what_the_fastest_made(tables: Stores) -> None:
    faster = tables.secrets(lambda: b"the faster one's")

    def overtaken() -> bytes:
        faster.stage_secret()
        return b"the slower one's"

    assert tables.secrets(overtaken).stage_secret() == b"the faster one's"
    assert faster.stage_secret() == b"the faster one's"


def test_a_process_reads_it_once(tables: Stores) -> None:
    with counted(tables.table_client) as calls:
        one = tables.secrets(fresh)
        first = one.stage_secret()
        assert one.stage_secret() == first
    assert calls == ["dynamodb.GetItem", "dynamodb.UpdateItem"]
    with counted(tables.table_client) as calls:
        another = tables.secrets(fresh)
        assert another.stage_secret() == another.stage_secret() == first
    assert calls == ["dynamodb.GetItem"]


def test_no_read_of_jobs_meets_it(stores: Stores) -> None:
    stores.secrets(fresh).stage_secret()
    assert stores.jobs.read("stage") is None
    assert stores.jobs.owned("stage", None, 10) == []


def test_it_has_no_end(tables: Stores) -> None:
    """No TTL and no place in an index: nothing that looks for jobs ever removes it."""
    tables.secrets(fresh).stage_secret()
    [item] = tables.table_client.scan(TableName=tables.table)["Items"]
    assert item.keys() == {"pk", "sk", "value"}
