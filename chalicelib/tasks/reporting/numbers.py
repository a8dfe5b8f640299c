"""Numbers of cells, and their exact totals, which survive a checkpoint."""

from __future__ import annotations

import math

import msgspec

DIGITS = (
    4_000  # of a whole number; Python converts 4,300, and a total has a few more than its cells
)
WHOLE_BELOW = 10**DIGITS
FLOAT_BELOW = 1e290  # no total of such numbers reaches infinity, which JSON cannot say
EXACT_BELOW = 2**53  # whole numbers that every float can say
USUAL_BELOW = 2**63  # whole numbers of a usual size in memory


def number(cell: str) -> int | float | None:
    """None for text, and for what is out of bounds. A whole number is exact, at any length."""
    if not cell or "_" in cell:  # Python reads 1_000, too
        return None
    try:
        if "." not in cell:
            whole = int(cell)
            return whole if -WHOLE_BELOW < whole < WHOLE_BELOW else None
    except ValueError:
        pass  # 1e3, text, or more digits than Python converts
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if -FLOAT_BELOW < value < FLOAT_BELOW else None  # neither nan nor inf


def plain(value: int | float) -> int | float:
    """As a whole number where a float is one: 4 in place of 4.0."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) < EXACT_BELOW
    return int(value) if whole else value


class Numbers(msgspec.Struct, array_like=True, gc=False):
    """The numbers of one column in one group."""

    cells: int = 0
    whole: int = 0  # the total of those that are whole
    floats: list[float] = []  # their exact total is that of all others
    low: int | float = 0
    high: int | float = 0
    extra: int = 0  # bytes in memory beyond the usual

    def add(self, value: int | float) -> int:
        """Returns by how many bytes this grew beyond the usual size."""
        if not self.cells:
            self.low = self.high = value
        elif value < self.low:
            self.low = value
        elif value > self.high:
            self.high = value
        self.cells += 1
        if isinstance(value, int):
            self.whole += value
            usual = -USUAL_BELOW < value < USUAL_BELOW
        else:
            self.floats.append(value)
            count = len(self.floats)
            usual = bool(count < 8 or count & (count - 1))  # else 8, 16, 32 ...
        return 0 if usual else self._settle()

    def merge(self, other: Numbers) -> int:
        """Add another part's numbers. Returns as `add`."""
        if not other.cells:
            return 0
        self.low = min(self.low, other.low) if self.cells else other.low
        self.high = max(self.high, other.high) if self.cells else other.high
        self.cells += other.cells
        self.whole += other.whole
        self.floats.extend(other.floats)
        return self._settle()

    def _settle(self) -> int:
        self.floats = exact(self.floats)
        bits = sum(n.bit_length() for n in (self.whole, self.low, self.high) if isinstance(n, int))
        extra = bits // 2 + 64 * len(self.floats)
        grown = max(0, extra - self.extra)
        self.extra += grown
        return grown

    def final(self, kind: str) -> int | float | None:
        """`kind` is sum, mean, min or max; None where there is no number."""
        if not self.cells:
            return None
        match kind:
            case "min":
                return plain(self.low)
            case "max":
                return plain(self.high)
        return plain(self.mean if kind == "mean" else self.total)

    @property
    def total(self) -> int | float:
        """Rounded once: exact if all cells are whole numbers, else what math.fsum gives."""
        if not self.floats:
            return self.whole
        parts, rest = list(self.floats), self.whole
        try:
            while rest:
                parts.append(float(rest))
                rest -= int(parts[-1])
            return math.fsum(parts)
        except OverflowError:  # beyond all floats: the closest whole number
            return self.whole + round(math.fsum(self.floats))

    @property
    def mean(self) -> int | float:
        total = self.total
        try:
            if isinstance(total, int) and total % self.cells == 0:
                return total // self.cells
            return total / self.cells
        except OverflowError:  # beyond all floats: the closest whole number
            return (2 * int(total) + self.cells) // (2 * self.cells)


def exact(values: list[float]) -> list[float]:
    """Fewer floats with the same total: the total rounded, the error of that rounded, and so on.
    Uses up `values`."""
    parts = []
    while part := math.fsum(values):
        parts.append(part)
        values.append(-part)
    return parts
