"""Groups of rows and their metrics, within limits on their number and on memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import msgspec

from chalicelib.tasks import PermanentError
from chalicelib.tasks.reporting.numbers import Numbers, number
from chalicelib.tasks.reporting.params import ReportParams, ReportResult, parts

MAX_GROUPS = 100_000
MAX_NAME = 500  # characters of the cells that name a group
MAX_MEMORY = 700 * 1000 * 1000  # bytes; a heavy worker has 2,048 MB, and checkpoints are copies
MISSING = {"", "NA", "N/A", "NULL", "null", "NaN", "nan"}
name_of = msgspec.json.Decoder(list[str]).decode


class Group(msgspec.Struct, array_like=True, gc=False):
    rows: int
    columns: tuple[Numbers, ...]  # those of `columns_of`


class Groups(msgspec.Struct):
    by_key: dict[str, Group] = {}  # by the cells that name a group, as JSON text
    memory: int = 0  # bytes that they take, estimated

    def add(self, name: list[str], key: str, columns: int) -> Group:
        """A new group. Raises PermanentError where a limit is reached."""
        if len(self.by_key) == MAX_GROUPS:
            raise PermanentError(
                f"The CSV has more than {MAX_GROUPS:,} groups. Group by columns with fewer values."
            )
        if (length := sum(map(len, name))) > MAX_NAME:
            raise PermanentError(
                f"The name of a group has {length:,} characters; the limit is {MAX_NAME}. Group by "
                f"columns with shorter values than {max(name, key=len)[:50]!r}…"
            )
        self.grow(200 + 4 * len(key) + 400 * columns)
        group = self.by_key[key] = Group(0, tuple(Numbers() for _ in range(columns)))
        return group

    def merge(self, part: Mapping[str, Group]) -> None:
        """Add the groups of another part, which has the same columns."""
        for key, group in part.items():
            mine = self.by_key.get(key) or self.add(name_of(key), key, len(group.columns))
            mine.rows += group.rows
            for numbers, others in zip(mine.columns, group.columns, strict=True):
                self.grow(numbers.merge(others))

    def grow(self, by: int) -> None:
        self.memory += by
        if self.memory > MAX_MEMORY:
            raise PermanentError(
                f"{len(self.by_key):,} groups with these metrics need more than 700 MB of memory. "
                "Group by columns with fewer values, or ask for metrics of fewer columns."
            )

    def rows(self, metrics: list[str]) -> Iterator[tuple[list[str], list[int | float | None]]]:
        """The name and metrics of each group, ordered by name, 9 before 10."""
        columns = columns_of(metrics)
        wanted = [
            (kind, columns.index(column) if column else 0) for kind, column in map(parts, metrics)
        ]
        for key in sorted(self.by_key, key=lambda key: [natural(cell) for cell in name_of(key)]):
            group = self.by_key[key]
            values = [
                group.rows if kind == "count" else group.columns[index].final(kind)
                for kind, index in wanted
            ]
            yield name_of(key), values


def adder(
    groups: Groups, result: ReportResult, params: ReportParams, place_of: Mapping[str, int]
) -> Callable[[list[str]], None]:
    """A function that adds up one row, given as its cells. `place_of` is by a column's name."""
    where = [(place_of[one.column], one) for one in params.where]
    group_by = [place_of[column] for column in params.group_by]
    columns = [
        (place_of[column], [metric for metric in params.metrics if parts(metric)[1] == column])
        for column in columns_of(params.metrics)
    ]
    by_key, encode = groups.by_key, msgspec.json.Encoder().encode

    def add(cells: list[str]) -> None:
        for place, condition in where:
            if not condition.holds(cells[place]):
                result.filtered += 1
                return
        name = [cells[place] for place in group_by]
        key = encode(name).decode()
        group = by_key.get(key) or groups.add(name, key, len(columns))
        group.rows += 1
        result.rows += 1
        for numbers, (place, metrics) in zip(group.columns, columns, strict=True):
            value = number(cells[place])
            if value is not None:
                if grown := numbers.add(value):
                    groups.grow(grown)
            else:
                missing = cells[place].strip() in MISSING
                left_out = result.missing if missing else result.not_a_number
                for metric in metrics:
                    left_out[metric] = left_out.get(metric, 0) + 1

    return add


def columns_of(metrics: list[str]) -> list[str]:
    """Each once, in the order in which the metrics name them."""
    return list(dict.fromkeys(column for _, column in map(parts, metrics) if column))


def natural(cell: str) -> tuple[bool, int | float, str]:
    value = number(cell)
    return value is None, value or 0, cell
