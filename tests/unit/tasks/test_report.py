"""The report task: what it adds up, of which rows, and within which limits."""

from __future__ import annotations

import csv
import io
import tracemalloc
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.domain.errors import InvalidRequest
from chalicelib.tasks import Source
from chalicelib.tasks.report import report
from chalicelib.tasks.reporting.grouping import Groups, adder
from chalicelib.tasks.reporting.params import ReportParams, ReportResult
from chalicelib.testing import Bench
from tests.flights import COLUMNS, flights
from tests.unit.tasks.reports import FLIGHTS, detail, rows, run

TASK = "chalicelib.tasks.report"
GROUPING = "chalicelib.tasks.reporting.grouping"

# ── adding up ──


def test_metrics_are_added_up_by_group():
    done = run(FLIGHTS, "carrier", "count", "sum(delay)", "mean(delay)", "min(delay)", "max(delay)")
    united = {"count": 3, "sum(delay)": 9.5, "mean(delay)": 9.5 / 3}
    assert rows(done)[1] == {"carrier": "UA", **united, "min(delay)": -2.5, "max(delay)": 7}
    assert (done.result["rows"], done.result["groups"]) == (5, 2)


def test_a_group_is_one_of_several_columns_and_9_comes_before_10():
    done = run(FLIGHTS, "month,carrier")
    keys = [(row["month"], row["carrier"]) for row in rows(done)]
    assert keys == [("9", "B6"), ("9", "UA"), ("10", "B6"), ("10", "UA")]


def test_cells_that_are_missing_or_no_numbers_are_left_out_of_their_metric_and_told_of():
    data = b"a,n\nx,1\nx,\nx,NA\nx,1_000\nx,-inf\nx,nan\nx,1e290\nx, 2 \n"
    done = run(data, "a", "count", "sum(n)", "max(n)")
    assert rows(done) == [{"a": "x", "count": 8, "sum(n)": 3, "max(n)": 2}]
    assert done.result["missing"] == {"sum(n)": 3, "max(n)": 3}
    assert done.result["not_a_number"] == {"sum(n)": 3, "max(n)": 3}


def test_a_metric_of_nothing_is_null():
    done = run(b"a,n\nx,\n", "a", "sum(n)", "mean(n)", "min(n)")
    assert rows(done) == [{"a": "x", "sum(n)": None, "mean(n)": None, "min(n)": None}]


def test_numbers_are_whole_where_they_are():
    done = run(b"a,n\nx,1.5\nx,2.5\ny,0.1\ny,0.2\nz,1e20\n", "a", "sum(n)")
    assert done.artifacts["report.csv"] == b"a,sum(n)\nx,4\ny,0.30000000000000004\nz,1e+20\n"


