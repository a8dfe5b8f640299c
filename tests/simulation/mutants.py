"""The proof that the simulation catches the deliberate defects of defects.py.

    python -m tests.simulation.mutants [NAME …]

Each defect is planted in a copy of the package. The simulation then runs on the copy until a
promise is broken.
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
from pathlib import Path

from tests.aws import ROOT
from tests.simulation.defects import MUTANTS, Mutant, fits
from tests.simulation.family_defects import FAMILIES
from tests.simulation.promises import checks
from tests.simulation.question_defects import QUESTIONS
from tests.simulation.schedule_defects import SCHEDULES

SAMPLES = 5  # searches a defect, each from seeds of its own
SCENARIOS_AT_MOST = 4_000  # of one search


def main(names: list[str]) -> int:
    chosen = [
        mutant
        for mutant in (*MUTANTS, *FAMILIES, *SCHEDULES, *QUESTIONS)
        if not names or mutant.name in names
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(scenarios_until_caught, chosen))
    survivors = 0
    print("| defect | caught after (median scenarios) | by the promise |\n|---|---|---|")
    for mutant, (counts, promise) in zip(chosen, found, strict=True):
        caught = f"{statistics.median(counts):.0f}" if counts else f"not in {SCENARIOS_AT_MOST}"
        survivors += not counts
        print(f"| {mutant.name} | {caught} | {promise} |")
    print(f"\n{len(chosen) - survivors} of {len(chosen)} defects caught.")
    unbroken = set(checks().values()).difference(promise for _, promise in found)
    print(f"Promises that none of them broke: {sorted(unbroken)}")
    return 0


def scenarios_until_caught(mutant: Mutant) -> tuple[list[int], str]:
    """For each sample how many scenarios it took; none at all if one sample found nothing."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("chalicelib", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / ".chalice", copy / ".chalice")
        apply(mutant, copy / "chalicelib")
        script = [sys.executable, "-m", "tests.simulation.mutants", "--search"]
        counts, promise = [], ""
        for sample in range(SAMPLES):
            answer = subprocess.run(
                [*script, str(1_000_000 * (sample + 1))],
                cwd=copy,
                capture_output=True,
                text=True,
                check=True,
            )
            count, _, promise = answer.stdout.strip().rpartition("\n")[2].partition(" ")
            if int(count) == 0:
                return [], ""
            counts.append(int(count))
        return counts, promise


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
        first = int(sys.argv[2])
        count, promise = search(range(first, first + SCENARIOS_AT_MOST))
        print(count, promise)
    else:
        sys.exit(main(sys.argv[1:]))
