"""Says what is wrong with a stage and how to mend it: python -m ops.doctor STAGE [-v]

Exits with 1 when something is wrong. What cannot be read, because the local AWS has no such thing
or this role may not look, is said and counts for nothing.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from ops.checks import access, functions, queues, storage
from ops.command import run
from ops.findings import CannotBeRead, Finding, Grade
from ops.observed import Observed
from ops.stage import LOCAL, Refusal, Stage, read_stage

Check = Callable[..., Finding | Iterator[Finding]]
SOME_STAGE = "STAGE=…"  # in what mends
ROOMS = (functions, queues, storage, access)


def every_check() -> list[Check]:
    return [check for room in ROOMS for check in _checks(room)]


def _checks(room: ModuleType) -> list[Check]:
    return [
        one
        for name, one in vars(room).items()
        if inspect.isfunction(one) and one.__module__ == room.__name__ and _judges(name, one)
    ]


def _judges(name: str, function: Any) -> bool:
    return not name.startswith("_") and "Finding" in str(function.__annotations__.get("return"))


def examine(check: Check, observed: Any) -> list[Finding]:
    """Gives a check what its parameters name."""
    try:
        wanted = inspect.signature(check).parameters
        found = check(**{name: getattr(observed, name) for name in wanted})
        return [found] if isinstance(found, Finding) else list(found)
    except CannotBeRead as reason:
        return [Finding(Grade.UNREADABLE, check.__name__.replace("_", " "), str(reason))]


def require_stage(stage: Stage) -> None:
    client = stage.client("dynamodb")
    try:
        client.describe_table(TableName=stage.table)
    except client.exceptions.ResourceNotFoundException:
        start = "make run" if stage.name == LOCAL else f"make deploy STAGE={stage.name}"
        raise Refusal(
            f"There is no table {stage.table} in {stage.region}, so no stage {stage.name}: {start}"
        ) from None


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="ops.doctor", description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is fine, too")
    chosen = parser.parse_args(arguments)
    stage = read_stage(chosen.stage)
    require_stage(stage)
    observed, counts = Observed(stage), dict.fromkeys(Grade, 0)
    unreadable: defaultdict[str, list[str]] = defaultdict(list)
    for check in every_check():
        for finding in examine(check, observed):
            counts[finding.grade] += 1
            if finding.grade is Grade.UNREADABLE:
                unreadable[finding.mend].append(finding.what)
            elif chosen.verbose or finding.grade is not Grade.FINE:
                print(str(finding).replace(SOME_STAGE, f"STAGE={stage.name}"))
    for reason, names in unreadable.items():
        print(f"{Grade.UNREADABLE} cannot be read here, since {reason}: {', '.join(names)}")
    print(
        f"{stage.stack}: {counts[Grade.WRONG]} wrong, {counts[Grade.DOUBTFUL]} doubtful,"
        f" {counts[Grade.FINE]} fine, {counts[Grade.UNREADABLE]} cannot be read here"
    )
    if counts[Grade.WRONG]:
        raise SystemExit(1)


if __name__ == "__main__":
    run(main, sys.argv[1:])
