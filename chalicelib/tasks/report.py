"""The `report` task: a CSV of any size, streamed, grouped and added up.

A model for long work. It reads in constant memory, tells how far it is, and saves every few
seconds where it is: a crash costs seconds, and the job may outlive Lambda's 15 minutes.
"""

from __future__ import annotations

import codecs
import csv
import io
import operator
import time
from collections.abc import Iterator
from typing import Annotated, BinaryIO, Literal
from xml.etree import ElementTree as ET

import msgspec
from msgspec import Meta

from chalicelib.tasks import Job, PermanentError, task

BATCH = 1_000  # records between two looks at the clock
CHECKPOINT_SECONDS = 5.0
MAX_GROUPS, MAX_KEY = 100_000, 500  # they bound the memory, and the size of a checkpoint
MAX_RECORD = 1024 * 1024  # bytes; a field of it may have 131,072 (csv.field_size_limit)
MAX_NUMBER = 1e290  # no sum of such numbers reaches infinity, which JSON cannot say
MISSING = {"", "NA", "N/A", "NULL", "null", "NaN", "nan"}
BARS = 24

Column = Annotated[str, Meta(min_length=1, description="A column's name, as in the first line.")]
Metric = Annotated[
    str,
    Meta(
        pattern=r"^(count|(sum|mean|min|max)\(.+\))$",
        description="`count`, or sum, mean, min or max of a column, such as `sum(distance)`.",
    ),
]
ByMetric = Annotated[dict[str, int], Meta(description="Cells left out, by metric.")]


class Condition(msgspec.Struct):
    """Which rows to take. A number is compared with cells that are numbers, a text with any
    cell as text (which puts ISO dates in order)."""

    column: Column
    op: Literal["eq", "ne", "lt", "le", "gt", "ge", "in"]
    value: str | float | Annotated[list[str | float], Meta(max_length=100)]

    def __post_init__(self) -> None:
        if isinstance(self.value, list) != (self.op == "in"):
            raise ValueError("value must be a list for `in`, else a text or a number")

    def holds(self, cell: str) -> bool:
        if isinstance(self.value, list):
            return cell in self.value or number(cell) in self.value
        found = cell if isinstance(self.value, str) else number(cell)
        if found is None:
            return self.op == "ne"
        return bool(getattr(operator, self.op)(found, self.value))


class ReportParams(msgspec.Struct):
    source: Annotated[
        str, Meta(description="The CSV: an upload's id, or a URL whose content stays as it is.")
    ]
    group_by: Annotated[list[Column], Meta(min_length=1, max_length=8, examples=[["carrier"]])]
    metrics: Annotated[
        list[Metric], Meta(min_length=1, max_length=16, examples=[["count", "mean(arr_delay)"]])
    ]
    where: Annotated[list[Condition], Meta(description="All must hold.", max_length=16)] = []
    delimiter: Annotated[str, Meta(pattern=r'^[^"\r\n]$', max_length=1)] = ","
    encoding: Literal["utf-8", "iso-8859-1", "windows-1252"] = "utf-8"

    def __post_init__(self) -> None:
        names = self.group_by + self.metrics
        if len(set(names)) < len(names):
            raise ValueError("group_by and metrics must not name a column of the report twice")


class ReportResult(msgspec.Struct):
    rows: Annotated[int, Meta(description="Rows that were added up.")] = 0
    groups: int = 0
    filtered: Annotated[int, Meta(description="Rows for which `where` did not hold.")] = 0
    ragged: Annotated[int, Meta(description="Rows left out: too few or too many cells.")] = 0
    undecodable: Annotated[int, Meta(description="Lines with bytes outside the encoding.")] = 0
    missing: ByMetric = {}
    not_a_number: ByMetric = {}


class Total(msgspec.Struct, array_like=True):
    """One metric of one group."""

    cells: int = 0
    value: float = 0.0

    def add(self, kind: str, value: float) -> None:
        if not self.cells:
            self.value = value
        elif kind == "min":
            self.value = min(self.value, value)
        elif kind == "max":
            self.value = max(self.value, value)
        else:
            self.value += value
        self.cells += 1

    def final(self, kind: str) -> int | float | None:
        if not self.cells:
            return None
        value = self.value / self.cells if kind == "mean" else self.value
        return int(value) if value.is_integer() and abs(value) < 2**53 else value


