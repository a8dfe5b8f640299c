"""The report task: what it makes of CSVs of all kinds, and that a restart changes nothing."""

from __future__ import annotations

import csv
import functools
import io
import json
import operator
import tracemalloc
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.errors import InvalidRequest
from chalicelib.tasks import HttpResponse, Source
from chalicelib.tasks.report import chart, report
from chalicelib.testing import Bench, Done
from tests.flights import COLUMNS, flights

MODULE = "chalicelib.tasks.report"
SVG = "{http://www.w3.org/2000/svg}"
FLIGHTS = b"carrier,month,delay\nUA,10,5\nB6,9,\nUA,9,-2.5\nB6,10,late\nUA,10,7\n"


def run(data: bytes, group_by: str = "a", *metrics: str, **more: Any) -> Done:
    bench = Bench()
    interruptions = {name: more.pop(name) for name in list(more) if name.endswith("_after")}
    params = {"source": bench.upload(data), "group_by": group_by.split(",")}
    return bench.run(
        report, {**params, "metrics": list(metrics) or ["count"], **more}, **interruptions
    )


def rows(done: Done) -> list[dict[str, Any]]:
    assert done.error is None
    found: list[dict[str, Any]] = json.loads(done.artifacts["report.json"])
    return found


def detail(done: Done) -> str:
    """Why it failed, once and for all."""
    assert (done.status, done.attempts) == ("failed", 1)
    assert done.error is not None
    return done.error.detail


@pytest.fixture
def saves_after_each_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{MODULE}.BATCH", 1)
    monkeypatch.setattr(f"{MODULE}.CHECKPOINT_SECONDS", 0.0)


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


def test_the_artifacts_say_the_same():
    done = run(FLIGHTS, "carrier", "count", "sum(delay)")
    text = done.artifacts["report.csv"].decode()
    assert text == "carrier,count,sum(delay)\nB6,2,\nUA,3,9.5\n"
    as_read = list(csv.DictReader(io.StringIO(text)))
    assert [[row["carrier"], row["count"]] for row in as_read] == [
        [row["carrier"], str(row["count"])] for row in rows(done)
    ]
    texts = [one.text for one in ET.fromstring(done.artifacts["report.svg"]).iter(f"{SVG}text")]
    assert texts == ["count by carrier", "2 of 2 groups, the largest first", "UA", "3", "B6", "2"]


def test_cells_that_are_missing_or_no_numbers_are_left_out_of_their_metric_and_told_of():
    data = b"a,n\nx,1\nx,\nx,NA\nx,1_000\nx,inf\nx,nan\nx,1e300\nx, 2 \n"
    done = run(data, "a", "count", "sum(n)")
    assert rows(done) == [{"a": "x", "count": 8, "sum(n)": 3}]
    assert done.result["missing"] == {"sum(n)": 3}
    assert done.result["not_a_number"] == {"sum(n)": 3}


def test_a_metric_of_nothing_is_null():
    done = run(b"a,n\nx,\n", "a", "sum(n)", "mean(n)", "min(n)")
    assert rows(done) == [{"a": "x", "sum(n)": None, "mean(n)": None, "min(n)": None}]


def test_numbers_are_whole_where_they_are():
    done = run(b"a,n\nx,1.5\nx,2.5\ny,0.1\ny,0.2\nz,1e20\n", "a", "sum(n)")
    assert done.artifacts["report.csv"] == b"a,sum(n)\nx,4\ny,0.30000000000000004\nz,1e+20\n"


def test_a_ragged_row_is_counted_and_the_rest_is_added_up():
    done = run(b"a,n\nx,1\nx\nx,2,3\nx,4\n", "a", "sum(n)")
    assert rows(done) == [{"a": "x", "sum(n)": 5}]
    assert (done.result["rows"], done.result["ragged"]) == (2, 2)


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


def test_a_url_is_read_like_an_upload():
    bench = Bench()
    bench.answers("GET", "https://files.example.com/f.csv", HttpResponse(200, {}, b"a\nx\n"))
    params = {"source": "https://files.example.com/f.csv", "group_by": ["a"], "metrics": ["count"]}
    assert rows(bench.run(report, params)) == [{"a": "x", "count": 1}]


# ── CSVs as they come ──


@pytest.mark.parametrize(
    "data",
    [
        b"a,n\nx,1\n",
        b"a,n\nx,1",
        b"a,n\r\nx,1\r\n",
        b"\xef\xbb\xbfa,n\nx,1\n",
        b'\xef\xbb\xbf"a","n"\r\n"x","1"\r\n',
        b"\n\na, n\n\nx,1\n\n",
        b'a,n,"note, long"\nx,1,"two\nlines, ""quoted"""\n',
        b"a,n,twice,twice\nx,1,2,3\n",
        b"a,n,z\nx,1,\x00\n",
    ],
    ids=["plain", "no-end", "crlf", "bom", "bom-quotes", "blank", "newline", "twice", "nul"],
)
def test_what_is_in_a_cell_does_not_depend_on_how_it_is_written(data):
    assert rows(run(data, "a", "sum(n)")) == [{"a": "x", "sum(n)": 1}]


