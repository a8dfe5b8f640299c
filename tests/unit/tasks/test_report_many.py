"""The report_many task: its parts are merged to the report that one file would give."""

from __future__ import annotations

import random
from typing import Any

from chalicelib.tasks.report_many import report_many, report_part
from chalicelib.testing import Bench, Done
from tests.unit.tasks.reports import FLIGHTS, as_csv, rows
from tests.unit.tasks.reports import run as run_one

METRICS = ("count", "sum(n)", "mean(n)", "min(n)", "max(n)")


def run(*files: bytes, group_by: str = "a", metrics: tuple[str, ...] = METRICS, **how: Any) -> Done:
    bench = Bench(tasks=[report_part])
    params = {
        "sources": [bench.upload(data) for data in files],
        "group_by": [group_by],
        "metrics": list(metrics),
    }
    return bench.run(report_many, params, **how)


def table(count: int, seed: int) -> list[tuple[str, ...]]:
    chance = random.Random(seed)
    values = ("", "NA", "text", "7", "1e280", "-1e280", "0.1", "123456789012345678901234567890")
    return [(f"g{chance.randrange(5)}", chance.choice(values)) for _ in range(count)]


def test_the_report_on_several_files_is_the_one_on_all_rows_together() -> None:
    parts = [table(40, seed) for seed in range(6)]
    together = run_one(as_csv([row for part in parts for row in part]), "a", *METRICS)
    apart = run(*(as_csv(part) for part in parts))
    assert rows(apart) == rows(together)
    assert apart.result == together.result
    assert apart.artifacts == together.artifacts


def test_a_crash_while_it_merges_costs_nothing() -> None:
    parts = [as_csv(table(40, seed)) for seed in range(6)]
    whole = run(*parts)
    for crash in (1, 3, 8):
        assert run(*parts, crash_after=crash).artifacts == whole.artifacts


def test_one_file_that_cannot_be_read_fails_the_report_and_is_named() -> None:
    done = run(FLIGHTS, b"other,columns\n1,2\n", group_by="carrier", metrics=("count",))
    assert (done.status, done.attempts) == ("failed", 1)
    assert done.error is not None
    assert done.error.detail.startswith("Item 1 of 'parts' failed: ")
    assert "no column 'carrier'" in done.error.detail
