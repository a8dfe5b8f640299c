"""The jobs of all owners: see them, cancel them, retry them.

python -m ops.jobs list STAGE [--owner NAME] [--status STATUS] [--limit N] [--json]
python -m ops.jobs show STAGE ID [--json]
python -m ops.jobs cancel STAGE ID [--yes]
python -m ops.jobs retry STAGE ID [--yes]

The commands work as the stage's API does: with its environment, but with the shell's AWS
credentials in place of its role. Looking changes nothing: a job past its deadline is left to the
sweeper.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from chalicelib import wiring
from chalicelib.domain.errors import OvertimeError, Unavailable
from chalicelib.domain.job import ID, LIVE, DuePartition, JobRecord, Status
from chalicelib.ports.stores import READ_AT_ONCE
from chalicelib.ports.system import System
from chalicelib.service import control, read
from chalicelib.settings import Settings, SettingsError, read_settings
from ops.cli.command import reaching, run
from ops.cli.confirm import confirm
from ops.cli.job_text import HEAD, as_json, as_row, as_text
from ops.cli.stage import LOCAL, Refusal, Stage, read_stage
from ops.cli.table import json_text, print_table

LISTED_AT_ONCE = 100
FOR_EVER = 10**15  # epoch ms: every live job is due by then
SHOWN = [status for status in Status if status is not Status.ERASING]
PUSH_SECONDS = 2.0


def main(arguments: list[str]) -> None:
    asked = _parser().parse_args(arguments)
    stage = read_stage(asked.stage)
    with reaching(stage):
        system = system_of(stage)
        match asked.command:
            case "list":
                show_all(system, asked.owner, asked.status, _limit(asked.limit), asked.json)
            case "show":
                show(system, find(system, asked.id), asked.json)
            case "cancel":
                change(system, find(system, asked.id), "Cancel", control.cancel, asked.yes)
            case "retry":
                change(system, find(system, asked.id), "Retry", control.retry, asked.yes)


def system_of(stage: Stage) -> System:
    """Raises Refusal where the stage has no API, or one of another version of the settings."""
    try:
        return wiring.system_with(settings_of(stage), stage.client)
    except SettingsError as error:
        raise Refusal(f"The environment of {stage.function('api_handler')}: {error}") from None


def settings_of(stage: Stage) -> Settings:
    if stage.name == LOCAL:
        from local.settings import running
        from local.stage import read_function

        return read_settings(read_function("api_handler", running()).environment)
    functions, name = stage.client("lambda"), stage.function("api_handler")
    try:
        found = functions.get_function_configuration(FunctionName=name)
    except functions.exceptions.ResourceNotFoundException:
        raise Refusal(
            f"There is no function {name} in {stage.region}: make deploy STAGE={stage.name}"
        ) from None
    return read_settings(found["Environment"]["Variables"])


def show_all(system: System, owner: str, status: str, limit: int, as_lines: bool) -> None:
    """Of one owner, the newest first; without one all that are live, the longest due first."""
    chosen = _status(status, owner)
    found = owned(system, owner, chosen) if owner else live(system, chosen)
    jobs = list(islice(found, limit + 1))
    if as_lines:
        for job in jobs[:limit]:
            print(json_text(as_json(job), indent=0))
    else:
        print_table(HEAD, map(as_row, jobs[:limit]))
    if not jobs and not owner:
        print("No job is live. OWNER=… lists the finished jobs of an owner, too.", file=sys.stderr)
    if len(jobs) > limit:
        print(f"There are more: LIMIT={limit * 10} shows up to {limit * 10}.", file=sys.stderr)


def owned(system: System, owner: str, status: Status | None) -> Iterator[JobRecord]:
    before, at_the_end = None, False
    while not at_the_end:
        page = read.list_jobs(
            system, owner, status=status, task=None, limit=READ_AT_ONCE, before=before
        )
        yield from page.jobs
        before, at_the_end = page.next, page.next is None


def live(system: System, status: Status | None) -> Iterator[JobRecord]:
    """From the due index, where each live job stands; the deliveries of webhooks are among them."""
    wanted, seen = LIVE if status is None else {status}, set[str]()
    # only queued jobs have reminders
    partitions = (DuePartition.MUST, DuePartition.REMIND)[: 1 + (status is not Status.RUNNING)]
    for partition in partitions:
        ids = system.jobs.due(partition, FOR_EVER)
        while batch := list(islice(ids, READ_AT_ONCE)):
            for job in system.jobs.read_many(batch):
                if job.status in wanted and job.id not in seen:  # it may have moved meanwhile
                    seen.add(job.id)
                    yield job


def find(system: System, job_id: str) -> JobRecord:
    """Of any owner and any task."""
    if not job_id:
        raise Refusal("Name the job by ID=…, as make jobs lists it.")
    if not ID.fullmatch(job_id):
        raise Refusal(f"ID={job_id} is not a job's whole id: 32 of 0-9 and a-f, as in make jobs.")
    job = system.jobs.read(job_id)
    if job is None or not job.visible(system.clock.now()):
        raise Refusal(f"There is no job {job_id}.")
    return job


def show(system: System, job: JobRecord, as_object: bool) -> None:
    """Whole, with its events."""
    events = []
    after: str | None = ""
    while after is not None:
        page, after = read.events_of(system, job, READ_AT_ONCE, after)
        events += page
    if as_object:
        print(json_text(as_json(job, events), indent=2))
    else:
        print(as_text(job, events))


Change = Callable[[System, str, str], JobRecord]


def change(system: System, job: JobRecord, verb: str, use_case: Change, yes: bool) -> None:
    """As its owner would, after a yes."""
    print_table(HEAD, [as_row(job)])
    confirm(f"{verb} {job.id}?", yes)
    try:
        after = use_case(system, job.owner, job.id)
    except Unavailable:
        raise
    except OvertimeError as error:
        raise Refusal(str(error)) from None
    finally:
        wiring.outbox.drain(PUSH_SECONDS)
    canceling = after.cancel_requested and not after.finished
    later = " Its worker cancels it with its next heartbeat." if canceling else ""
    print(f"{after.id} is {after.status}.{later}")


def _status(text: str, owner: str) -> Status | None:
    if not text:
        return None
    if text not in SHOWN:
        raise Refusal(f"STATUS={text} is not a status; there are: {', '.join(SHOWN)}.")
    if Status(text) not in LIVE and not owner:
        raise Refusal(
            f"STATUS={text} needs OWNER=…: without an owner only queued and running jobs are"
            " listed."
        )
    return Status(text)


def _limit(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1_000_000:
        raise Refusal(f"LIMIT={text} must be a whole number from 1 to 1000000.")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ops.jobs", description=__doc__)
    commands: Any = parser.add_subparsers(dest="command", required=True)
    for name, purpose in (
        ("list", "live jobs, or all of an owner's"),
        ("show", "one job with its events"),
        ("cancel", "cancel a job"),
        ("retry", "run a failed or canceled job again"),
    ):
        command = commands.add_parser(name, help=purpose)
        command.add_argument("stage")
        if name == "list":
            command.add_argument("--owner", default="", help="else all that are live")
            command.add_argument("--status", default="", help=f"one of {', '.join(SHOWN)}")
            command.add_argument("--limit", default=str(LISTED_AT_ONCE), help="how many at most")
        else:
            command.add_argument("id")
        if name in ("list", "show"):
            command.add_argument("--json", action="store_true", help="JSON in place of a table")
        else:
            command.add_argument("--yes", action="store_true", help="do not ask")
    return parser


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # a refusal says what failed, once and in words
    run(main, sys.argv[1:])