def test_whole_numbers_are_exact_at_any_length():
    largest = 10**4_000 - 1
    cells = {
        "huge": [largest, largest, 1, 1],
        "id": [1234567890123456789, 1234567890123456700, 1234567890123456790],
        "near": [9007199254740992, 1, 1],
        "low": [-9223372036854775809, -1],
    }
    data = "a,n\n" + "".join(f"{a},{n}\n" for a, numbers in cells.items() for n in numbers)
    done = run(data.encode(), "a", "sum(n)", "mean(n)", "min(n)", "max(n)")
    found = {row.pop("a"): list(row.values()) for row in rows(done)}
    assert found == {
        "huge": [2 * 10**4_000, 10**4_000 // 2, 1, largest],
        "id": [3703703670370370279, 3703703670370370279 / 3, min(cells["id"]), max(cells["id"])],
        "near": [9007199254740994, 9007199254740994 / 3, 1, 9007199254740992],
        "low": [-9223372036854775810, -4611686018427387905, -9223372036854775809, -1],
    }
    table = csv.reader(io.StringIO(done.artifacts["report.csv"].decode()))
    assert {a: values for a, *values in table if a != "a"} == {
        a: [str(value) for value in values] for a, values in found.items()
    }


def test_a_number_of_more_digits_than_the_limit_is_counted_as_none():
    data = b"a,n\n" + b"".join(b"x,-" + b"9" * digits + b"\n" for digits in (4_000, 4_001, 5_000))
    done = run(data, "a", "sum(n)")
    assert rows(done) == [{"a": "x", "sum(n)": 1 - 10**4_000}]
    assert done.result["not_a_number"] == {"sum(n)": 2}


def test_a_total_beyond_all_floats_is_the_closest_whole_number():
    data = b"a,n\nx,1" + b"0" * 400 + b"\nx,2.75\nx,1e-9\n"
    done = run(data, "a", "sum(n)", "mean(n)")
    assert rows(done) == [{"a": "x", "sum(n)": 10**400 + 3, "mean(n)": (10**400 + 3 + 1) // 3}]
    assert b">1.000e+400<" in done.artifacts["report.svg"]


NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(-1e289, 1e289),
    st.sampled_from([0.1, 0.2, 1e16, -1e16, 1e289, -1e289, 5e-324]),
)


@settings(deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=60))
@example([2**53 + 1, 0.5])
def test_totals_are_as_good_as_fractions(numbers):
    data = "a,n\n" + "".join(f"x,{one!r}\n" for one in numbers)
    (row,) = rows(run(data.encode(), "a", "sum(n)", "mean(n)", "min(n)", "max(n)"))
    total = sum(map(Fraction, numbers))
    if all(isinstance(one, int) for one in numbers):
        assert row["sum(n)"] == total
        assert row["mean(n)"] in (total / len(numbers), float(total / len(numbers)))
    else:
        assert row["sum(n)"] == float(total)
        assert row["mean(n)"] == float(total) / len(numbers)
    assert (row["min(n)"], row["max(n)"]) == (min(numbers), max(numbers))


@pytest.mark.parametrize(
    ("op", "value", "kept"),
    [("eq", 2**63 + 1, "b"), ("gt", 2**63, "bc"), ("in", [10**30], "c"), ("lt", 2.0**63, "")],
)
def test_where_compares_whole_numbers_exactly(op, value, kept):
    data = b"a,n\na,9223372036854775808\nb,9223372036854775809\nc,1%s\n" % (b"0" * 30)
    done = run(data, where=[{"column": "n", "op": op, "value": value}])
    assert "".join(row["a"] for row in rows(done)) == kept


@pytest.mark.parametrize(
    ("op", "value", "kept"),
    [
        ("eq", 10, "ad"),
        ("eq", "10", "a"),
        ("ne", 10, "bce"),
        ("lt", 10, "b"),
        ("le", 10, "abd"),
        ("gt", 9, "ad"),
        ("ge", 9, "abd"),
        ("ge", "9", "bc"),
        ("in", [9, "x"], "bc"),
        ("in", [], ""),
    ],
)
def test_where_compares_numbers_as_numbers_and_text_as_text(op, value, kept):
    data = b"a,n\na,10\nb,9\nc,x\nd,10.0\ne,\n"
    done = run(data, where=[{"column": "n", "op": op, "value": value}])
    assert "".join(row["a"] for row in rows(done)) == kept
    assert done.result["filtered"] == 5 - len(kept)


def test_all_conditions_must_hold():
    where = [
        {"column": "carrier", "op": "eq", "value": "UA"},
        {"column": "month", "op": "gt", "value": 9},
    ]
    assert rows(run(FLIGHTS, "carrier", where=where)) == [{"carrier": "UA", "count": 2}]


@pytest.mark.parametrize(
    "wrong",
    [
        {"group_by": ["origin"]},
        {"metrics": ["sum(origin)"]},
        {"where": [{"column": "origin", "op": "eq", "value": "JFK"}]},
    ],
)
def test_an_unknown_column_fails_at_once_and_the_columns_are_listed(wrong):
    bench = Bench()
    params = {"source": bench.upload(FLIGHTS), "group_by": ["carrier"], "metrics": ["count"]}
    said = detail(bench.run(report, params | wrong))
    assert said == "The CSV has no column 'origin'. Its columns are: carrier, month, delay"


def test_a_column_that_stands_there_twice_cannot_be_meant():
    assert "several columns 'a'" in detail(run(b"a,a\n1,2\n"))


def test_too_many_groups_fail_at_once_and_say_what_to_do(monkeypatch):
    monkeypatch.setattr(f"{GROUPING}.MAX_GROUPS", 2)
    assert run(b"a\nx\ny\nx\n").status == "succeeded"
    assert "Group by columns with fewer" in detail(run(b"a\nx\ny\nz\n"))


def test_the_name_of_a_group_has_500_characters_at_most():
    assert run(b"a,b\n" + b"x" * 250 + b"," + b"y" * 250 + b"\n", "a,b").status == "succeeded"
    said = detail(run(b"a,b\n" + b"x" * 250 + b"," + b"y" * 251 + b"\n", "a,b"))
    assert said.startswith("The name of a group has 501 characters; the limit is 500.")


@pytest.mark.parametrize(
    "cells",
    [
        ["{n}"],
        ["{n}.5", "-{n}.25", "{n}.125", "1", "{n}.1", "{n}.2", "{n}.3", "{n}.4"],
        [f"{{n}}.1e{power}" for power in range(-300, 280, 15)] * 3,
        ["9" * 4_000, "-" + "9" * 3_999, "1"],
    ],
    ids=["whole", "floats", "spread", "long"],
)
def test_the_estimate_of_memory_covers_what_groups_take(cells):
    params = ReportParams("", ["a"], ["sum(n)", "mean(m)"])
    own = tracemalloc.Filter(True, __file__, all_frames=True)  # not what other threads allocate
    tracemalloc.start(10)
    try:
        groups = Groups()
        add = adder(groups, ReportResult(), params, {"a": 0, "n": 1, "m": 2})
        for n in range(1_000, 1_020):
            for cell in cells:
                add([f"group {n}", cell.format(n=n), cell.format(n=n)])
        taken = tracemalloc.take_snapshot().filter_traces([own])
        size = sum(trace.size for trace in taken.traces)
        assert 0 < size < groups.memory
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("wide", [b"x%d,1\n", b"x,1%01000d\n"], ids=["groups", "digits"])
def test_too_much_memory_fails_at_once_and_says_what_to_do(wide, monkeypatch):
    monkeypatch.setattr(f"{GROUPING}.MAX_MEMORY", 10_000)
    data = b"a,n\n" + b"".join(wide % n for n in range(10))
    assert run(data, "a", "sum(n)").status == "succeeded"
    monkeypatch.setattr(f"{GROUPING}.MAX_MEMORY", 1_500)
    assert "need more than 700 MB of memory" in detail(run(data, "a", "sum(n)"))


# ── params ──


@pytest.mark.parametrize(
    "wrong",
    [
        {"metrics": ["median(delay)"]},
        {"metrics": ["sum"]},
        {"metrics": ["sum()"]},
        {"metrics": []},
        {"metrics": ["count", "count"]},
        {"group_by": []},
        {"group_by": ["count"]},
        {"group_by": "carrier"},
        {"delimiter": ""},
        {"delimiter": ";;"},
        {"delimiter": '"'},
        {"delimiter": "\n"},
        {"encoding": "utf-16"},
        {"group_by": ["x" * 257]},
        {"metrics": ["sum(" + "x" * 258 + ")"]},
        {"group_by": [f"{number}" + "x" * 249 for number in range(4)]},
        {"where": [{"column": "month", "op": "eq", "value": True}]},
        {"where": [{"column": "month", "op": "like", "value": "1%"}]},
        {"where": [{"column": "month", "op": "in", "value": 1}]},
        {"where": [{"column": "month", "op": "eq", "value": [1]}]},
        {"where": [{"column": "month", "op": "eq", "value": None}]},
    ],
)
def test_params_that_cannot_be_meant_are_refused_at_submit(wrong):
    bench = Bench()
    params = {"source": bench.upload(FLIGHTS), "group_by": ["carrier"], "metrics": ["count"]}
    with pytest.raises(InvalidRequest):
        bench.run(report, params | wrong)


def test_long_names_of_columns_make_no_large_report():
    """Names stand in each row of report.json: 81 KB of CSV must not become 240 MB."""
    name = "x" * 250
    data = f"k,{name}\n".encode() + b"".join(b"%d,\n" % n for n in range(13_000))
    metrics = [f"{kind}({name})" for kind in ("sum", "mean", "max")]
    done = run(data, "k", *metrics)
    assert rows(done)[0].keys() == {"k", *metrics}
    assert len(done.artifacts["report.json"]) < 200 * len(data)


def test_a_line_feed_after_a_metric_does_no_harm():
    # JSON Schema's patterns let it pass
    assert rows(run(b"a,n\nx,1\n", "a", "count\n", "sum(n)\n")) == [
        {"a": "x", "count\n": 1, "sum(n)\n": 1}
    ]


# ── its size ──


def test_progress_is_the_share_of_bytes_read(monkeypatch):
    monkeypatch.setattr(f"{TASK}.BATCH", 5)
    done = run(b"aaaa\n" + b"xxxx\n" * 19, "aaaa")
    percents = [percent for percent, _ in done.progress]
    assert percents[:3] == [30.0, 55.0, 80.0]
    assert percents == sorted(percents)


def test_memory_does_not_grow_with_the_file(monkeypatch):
    lines = "".join(",".join(map(str, row)) + "\n" for row in flights(1_000)).encode()
    header = (",".join(COLUMNS) + "\n").encode()

    def peak(thousands: int) -> int:
        bench = Bench()
        source = bench.upload(b"")
        chunks = iter([header, *[lines] * thousands])
        monkeypatch.setattr(bench.payloads, "open", lambda key, start: Source(chunks, None))
        params = {"source": source, "group_by": ["carrier"], "metrics": ["mean(distance)"]}
        tracemalloc.start()
        try:
            assert bench.run(report, params).result["rows"] == thousands * 1_000
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(10) - peak(2) < len(lines)