class State(msgspec.Struct):
    """What a checkpoint holds."""

    offset: int = 0  # in bytes; between two records
    header: list[str] = []
    groups: dict[str, list[Total]] = {}  # by their cells of `group_by`, as JSON text
    result: ReportResult = msgspec.field(default_factory=ReportResult)


@task("report", lane="heavy")
def report(job: Job, params: ReportParams) -> ReportResult:
    """Group the rows of a CSV by some of its columns, and add up others.

    Attaches report.csv, report.json and report.svg, a chart of the first metric.
    """
    state = msgspec.convert(job.state, State) if job.state else State()
    with job.open(params.source, state.offset) as source:
        size = None if source.size is None else state.offset + source.size
        rows = records(io.BufferedReader(source), state, params)
        state.header = state.header or [name.strip() for name in next(rows, [])]
        check_columns(state.header, params)
        saved_at = time.monotonic()
        for count, cells in enumerate(rows, 1):
            if len(cells) == len(state.header):
                add(dict(zip(state.header, cells, strict=True)), params, state)
            else:
                state.result.ragged += 1
            if count % BATCH == 0:
                message = f"{state.result.rows:,} rows added up"
                job.progress(state.offset / size if size else 0, message)
                if time.monotonic() - saved_at >= CHECKPOINT_SECONDS:
                    job.checkpoint(state)
                    saved_at = time.monotonic()
    state.result.groups = len(state.groups)
    job.progress(1, f"Writing {len(state.groups):,} groups")
    write(job, params, state.groups)
    return state.result


def records(source: BinaryIO, state: State, params: ReportParams) -> Iterator[list[str]]:
    """The records from `state.offset` on. While one is worked on, `state.offset` is its end."""
    read = state.offset

    def lines() -> Iterator[str]:
        nonlocal read
        while line := source.readline(MAX_RECORD + 1):
            read += len(line)
            if read - state.offset > MAX_RECORD:
                raise PermanentError(
                    f"The record at byte {state.offset} is over 1 MiB: is this a CSV, with line "
                    "feeds after its lines and all quotes closed?"
                )
            if read == len(line):
                line = line.removeprefix(codecs.BOM_UTF8)
            try:
                yield line.decode(params.encoding)
            except UnicodeDecodeError:
                state.result.undecodable += 1
                yield line.decode(params.encoding, "replace")

    try:
        # csv.reader takes a line only while its record is not complete: what has been read
        # ends where the record does, quoted line feeds and all.
        for record in csv.reader(lines(), delimiter=params.delimiter):
            state.offset = read
            if record:  # not a blank line
                yield record
    except csv.Error as error:
        raise PermanentError(
            f"The record at byte {state.offset} cannot be read: {error}. Is a quote left open, or "
            "do lines end in carriage returns alone?"
        ) from None


def check_columns(header: list[str], params: ReportParams) -> None:
    metrics = [column for _, column in map(parts, params.metrics) if column]
    for column in [*params.group_by, *metrics, *(one.column for one in params.where)]:
        if header.count(column) != 1:
            has = "several columns" if column in header else "no column"
            there_are = ", ".join(header)[:1_000] or "none, it is empty"
            raise PermanentError(f"The CSV has {has} {column!r}. Its columns are: {there_are}")


def parts(metric: str) -> tuple[str, str]:
    """`sum(distance)` is sum and distance, `count` is count and nothing."""
    kind, _, column = metric.strip().partition("(")
    return kind, column[:-1]


def number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    # Python reads nan, inf and 1_000, too
    return value if -MAX_NUMBER < value < MAX_NUMBER and "_" not in cell else None


