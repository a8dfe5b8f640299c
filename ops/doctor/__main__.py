"""Shows what is wrong with a stage and how to fix it: python -m ops.doctor STAGE [-v]

Exits with 1 if something is wrong. Settings that cannot be read, because the local AWS lacks them
or your role may not read them, are listed and do not count as wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict

from ops.cli.command import run
from ops.cli.stage import LOCAL, Refusal, Stage, read_stage
from ops.doctor.examine import every_check, examine
from ops.doctor.findings import CannotBeRead, Grade
from ops.doctor.observed import Observed

SOME_STAGE = "STAGE=…"  # in the text of fixes


def require_stage(stage: Stage) -> None:
    client = stage.client("dynamodb")
    try:
        client.describe_table(TableName=stage.table)
    except client.exceptions.ResourceNotFoundException:
        start = "make run" if stage.name == LOCAL else f"make deploy STAGE={stage.name}"
        raise Refusal(
            f"There is no table {stage.table} in {stage.region}, so no stage {stage.name}: {start}"
        ) from None


def secrets_of_tasks(observed: Observed) -> str:
    """The secrets that are set. You compare them: which ones a task needs shows only as it runs."""
    try:
        found = observed.task_secrets
    except CannotBeRead as reason:
        return f"The secrets of tasks cannot be read here: {reason}"
    named = [f"{name} (set {day})" if day else name for name, day in found.items()]
    return f"Secrets of tasks: {', '.join(named) or 'none'}"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="ops.doctor", description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("-v", "--verbose", action="store_true", help="also show what is fine")
    chosen = parser.parse_args(arguments)
    stage = read_stage(chosen.stage)
    require_stage(stage)
    observed, counts = Observed(stage), dict.fromkeys(Grade, 0)
    unreadable: defaultdict[str, list[str]] = defaultdict(list)
    for check in every_check():
        for finding in examine(check, observed):
            counts[finding.grade] += 1
            if finding.grade is Grade.UNREADABLE:
                unreadable[finding.fix].append(finding.what)
            elif chosen.verbose or finding.grade is not Grade.FINE:
                print(str(finding).replace(SOME_STAGE, f"STAGE={stage.name}"))
    print(secrets_of_tasks(observed))
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
