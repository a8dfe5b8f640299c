"""What a client asks of the `report` task, and what it is given."""

from __future__ import annotations

import operator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from chalicelib.tasks.reporting.numbers import number

MAX_NAMES = 1_000  # bytes as JSON; report.json has these names in each of its rows

Column = Annotated[
    str,
    Meta(min_length=1, max_length=256, description="A column's name, as in the first line."),
]
Metric = Annotated[
    str,
    Meta(
        pattern=r"^(count|(sum|mean|min|max)\([\s\S]+\))$",
        max_length=262,
        description="`count`, or sum, mean, min or max of a column, such as `sum(distance)`.",
    ),
]
ByMetric = dict[str, int]


class Condition(msgspec.Struct):
    """Which rows to take. A number is compared with cells that are numbers, a text with any
    cell as text (which puts ISO dates in order)."""

    column: Column
    op: Literal["eq", "ne", "lt", "le", "gt", "ge", "in"]
    value: str | int | float | Annotated[list[str | int | float], Meta(max_length=100)]

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


SourceName = Annotated[
    str,
    Meta(
        description="The CSV: an upload's id, or a URL whose content stays as it is.",
        examples=["upload:5f0c2f9e3b7d4c51a9e86d0b7a1c4e22", "https://example.com/flights.csv"],
    ),
]
GroupBy = Annotated[list[Column], Meta(min_length=1, max_length=8, examples=[["carrier"]])]
Metrics = Annotated[
    list[Metric], Meta(min_length=1, max_length=16, examples=[["count", "mean(arr_delay)"]])
]
Where = Annotated[list[Condition], Meta(description="All must hold.", max_length=16)]
Delimiter = Annotated[
    str,
    Meta(
        pattern=r'^[^"\r\n]$',
        max_length=1,
        description="A first line such as `sep=;` in the file counts instead.",
    ),
]
Encoding = Annotated[
    Literal["utf-8", "iso-8859-1", "windows-1252"],
    Meta(description="A byte order mark in the file counts instead; UTF-16 needs one."),
]


class ReportParams(msgspec.Struct):
    """`group_by` and `metrics` may have 1,000 bytes together, as JSON."""

    source: SourceName
    group_by: GroupBy
    metrics: Metrics
    where: Where = []
    delimiter: Delimiter = ","
    encoding: Encoding = "utf-8"

    def __post_init__(self) -> None:
        check_names(self.group_by + self.metrics)


class ReportManyParams(msgspec.Struct):
    """As of a report, with several CSVs that have the same columns."""

    sources: Annotated[
        list[SourceName],
        Meta(min_length=1, max_length=1_000, description="500 may be uploads."),
    ]
    group_by: GroupBy
    metrics: Metrics
    where: Where = []
    delimiter: Delimiter = ","
    encoding: Encoding = "utf-8"

    def __post_init__(self) -> None:
        check_names(self.group_by + self.metrics)

    def each(self) -> list[ReportParams]:
        """The params of a report on each source."""
        return [
            ReportParams(
                source, self.group_by, self.metrics, self.where, self.delimiter, self.encoding
            )
            for source in self.sources
        ]


def check_names(names: list[str]) -> None:
    if len(set(names)) < len(names):
        raise ValueError("group_by and metrics must not name a column of the report twice")
    if (size := len(msgspec.json.encode(names))) > MAX_NAMES:
        raise ValueError(
            f"group_by and metrics are {size:,} bytes as JSON; the limit is {MAX_NAMES:,}, as"
            " each row of report.json repeats them. Name fewer metrics, or shorter columns."
        )


class ReportResult(msgspec.Struct):
    """`rows`, `filtered`, `ragged` and `blank` are together all records after the first line."""

    rows: Annotated[int, Meta(description="Rows that were added up.")] = 0
    groups: int = 0
    filtered: Annotated[int, Meta(description="Rows for which `where` did not hold.")] = 0
    ragged: Annotated[int, Meta(description="Rows left out: too few or too many cells.")] = 0
    blank: Annotated[int, Meta(description="Lines left out: there is nothing in them.")] = 0
    undecodable: Annotated[int, Meta(description="Lines with bytes outside the encoding.")] = 0
    missing: Annotated[ByMetric, Meta(description="Empty cells left out, NA too, by metric.")] = {}
    not_a_number: Annotated[
        ByMetric, Meta(description="Cells left out: no numbers, or beyond the limits; by metric.")
    ] = {}

    def merge(self, other: ReportResult) -> None:
        """Add the counts of another part. `groups` stays: parts may share groups."""
        for name in ("rows", "filtered", "ragged", "blank", "undecodable"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for mine, others in (
            (self.missing, other.missing),
            (self.not_a_number, other.not_a_number),
        ):
            for metric, count in others.items():
                mine[metric] = mine.get(metric, 0) + count


def parts(metric: str) -> tuple[str, str]:
    """`sum(distance)` is sum and distance, `count` is count and nothing."""
    kind, _, column = metric.strip().partition("(")
    return kind, column[:-1]


def columns_named(params: ReportParams) -> list[str]:
    """Columns of the CSV, in the order in which the params name them."""
    measured = [column for _, column in map(parts, params.metrics) if column]
    return [*params.group_by, *measured, *(condition.column for condition in params.where)]
