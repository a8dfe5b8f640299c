"""Measures Overtime beside raw calls, a naive handler and Celery: python -m bench ROUNDS

All sides run on one local AWS, in turn in each round, so that other load on the machine slows all
alike. Compare CPU: the wall time is mostly the local AWS's.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from statistics import fmean

from bench.report import Figures, cold, table
from bench.stand import COLD, SIDES, ColdStarts, Side, local_aws, sides

MEASURES = ("submit", "replay", "read", "304", "list", "run", "work")
TURNS, OPERATIONS = 4, 10  # in a round: short turns, so that a burst of other load meets all sides
WARM_UP = 5
SECONDS = ("cpu", "wall")


def main(rounds: int) -> None:
    measured: dict[str, dict[str, list[Figures]]] = {name: {} for name in (*MEASURES, "cold start")}
    with local_aws() as environment, tempfile.TemporaryDirectory() as folder:
        starts = ColdStarts(Path(folder), environment)
        with sides(list(SIDES), environment) as started:
            for side in started.values():
                for measure in side.measures:
                    side.measure(measure, WARM_UP)
            for name in COLD:
                starts.start(name)  # which fills the machine's file caches
            for _ in range(rounds):
                for measure in MEASURES:
                    for name, figures in in_turn(started, measure).items():
                        measured[measure].setdefault(name, []).append(figures)
                for name in COLD:
                    measured["cold start"].setdefault(name, []).append(starts.start(name))
    cpus, load = os.cpu_count(), os.getloadavg()[0]
    print(
        f"Python {platform.python_version()}, botocore {version('botocore')}, {cpus} CPUs,"
        f" load {load:.1f} at the end; {rounds} rounds of {TURNS} times {OPERATIONS} operations;"
        " medians with quartiles\n"
    )
    print(table(measured))
    print(cold(measured["cold start"]))


def in_turn(started: dict[str, Side], measure: str) -> dict[str, Figures]:
    """A round's figures of each side, the means of its turns. Every other turn is in reverse order,
    since the first side of a turn finds the caches cold."""
    turns: dict[str, list[Figures]] = {}
    for turn in range(TURNS):
        for name, side in list(started.items())[:: -1 if turn % 2 else 1]:
            if measure in side.measures:
                turns.setdefault(name, []).append(side.measure(measure, OPERATIONS))
    return {
        name: figures[-1] | {one: fmean(each[one] for each in figures) for one in SECONDS}
        for name, figures in turns.items()
    }


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
