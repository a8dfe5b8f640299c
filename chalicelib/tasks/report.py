"""The `report` task: a CSV of any size, streamed, grouped and added up.

A model for long work. It reads in constant memory, tells how far it is, and saves every few
seconds where it is: a crash costs seconds, and the job may outlive Lambda's 15 minutes.
"""

from __future__ import annotations

import heapq
import io
import time
from collections.abc import Iterator

import msgspec

from chalicelib.tasks import Job, PermanentError, task
from chalicelib.tasks.reporting.chart import BARS, chart
from chalicelib.tasks.reporting.grouping import Groups, adder
from chalicelib.tasks.reporting.params import (
    ReportManyParams,
    ReportParams,
    ReportResult,
    columns_named,
)
from chalicelib.tasks.reporting.reading import Place, Records
from chalicelib.tasks.reporting.writing import attach_table

BATCH = 1_000  # records between two looks at the clock
CHECKPOINT_SECONDS = 5.0


class State(msgspec.Struct):
    """What a checkpoint holds."""

    place: Place
    width: int = 0  # cells of the first line
    place_of: dict[str, int] = {}  # by the name of each column that the params name
    groups: Groups = msgspec.field(default_factory=Groups)
    result: ReportResult = msgspec.field(default_factory=ReportResult)


@task("report", lane="heavy")
def report(job: Job, params: ReportParams) -> ReportResult:
    """Group the rows of a CSV by some of its columns, and add up others.

    Attaches report.csv, report.json and report.svg, a chart of the first metric.

    The CSV is UTF-8 (or `encoding`), or UTF-16 with a byte order mark. Cells may be quoted, also
    after spaces; malformed quoting fails and names its line. A record may have 1 MiB.

    Whole numbers of up to 4,000 digits are exact. Other numbers are floats below 1e290, whose sum
    is exact until it is rounded once, at the end. A mean is that sum divided. Cells beyond these
    limits are counted as no numbers.

    There may be 100,000 groups, or fewer if they need more than 700 MB of memory. The cells that
    name a group may have 500 characters together, report.csv and report.json 200 MB each.

    report.csv holds the names of groups as the CSV has them. A spreadsheet may read a name that
    begins with `=`, `+`, `-` or `@` as a formula: import these columns as text if others wrote
    the CSV.
    """
    state = added_up(job, params)
    job.progress(1, f"Writing {state.result.groups:,} groups")
    write(job, params, state.groups)
    return state.result


def added_up(job: Job, params: ReportParams) -> State:
    """The groups of the CSV. Goes on from the job's checkpoint."""
    if job.state:
        state = msgspec.convert(job.state, State)
        job.state = None  # at 100,000 groups, some 700 MB
    else:
        state = State(Place(params.encoding, params.delimiter))
    result, place = state.result, state.place
    with job.open(params.source, place.offset) as source:
        size = None if source.size is None else place.offset + source.size
        records = iter(Records(io.BufferedReader(source), place))
        if not state.width:
            read_header(records, params, state)
        add = adder(state.groups, result, params, state.place_of)
        saved_at = float("-inf")  # the first batch is saved: a slow source may come to no other
        for count, cells in enumerate(records, 1):
            if len(cells) == state.width:
                add(cells)
            elif cells:
                result.ragged += 1
            else:
                result.blank += 1
            if count % BATCH == 0:
                job.progress(place.offset / size if size else 0, f"{result.rows:,} rows added up")
                now = time.monotonic()
                if now - saved_at >= CHECKPOINT_SECONDS:
                    job.checkpoint(state)
                    saved_at = time.monotonic()
    result.groups, result.undecodable = len(state.groups.by_key), place.undecodable
    if not result.rows:
        explain_empty(job, state)
    return state


def read_header(records: Iterator[list[str]], params: ReportParams, state: State) -> None:
    """The first line that is not blank. Raises PermanentError if a named column is missing."""
    header = [cell.strip() for cell in next((cells for cells in records if cells), [])]
    for column in columns_named(params):
        if header.count(column) != 1:
            has = "several columns" if column in header else "no column"
            there_are = ", ".join(header)[:1_000] or "none, it is empty"
            raise PermanentError(f"The CSV has {has} {column!r}. Its columns are: {there_are}")
        state.place_of[column] = header.index(column)
    state.width = len(header)


def explain_empty(job: Job, state: State) -> None:
    """Raises PermanentError where there are rows, and none could be read."""
    result = state.result
    if result.filtered:
        job.log(f"The report is empty: `where` holds for none of {result.filtered:,} rows.")
    elif result.ragged:
        raise PermanentError(
            f"None of {result.ragged:,} rows could be read: the first line has {state.width} cells,"
            " and each row has more or fewer. Is the delimiter right, and is the first line the"
            " names of the columns?"
        )
    else:
        job.log("The report is empty: the CSV has no row after the names of its columns.")


def write(job: Job, params: ReportParams | ReportManyParams, groups: Groups) -> None:
    columns = params.group_by + params.metrics
    rows = groups.rows(params.metrics)
    attach_table(job, "report", columns, ([*name, *values] for name, values in rows))
    bars = (
        (" · ".join(cell or "(empty)" for cell in name), values[0])
        for name, values in groups.rows(params.metrics)
        if values[0] is not None
    )
    largest = heapq.nlargest(BARS, bars, key=lambda bar: bar[1])
    title = f"{params.metrics[0]} by {', '.join(params.group_by)}"
    job.attach("report.svg", chart(title, largest, len(groups.by_key)))
