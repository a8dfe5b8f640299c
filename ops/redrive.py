"""Looks into a stage's dead-letter queues, says why each message is there, and sends back what
may still work: one first, and the others once that one has. python -m ops.redrive STAGE [--yes]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.aws.jobs_table import JobsTable
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.job import JobRecord, Status, WaitReason
from ops.cli.command import run
from ops.cli.confirm import agreed, confirm
from ops.cli.stage import Refusal, Stage, read_stage
from ops.dead_letters import Cause, DeadLetter, DeadLetters, Diagnosis, diagnose, lanes

EXAMPLES = 3
VERDICT_SECONDS = 60
Sleep = Callable[[float], None]


@dataclass(frozen=True)
class Verdict:
    """What came of the message that was sent back first."""

    good: bool
    text: str


def redrive(stage: Stage, yes: bool, wait: float, sleep: Sleep = time.sleep) -> None:
    """Raises Refusal in the end where a lane was not done with; what is not dealt with stays."""
    jobs = JobsTable(lambda: stage.client("dynamodb"), stage.table)
    found, refusals = 0, list[str]()
    for lane in lanes(stage):
        queue = DeadLetters(stage.client("sqs"), stage, lane)
        letters = queue.look()
        found += len(letters)
        if letters:
            try:
                _redrive(queue, letters, jobs, yes, wait, sleep)
            except Refusal as refusal:
                refusals.append(f"{queue.name}: {refusal}")
    if refusals:
        raise Refusal("\n".join(refusals))
    if not found:
        print(f"No dead letters in {stage.stack}.")


def _read(jobs: JobsTable, letters: list[DeadLetter]) -> list[Diagnosis]:
    ids = {hint.job for letter in letters if (hint := letter.hint) is not None}
    known = {record.id: record for record in jobs.read_many(sorted(ids))}
    return diagnose(letters, known, _now())


def _redrive(
    queue: DeadLetters,
    letters: list[DeadLetter],
    jobs: JobsTable,
    yes: bool,
    wait: float,
    sleep: Sleep,
) -> None:
    left = {letter.id: letter for letter in letters}
    try:
        diagnoses = _read(jobs, letters)
        show(queue.name, diagnoses)
        hopeful = sorted(
            (one for one in diagnoses if not one.cause.hopeless),
            key=lambda one: (one.cause is not Cause.WAITING, one.job.not_before if one.job else 0),
        )
        for number, diagnosis in enumerate(hopeful):
            queue.send_back(diagnosis.letter)
            del left[diagnosis.letter.id]
            if number == 0:
                assert diagnosis.job is not None
                print(f"Sent back one, of job {diagnosis.job.id}.", flush=True)
                verdict = _await(diagnosis, jobs.read, wait, sleep)
                print(f"  {verdict.text}", flush=True)
                _go_on(verdict, len(hopeful) - 1, yes)
        if len(hopeful) > 1:
            print(f"Sent back the other {len(hopeful) - 1}.")
        _offer_to_delete(queue, [one for one in diagnoses if one.cause.hopeless], left, yes)
    finally:
        if hidden := queue.give_back(list(left.values())):
            print(f"{hidden} could not be given back: they come back within half an hour.")


def show(queue: str, diagnoses: list[Diagnosis]) -> None:
    print(f"{queue}, dead letters: {len(diagnoses)}")
    for cause in Cause:
        alike = [one for one in diagnoses if one.cause is cause]
        if alike:
            print(f"  {len(alike):4}  {cause}")
        for one in alike[:EXAMPLES]:
            print(f"          {one}")
        if len(alike) > EXAMPLES:
            print(f"          and {len(alike) - EXAMPLES} more")


def _await(
    sent: Diagnosis,
    read: Callable[[str], JobRecord | None],
    seconds: float,
    sleep: Sleep,
) -> Verdict:
    assert sent.job is not None
    for _ in range(max(1, round(seconds))):
        sleep(1)
        record = read(sent.job.id)
        if (verdict := verdict_on(sent.job, record)) is not None:
            return verdict
    if record is not None and record.status is Status.RUNNING:
        return Verdict(True, f"It runs, and has not ended within {seconds:.0f} s.")
    if record is not None and record.not_before > _now():
        return Verdict(True, "Its time has not come yet.")
    return Verdict(False, f"No worker has taken it within {seconds:.0f} s.")


def verdict_on(before: JobRecord, after: JobRecord | None) -> Verdict | None:
    """None while there is none yet."""
    if after is None:
        return Verdict(True, "Its job was erased meanwhile.")
    error = f"{after.error.title}: {after.error.detail[:200]}" if after.error else "no error"
    match after.status:
        case Status.SUCCEEDED | Status.CANCELED | Status.ERASING:
            return Verdict(True, f"Its job {after.status}.")
        case Status.FAILED:
            return Verdict(False, f"Its job failed: {error}")
        case Status.QUEUED if after.wait_reason is WaitReason.CONTINUING:
            return Verdict(True, "It ran, and goes on in another invocation.")
        case Status.QUEUED if after.attempt > before.attempt or before.status is Status.RUNNING:
            return Verdict(False, f"It ran, and its attempt {after.attempt} failed: {error}")
        case _:
            return None


def _go_on(verdict: Verdict, others: int, yes: bool) -> None:
    if others == 0:
        return
    stopped = "The others stay where they were."
    if not verdict.good and agreed(yes):
        raise Refusal(f"{stopped} Without YES=1 you are asked whether to go on all the same.")
    confirm(f"Send back the other {others}?", yes, otherwise=stopped)


def _offer_to_delete(
    queue: DeadLetters, hopeless: list[Diagnosis], left: dict[str, DeadLetter], yes: bool
) -> None:
    if not hopeless:
        return
    print("These can never do anything:")
    for one in hopeless:
        print(f"  {one.letter.id}  {one.cause}: {one.letter.body[:100]!r}")
    confirm(f"Delete these {len(hopeless)}?", yes, otherwise="They stay where they were.")
    for one in hopeless:
        queue.delete(one.letter)
        del left[one.letter.id]
    print(f"Deleted {len(hopeless)}.")


def _now() -> int:
    return time.time_ns() // 1_000_000


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="ops.redrive", description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("--yes", action="store_true", help="do not ask, unless the first one fails")
    parser.add_argument(
        "--wait", type=float, default=VERDICT_SECONDS, help="seconds for the first one's verdict"
    )
    chosen = parser.parse_args(arguments)
    try:
        redrive(read_stage(chosen.stage), chosen.yes, chosen.wait)
    except Unavailable as error:
        raise Refusal(str(error)) from None
    except KeyboardInterrupt:
        raise Refusal("\nStopped. What was not dealt with stays where it was.") from None


if __name__ == "__main__":
    run(main, sys.argv[1:])
