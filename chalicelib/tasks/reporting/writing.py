"""Tables as CSV and as JSON, written row by row, so that no table is in memory as text."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Sequence

import msgspec

from chalicelib.tasks import Job, PermanentError

MAX_ARTIFACT = 200 * 1000 * 1000  # bytes; both files stand in /tmp, where Lambda gives 512 MB
NEEDS_QUOTES = re.compile(r'[",\r\n]')

Cell = str | int | float | None


def attach_table(
    job: Job, name: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]
) -> None:
    """Attach `name`.csv and `name`.json, a list with an object for each row.

    Raises PermanentError where one of them is over MAX_ARTIFACT.
    """
    with tempfile.TemporaryFile() as as_csv, tempfile.TemporaryFile() as as_json:
        as_csv.write(csv_line(columns))
        as_json.write(b"[")
        between = b"\n"
        for row in rows:
            as_csv.write(csv_line(row))
            as_json.write(between + msgspec.json.encode(dict(zip(columns, row, strict=True))))
            between = b",\n"
            if max(as_csv.tell(), as_json.tell()) > MAX_ARTIFACT:
                raise PermanentError(
                    f"{name}.csv or {name}.json is over 200 MB. Ask for fewer groups or metrics."
                )
        as_json.write(b"\n]\n")
        for file, kind in ((as_csv, "csv"), (as_json, "json")):
            file.seek(0)
            job.attach(f"{name}.{kind}", file)


def csv_line(cells: Iterable[Cell]) -> bytes:
    """Not by the csv module, which before Python 3.13 leaves a carriage return unquoted."""
    return (",".join(map(_csv_cell, cells)) + "\n").encode()


def _csv_cell(cell: Cell) -> str:
    text = "" if cell is None else str(cell)
    if not NEEDS_QUOTES.search(text):
        return text
    return '"' + text.replace('"', '""') + '"'
