"""python -m tests.simulation SEEDS [from=SEED] [seconds=N]     many scenarios, on all processors
python -m tests.simulation replay seed=N [jobs=… kinds=…]     one of them again, step by step"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import sys
import time

from tests.simulation.faults import Scenario
from tests.simulation.promises import checked, checks
from tests.simulation.run import Outcome, shrink, simulate

ENOUGH = 10_000  # scenarios in which every check is made at least once


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["replay"]:
        return replay(Scenario.parse(arguments[1:]))
    options = dict(argument.split("=") for argument in arguments[1:])
    first, count = int(options.get("from", 0)), int(arguments[0]) if arguments else 20_000
    return search(range(first, first + count))


def replay(scenario: Scenario) -> int:
    outcome = simulate(scenario, print)
    print(f"\n{outcome.steps} steps. {outcome.violation or 'Every promise was kept.'}")
    return 1 if outcome.violation else 0


def search(seeds: range) -> int:
    began, steps = time.monotonic(), []
    never_checked = set(checks())
    with multiprocessing.Pool(os.cpu_count()) as pool:
        for outcome, made in pool.imap_unordered(_simulate_seed, seeds, chunksize=50):
            steps.append(outcome.steps)
            never_checked -= made
            if outcome.violation:
                pool.terminate()
                return tell(outcome)
    took = time.monotonic() - began
    print(
        f"{len(steps)} scenarios from seed {seeds.start} on, every promise kept. Steps: "
        f"{sum(steps)}, median {statistics.median(steps):.0f} a scenario, "
        f"{sum(count >= 50 for count in steps)} scenarios of 50 or more. {took:.0f} s."
    )
    for file, line in sorted(never_checked):
        print(f"Never checked in these scenarios: tests/simulation/{file}:{line}")
    return 1 if never_checked and len(seeds) >= ENOUGH else 0


def _simulate_seed(seed: int) -> tuple[Outcome, set[tuple[str, int]]]:
    return simulate_seed(seed), checked


def simulate_seed(seed: int) -> Outcome:
    return simulate(Scenario.draw(seed))


def tell(outcome: Outcome) -> int:
    """The failure, as short as it gets, and how to see it again."""
    print(f"Seed {outcome.scenario.seed} broke a promise after {outcome.steps} steps:")
    print(f"  {outcome.violation}\n\nThe shortest story found that breaks it:\n")
    smallest = shrink(outcome).scenario
    replay(smallest)
    print(f"\nAgain: make simulate REPLAY='{smallest.arguments()}'")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
