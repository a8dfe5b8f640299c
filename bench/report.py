"""Prints figures: medians with quartiles, and ratios taken round by round."""

from __future__ import annotations

from statistics import median, quantiles
from typing import Any

Figures = dict[str, Any]
OURS = "overtime"


def spread(values: list[float], digits: int = 2) -> str:
    low, _, high = quantiles(values, n=4) if len(values) > 1 else (values[0], 0, values[0])
    return f"{median(values):.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def milliseconds(rounds: list[Figures], figure: str) -> str:
    return spread([one[figure] * 1_000 for one in rounds])


def ratio(ours: list[Figures], theirs: list[Figures], figure: str) -> str:
    """The median of the rounds' ratios: what slows the machine slows both of a round."""
    return spread([one[figure] / other[figure] for one, other in zip(ours, theirs, strict=True)])


def calls(rounds: list[Figures]) -> str:
    """Of the last round, an operation."""
    found = rounds[-1].get("calls", {})
    return ", ".join(f"{count:.2g} {name}" for name, count in sorted(found.items()))


def table(measures: dict[str, dict[str, list[Figures]]]) -> str:
    """Rows of Markdown: each measure of each side, and what ours is in terms of it."""
    lines = [
        "| measure | side | CPU ms | wall ms | ours ÷, CPU | ours ÷, wall | AWS calls |",
        "|---|---|---|---|---|---|---|",
    ]
    for measure, by_side in measures.items():
        ours = by_side[OURS]
        for side, rounds in by_side.items():
            cells = [measure, side, milliseconds(rounds, "cpu"), milliseconds(rounds, "wall")]
            same = side == OURS
            cells += ["" if same else ratio(ours, rounds, one) for one in ("cpu", "wall")]
            lines.append(f"| {' | '.join([*cells, calls(rounds)])} |")
    return "\n".join(lines)


def cold(by_side: dict[str, list[Figures]]) -> str:
    lines = ["", "| cold start | memory, MB | modules imported |", "|---|---|---|"]
    for side, rounds in by_side.items():
        memory = median([one["kilobytes"] / 1_024 for one in rounds])
        lines.append(f"| {side} | {memory:.1f} | {len(rounds[-1]['modules'])} |")
    return "\n".join(lines)
