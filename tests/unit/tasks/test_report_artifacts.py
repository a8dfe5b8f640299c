"""What the report task writes: a CSV that reads back as what was read, JSON, a chart."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.tasks import PermanentError
from chalicelib.tasks.reporting.chart import chart
from chalicelib.tasks.reporting.writing import attach_table
from tests.unit.tasks.reports import FLIGHTS, as_csv, rows, run

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: bytes) -> list[str]:
    return [one.text or "" for one in ET.fromstring(svg).iter(f"{SVG}text")]


# ── tables ──


def test_the_artifacts_say_the_same():
    done = run(FLIGHTS, "carrier", "count", "sum(delay)")
    text = done.artifacts["report.csv"].decode()
    assert text == "carrier,count,sum(delay)\nB6,2,\nUA,3,9.5\n"
    as_read = list(csv.DictReader(io.StringIO(text)))
    assert [[row["carrier"], row["count"]] for row in as_read] == [
        [row["carrier"], str(row["count"])] for row in rows(done)
    ]
    assert texts(done.artifacts["report.svg"]) == [
        *("count by carrier", "2 of 2 groups, the largest first", "UA", "3", "B6", "2")
    ]


@settings(deadline=None, max_examples=50)
@given(st.sets(st.text(max_size=8), min_size=1, max_size=8))
def test_names_of_groups_read_back_as_they_were_read(names):
    # quoted one and all, as the csv module of Python 3.11 and 3.12 leaves \r unquoted
    data = as_csv([(name, "1") for name in names], quoting=csv.QUOTE_ALL)
    done = run(data, "a", "sum(n)")
    text = done.artifacts["report.csv"].decode()
    table = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert table[0] == ["a", "sum(n)"]
    assert sorted(table[1:]) == sorted([name, "1"] for name in names)
    assert {row["a"] for row in rows(done)} == names
    again = run(text.encode(), "a", "sum(sum(n))")
    assert {row["a"] for row in rows(again)} == names


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_a_name_that_a_spreadsheet_takes_for_a_formula_stays_as_it_is(name):
    assert run(as_csv([(name, "1")])).artifacts["report.csv"].decode() == f"a,count\n{name},1\n"


class Attached(SimpleNamespace):
    """A job that keeps the sizes of files alone."""

    def attach(self, name: str, data: Any) -> None:
        vars(self)[name] = data.seek(0, io.SEEK_END)


def test_a_table_is_not_in_memory_as_text():
    job: Any = Attached()
    tracemalloc.start()
    try:
        attach_table(job, "t", ["x" * 500], ([number] for number in range(10_000)))
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()
    assert vars(job)["t.json"] > 5_000_000


def test_a_table_over_its_limit_fails_before_the_disk_is_full(monkeypatch):
    monkeypatch.setattr("chalicelib.tasks.reporting.writing.MAX_ARTIFACT", 1_000)
    job: Any = Attached()
    attach_table(job, "t", ["n"], ([1] for _ in range(90)))
    with pytest.raises(PermanentError, match=r"t\.csv or t\.json is over 200 MB"):
        attach_table(job, "t", ["n"], ([1] for _ in range(10_000)))


def test_a_table_without_rows_is_an_empty_list():
    assert json.loads(run(b"a\n").artifacts["report.json"]) == []


# ── the chart ──


def test_the_chart_shows_the_largest_groups_only():
    data = b"a,n\n" + b"".join(b"g%d,%d\n" % (number, number) for number in range(100))
    shown = texts(run(data, "a", "sum(n)").artifacts["report.svg"])
    assert shown[:4] == ["sum(n) by a", "24 of 100 groups, the largest first", "g99", "99"]
    assert ("g76" in shown, "g75" in shown) == (True, False)


def test_any_text_can_be_a_label():
    labels = texts(chart("<&>", [("</text>\x00\x1b\uffff\x85", 1), ("é" * 80, 2.0)], 2))
    assert labels[0] == "<&>"
    assert "</text>    " in labels
    assert "é" * 35 + "…" in labels


@pytest.mark.parametrize(
    "name", ["👩‍🚀", "می‌خواهم", "non\xa0breaking", "\u200f\u05e9\u05dc", "\ue000"]
)
def test_what_joins_and_orders_letters_stays_in_a_label(name):
    assert name in texts(run(as_csv([(name, "1")])).artifacts["report.svg"])


def test_a_group_without_a_name_has_a_label():
    assert "(empty) · 1" in texts(run(b"a,b\n,1\n", "a,b").artifacts["report.svg"])


def test_a_group_without_a_value_has_no_bar():
    shown = texts(run(b"a,n\nx,\ny,1\n", "a", "sum(n)").artifacts["report.svg"])
    assert shown == ["sum(n) by a", "1 of 2 groups, the largest first", "y", "1"]


def test_bars_start_at_zero_and_stay_within_the_picture():
    picture = ET.fromstring(chart("t", [("a", 30.0), ("b", 0.0), ("c", -10.0)], 3))
    _, *drawn = picture.iter(f"{SVG}rect")
    bars = [(float(bar.attrib["x"]), float(bar.attrib["width"])) for bar in drawn]
    (a, a_width), (zero, none), (c, c_width) = bars
    assert none == 0
    assert a == zero == pytest.approx(c + c_width, abs=0.2)
    assert a_width == pytest.approx(3 * c_width, abs=0.3)
    assert c >= 0
    assert a + a_width <= 800


@pytest.mark.parametrize("values", [[], [0.0], [5e299, -5e299], [7.0, 7.0], [10**400, -(10**400)]])
def test_values_of_any_kind_can_be_drawn(values):
    picture = ET.fromstring(chart("t", [("x", value) for value in values], 2))
    assert all(float(bar.attrib["width"]) <= 800 for bar in list(picture.iter(f"{SVG}rect"))[1:])


def test_a_value_is_printed_short():
    values = [0.1, 12, 1234.5, 10**15, 12345 * 10**400, 1e-7]
    printed = texts(chart("t", [("x", value) for value in values], 6))[3::2]
    assert printed == ["0.1", "12", "1,234", "1e+15", "1.234e+404", "1e-07"]