def test_a_byte_order_mark_is_one_at_the_beginning_only():
    done = run(b"\xef\xbb\xbfa\n\xef\xbb\xbfx\nx\n")
    assert [row["a"] for row in rows(done)] == ["x", "\ufeffx"]


def test_another_delimiter_may_be_said():
    assert rows(run(b"a\tn\nx,y\t1\n", delimiter="\t")) == [{"a": "x,y", "count": 1}]


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("utf-8", "a\nžluťoučký\n".encode()),
        ("iso-8859-1", b"a\n\xe9t\xe9\n"),
        ("windows-1252", b"a\n\x80\n"),
    ],
)
def test_another_encoding_may_be_said(encoding, data):
    done = run(data, encoding=encoding)
    assert rows(done) == [{"a": data.decode(encoding)[2:-1], "count": 1}]
    assert done.result["undecodable"] == 0


def test_bytes_outside_the_encoding_are_replaced_and_told_of():
    done = run(b"a\ncaf\xe9\ncaf\xc3\xa9\n")
    assert [row["a"] for row in rows(done)] == ["café", "caf\ufffd"]
    assert done.result["undecodable"] == 1


def test_a_header_alone_gives_an_empty_report():
    done = run(b"a,b\n")
    assert (rows(done), done.result["rows"], done.result["groups"]) == ([], 0, 0)
    assert done.artifacts["report.csv"] == b"a,count\n"


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_fails_at_once_and_says_so(data):
    assert "it is empty" in detail(run(data))


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


def test_an_open_quote_fails_at_once_and_names_its_byte():
    data = b'a,b\nx,1\n"x,2\n' + b"x,3\n" * 40_000
    assert "The record at byte 8 cannot be read" in detail(run(data))


def test_lines_without_line_feeds_fail_at_once_and_say_so():
    assert "carriage returns" in detail(run(b"a,b\rx,1\ry,2\r"))


@pytest.mark.parametrize("endless", [b"x" * 100, b'"x\n",'])
def test_a_record_without_an_end_is_not_read_to_its_end(endless, monkeypatch):
    monkeypatch.setattr(f"{MODULE}.MAX_RECORD", 10_000)
    handed_out = []

    def chunks() -> Iterator[bytes]:
        yield b"a\n"
        for chunk in [endless] * 10_000:
            handed_out.append(chunk)
            yield chunk

    bench = Bench()
    source = bench.upload(b"")
    monkeypatch.setattr(bench.payloads, "open", lambda key, start: Source(chunks(), None))
    done = bench.run(report, {"source": source, "group_by": ["a"], "metrics": ["count"]})
    assert "The record at byte 2 is over" in detail(done)
    assert len(b"".join(handed_out)) < 40_000


def test_too_many_groups_fail_at_once_and_say_what_to_do(monkeypatch):
    monkeypatch.setattr(f"{MODULE}.MAX_GROUPS", 2)
    assert run(b"a\nx\ny\nx\n").status == "succeeded"
    assert "group by columns with fewer" in detail(run(b"a\nx\ny\nz\n"))


def test_a_group_with_an_overlong_name_fails_like_too_many():
    assert "group by columns with fewer" in detail(run(b"a\n" + b"x" * 600 + b"\n"))


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


def test_a_line_feed_after_a_metric_does_no_harm():
    # JSON Schema's patterns let it pass
    assert rows(run(b"a,n\nx,1\n", "a", "count\n", "sum(n)\n")) == [
        {"a": "x", "count\n": 1, "sum(n)\n": 1}
    ]


# ── restarts ──

CELLS = st.sampled_from(["", "x", "y\nz", 'q"', "é", ",", "7", "-0.1", "1e-3", "1e16", "NA"])
TABLES = st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=25)
METRICS = ("count", "sum(n)", "mean(n)", "min(n)", "max(n)")


def as_csv(table: list[tuple[str, ...]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("a", "n"), *table])
    return text.getvalue().encode()


def plus(numbers: list[float]) -> float:
    """One after another; `sum` keeps more digits on the way, from Python 3.12 on."""
    return functools.reduce(operator.add, numbers)


@settings(deadline=None)
@given(TABLES)
def test_the_report_is_what_python_itself_makes_of_the_csv(table):
    expected: dict[str, list[float]] = {}
    counts: dict[str, int] = {}
    for key, cell in table:
        counts[key] = counts.get(key, 0) + 1
        numbers = expected.setdefault(key, [])
        if cell[:1].isdigit() or cell[:1] == "-":
            numbers.append(float(cell))
    found = {row.pop("a"): list(row.values()) for row in rows(run(as_csv(table), "a", *METRICS))}
    assert found == {
        key: [
            counts[key],
            *((plus(n), plus(n) / len(n), min(n), max(n)) if n else (None, None, None, None)),
        ]
        for key, n in expected.items()
    }


