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

from bench.report import Figures, cold, table
from bench.stand import COLD, SIDES, ColdStarts, local_aws, sides

MEASURES = ("submit", "replay", "read", "304", "list", "run", "work")
OPERATIONS = 40  # in a round
WARM_UP = 5


def main(rounds: int, operations: int = OPERATIONS) -> None:
    measured: dict[str, dict[str, list[Figures]]] = {name: {} for name in (*MEASURES, "cold start")}
    with local_aws() as environment, tempfile.TemporaryDirectory() as folder:
        starts = ColdStarts(Path(folder), environment)
        with sides(list(SIDES), environment) as started:
            for side in started.values():
                for measure in side.measures:
                    side.measure(measure, WARM_UP)
            for number in range(rounds):
                for measure in MEASURES:
                    # in turns the other way round: the first of a measure finds the caches cold
                    for name, side in list(started.items())[:: -1 if number % 2 else 1]:
                        if measure in side.measures:
                            figures = side.measure(measure, operations)
                            measured[measure].setdefault(name, []).append(figures)
                for name in COLD:
                    measured["cold start"].setdefault(name, []).append(starts.start(name))
    cpus, load = os.cpu_count(), os.getloadavg()[0]
    print(
        f"Python {platform.python_version()}, botocore {version('botocore')}, {cpus} CPUs,"
        f" load {load:.1f} at the end; {rounds} rounds of {operations} operations;"
        " medians with quartiles\n"
    )
    print(table(measured))
    print(cold(measured["cold start"]))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