def add(row: dict[str, str], params: ReportParams, state: State) -> None:
    result = state.result
    if not all(condition.holds(row[condition.column]) for condition in params.where):
        result.filtered += 1
        return
    key = msgspec.json.encode([row[column] for column in params.group_by]).decode()
    if key not in state.groups:
        if len(state.groups) == MAX_GROUPS or len(key) > MAX_KEY:
            raise PermanentError(
                f"More than {MAX_GROUPS:,} groups, or one with a name of over {MAX_KEY} "
                "characters: group by columns with fewer or shorter values."
            )
        state.groups[key] = [Total() for _ in params.metrics]
    result.rows += 1
    for total, metric in zip(state.groups[key], params.metrics, strict=True):
        kind, column = parts(metric)
        value = number(row[column]) if column else 1.0
        if value is not None:
            total.add(kind, value)
        else:
            missing = row[column].strip() in MISSING
            left_out = result.missing if missing else result.not_a_number
            left_out[metric] = left_out.get(metric, 0) + 1


def write(job: Job, params: ReportParams, groups: dict[str, list[Total]]) -> None:
    """Attach the groups as CSV and JSON, ordered by key, 9 before 10; and the chart."""
    names, first = params.group_by + params.metrics, len(params.group_by)
    kinds = [kind for kind, _ in map(parts, params.metrics)]
    keys = {tuple(msgspec.json.decode(key, type=list[str])): key for key in groups}
    table = [
        [*cells, *map(Total.final, groups[keys[cells]], kinds)]
        for cells in sorted(keys, key=lambda cells: [natural(cell) for cell in cells])
    ]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([names, *table])
    job.attach("report.csv", text.getvalue())
    lines = [msgspec.json.encode(dict(zip(names, row, strict=True))) for row in table]
    job.attach("report.json", b"[\n" + b",\n".join(lines) + b"\n]\n")
    bars = [
        (" · ".join(str(cell) or "(empty)" for cell in row[:first]), value)
        for row in table
        if isinstance(value := row[first], int | float)
    ]
    job.attach("report.svg", chart(f"{names[first]} by {', '.join(params.group_by)}", bars))


def natural(cell: str) -> tuple[bool, float, str]:
    value = number(cell)
    return value is None, value or 0.0, cell


def chart(title: str, bars: list[tuple[str, float]]) -> bytes:
    """The largest values as bars. By hand, as the chart libraries that fit into a Lambda print
    no values beside bars, or put scripts and random ids into a picture of some rectangles."""
    largest = sorted(bars, key=lambda bar: -bar[1])[:BARS]
    shown = [(cut(label, 36), value) for label, value in largest]
    lowest, highest = min([0.0, *(v for _, v in shown)]), max([0.0, *(v for _, v in shown)])
    margin = 40 + 7.2 * max([0, *(len(label) for label, _ in shown)])
    scale = (660 - margin) / (highest - lowest or 1)
    svg = ET.Element("svg", xmlns="http://www.w3.org/2000/svg", fill="#333")
    svg.attrib |= {"viewBox": f"0 0 800 {94 + 26 * len(shown)}", "font-family": "sans-serif"}

    def draw(tag: str, x: float, y: float, text: str = "", **attributes: str) -> None:
        clean = "".join(one if one.isprintable() else " " for one in text)  # XML forbids some
        place = {"x": f"{x:.1f}", "y": f"{y:.1f}"}
        ET.SubElement(svg, tag, place | {"font-size": "13"} | attributes).text = clean or None

    draw("rect", 0, 0, width="100%", height="100%", fill="#fff")
    draw("text", 24, 36, cut(title, 80), **{"font-size": "18"})
    draw("text", 24, 59, f"{len(shown)} of {len(bars):,} groups, the largest first", fill="#777")
    for line, (label, value) in enumerate(shown):
        top, length = 78 + 26 * line, scale * abs(value)
        left = margin + scale * (min(value, 0) - lowest)
        draw("text", margin - 10, top + 14, label, **{"text-anchor": "end"})
        draw("rect", left, top, width=f"{length:.1f}", height="19", rx="2", fill="#4269d0")
        printed = f"{value:,.0f}" if 1e3 <= abs(value) < 1e15 else f"{value:.4g}"
        draw("text", left + length + 6, top + 14, printed)
    return bytes(ET.tostring(svg, "utf-8"))


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