@settings(deadline=None)
@given(TABLES, st.integers(9, 40), st.integers(1, 60))
def test_a_job_that_was_cut_off_anywhere_ends_as_if_it_had_not(table, end, crash):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{MODULE}.BATCH", 1)
        patch.setattr(f"{MODULE}.CHECKPOINT_SECONDS", 0.0)
        data = as_csv(table)
        whole = run(data, "a", *METRICS)
        cut = run(data, "a", *METRICS, end_invocations_after=end, crash_after=crash)
    assert (cut.status, cut.result, cut.artifacts) == (whole.status, whole.result, whole.artifacts)


@pytest.mark.usefixtures("saves_after_each_record")
def test_an_invocation_goes_on_where_the_one_before_had_to_end():
    data = b"a,n\n" + b"".join(b'"x\n%d",0.1\n' % (number % 3) for number in range(50))
    whole = run(data, "a", "sum(n)")
    done = run(data, "a", "sum(n)", end_invocations_after=12)
    assert (done.result, done.artifacts) == (whole.result, whole.artifacts)
    assert done.attempts == 1
    offsets = [checkpoint["offset"] for checkpoint in done.checkpoints]
    assert offsets == sorted(set(offsets))
    for offset in offsets:
        assert data[offset:][:2] in (b'"x', b"")


@pytest.mark.usefixtures("saves_after_each_record")
def test_what_was_left_out_before_a_restart_is_still_told_of():
    data = b"a,n\n" + b"x,\nx,?\nx\nx,\xff\n" * 10
    done = run(data, "a", "sum(n)", end_invocations_after=12)
    told = {name: done.result[name] for name in ("missing", "not_a_number", "ragged")}
    assert told == {"missing": {"sum(n)": 10}, "not_a_number": {"sum(n)": 20}, "ragged": 10}
    assert done.result["undecodable"] == 10


def test_a_checkpoint_is_saved_every_five_seconds_not_every_batch(monkeypatch):
    ticks = iter(range(1_000))  # a second passes at each look at the clock
    monkeypatch.setattr(f"{MODULE}.time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    monkeypatch.setattr(f"{MODULE}.BATCH", 1)
    done = run(b"a\n" + b"x\n" * 24)
    assert [checkpoint["offset"] for checkpoint in done.checkpoints] == [12, 22, 32, 42]


# ── its size ──


def test_progress_is_the_share_of_bytes_read(monkeypatch):
    monkeypatch.setattr(f"{MODULE}.BATCH", 5)
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


# ── the chart ──


def test_the_chart_shows_the_largest_groups_only():
    data = b"a,n\n" + b"".join(b"g%d,%d\n" % (number, number) for number in range(100))
    picture = ET.fromstring(run(data, "a", "sum(n)").artifacts["report.svg"])
    texts = [one.text for one in picture.iter(f"{SVG}text")]
    assert texts[:4] == ["sum(n) by a", "24 of 100 groups, the largest first", "g99", "99"]
    assert "g75" not in texts


def test_any_text_can_be_a_label():
    picture = ET.fromstring(chart("<&>", [("</text>\x00\x1b\uffff", 1.0), ("é" * 80, 2.0)]))
    labels = [one.text or "" for one in picture.iter(f"{SVG}text")]
    assert labels[0] == "<&>"
    assert "</text>   " in labels
    assert "é" * 35 + "…" in labels


def test_a_group_without_a_name_has_a_label():
    picture = ET.fromstring(run(b"a,b\n,1\n", "a,b").artifacts["report.svg"])
    assert "(empty) · 1" in [one.text for one in picture.iter(f"{SVG}text")]


def test_bars_start_at_zero_and_stay_within_the_picture():
    picture = ET.fromstring(chart("t", [("a", 30.0), ("b", 0.0), ("c", -10.0)]))
    _, *drawn = picture.iter(f"{SVG}rect")
    bars = [(float(bar.attrib["x"]), float(bar.attrib["width"])) for bar in drawn]
    (a, a_width), (zero, none), (c, c_width) = bars
    assert none == 0
    assert a == zero == pytest.approx(c + c_width, abs=0.2)
    assert a_width == pytest.approx(3 * c_width, abs=0.3)
    assert c >= 0
    assert a + a_width <= 800


@pytest.mark.parametrize("values", [[], [0.0], [5e299, -5e299], [7.0, 7.0]])
def test_values_of_any_kind_can_be_drawn(values):
    assert ET.fromstring(chart("t", [("x", value) for value in values])).tag == f"{SVG}svg"
