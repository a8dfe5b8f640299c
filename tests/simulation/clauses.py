"""Which weak clauses the simulation notices, by the scenarios that it takes.

    python -m tests.simulation.clauses [SCENARIOS]

Each clause of each verb is dropped, and each limit moved (tests/clauses.py), while scenarios run
until a promise is broken. `make test` shows that test_guards notices all of them; this tells more.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from functools import partial

from tests.clauses import Weakness, weakened, weaknesses
from tests.simulation.mutants import search
from tests.unit.domain.test_guards import noticed

SCENARIOS = 1_000


def main(arguments: list[str]) -> int:
    scenarios = int(arguments[0]) if arguments else SCENARIOS
    unnoticed = [str(weakness) for weakness in weaknesses() if not noticed(weakness)]
    print(f"Noticed by no test of the guards, of {len(weaknesses())}: {unnoticed}\n")
    chosen = [one for one in weaknesses() if one.how.startswith(("dropped", "by "))]
    print("| verb | clause | weaker | scenarios | promise |\n|---|---|---|---|---|")
    with multiprocessing.Pool(os.cpu_count()) as pool:
        searched = pool.imap(partial(_search, scenarios=scenarios), chosen)
        for one, (count, promise) in zip(chosen, searched, strict=True):
            found = f"{count} | {promise}" if count else f"not in {scenarios} | "
            print(f"| {one.verb} | {one.field} | {one.how} | {found} |", flush=True)
    return 1 if unnoticed else 0


def _search(weakness: Weakness, scenarios: int) -> tuple[int, str]:
    with weakened(weakness):
        return search(range(scenarios))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
