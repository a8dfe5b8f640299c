"""The proof that the simulation catches the deliberate defects of defects.py.

    python -m tests.simulation.mutants [SCENARIOS] [NAME …]

Each defect is planted in a copy of the package. The simulation then runs on the copy until a
promise is broken: five searches, each from seeds of its own, of SCENARIOS at most.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.aws import ROOT
from tests.simulation.defects import MUTANTS, Mutant, fits
from tests.simulation.family_defects import FAMILIES
from tests.simulation.promises import checks
from tests.simulation.question_defects import QUESTIONS
from tests.simulation.schedule_defects import SCHEDULES

SEARCHES = 5
SCENARIOS = 4_000  # of one search

Found = list[tuple[int, str]]
"""Of each search that found the defect: after how many scenarios, and the broken promise."""


def main(arguments: list[str]) -> int:
    at_most = int(arguments.pop(0)) if arguments[:1] and arguments[0].isdigit() else SCENARIOS
    chosen = [
        mutant
        for mutant in (*MUTANTS, *FAMILIES, *SCHEDULES, *QUESTIONS)
        if not arguments or mutant.name in arguments
    ]
    always, broken = 0, set[str]()
    print("| defect | scenarios until caught (median) | searches | by the promise |")
    print("|---|---|---|---|")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        searched = pool.map(partial(searches, at_most=at_most), chosen)
        for mutant, found in zip(chosen, searched, strict=True):
            counts = [count for count, _ in found]
            promises = [promise for _, promise in found]
            always += len(found) == SEARCHES
            broken.update(promises)
            median = f"{statistics.median(counts):.0f}" if counts else f"not in {at_most}"
            promise = statistics.mode(promises) if promises else ""
            line = f"{mutant.name} | {median} | {len(found)} of {SEARCHES} | {promise}"
            print(f"| {line} |", flush=True)
    print(f"\n{always} of {len(chosen)} defects caught by every search.")
    print(f"Promises that none of them broke: {sorted(set(checks().values()) - broken)}")
    return 0


def searches(mutant: Mutant, at_most: int) -> Found:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("chalicelib", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / ".chalice", copy / ".chalice")
        apply(mutant, copy / "chalicelib")
        answer = subprocess.run(
            [sys.executable, "-m", "tests.simulation.mutants", "--search", str(at_most)],
            cwd=copy,
            capture_output=True,
            text=True,
            check=True,
        )
    lines = [line.partition(" ") for line in answer.stdout.splitlines()[-SEARCHES:]]
    return [(int(count), promise) for count, _, promise in lines if int(count)]


def apply(mutant: Mutant, package: Path) -> None:
    if not fits(mutant, package):
        raise ValueError(f"{mutant.name}: {mutant.file} must hold its text exactly once")
    path = package / mutant.file
    path.write_text(path.read_text().replace(mutant.old, mutant.new))


def search(seeds: Iterable[int]) -> tuple[int, str]:
    """How many scenarios until a promise is broken, and which; 0 if none is."""
    from tests.simulation.__main__ import simulate_seed

    for number, seed in enumerate(seeds, 1):
        try:
            outcome = simulate_seed(seed)
        except Exception as error:
            return number, f"({type(error).__name__})"
        if outcome.violation:
            return number, outcome.promise
    return 0, ""


if __name__ == "__main__":
    if sys.argv[1:2] == ["--search"]:
        for number in range(1, SEARCHES + 1):
            first = 1_000_000 * number
            print(*search(range(first, first + int(sys.argv[2]))))
    else:
        sys.exit(main(sys.argv[1:]))
