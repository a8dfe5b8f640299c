"""What several commands do: choose the service, submit, watch, show the end."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import msgspec
from cyclopts import Parameter

from overtime.client import Client, JobHandle
from overtime.command import screen
from overtime.command.config import Service, Usage, chosen
from overtime.command.params import files_of, find_task, meant, members, params_of, takes_several
from overtime.errors import Refused
from overtime.models import Artifact, Job, Status, Task

DONE, ENDED_BADLY, NOT_ASKED, LEFT = 0, 1, 2, 130


@Parameter(name="*")
@dataclass(frozen=True)
class Common:
    url: str | None = None
    "The service's URL; else OVERTIME_URL, what `login` kept, or http://127.0.0.1:8000."
    token: str | None = None
    "The bearer token; else OVERTIME_TOKEN, or what `login` kept."
    json: bool = False
    "Answer in JSON."
    quiet: bool = False
    "No bars, log lines and questions."

    @property
    def service(self) -> Service:
        return chosen(self.url, self.token, os.environ)

    def client(self) -> Client:
        service = self.service
        return Client(service.url, service.token)

    @property
    def live(self) -> screen.Live:
        shown = sys.stderr.isatty() and not (self.json or self.quiet)
        return screen.Live(shown, told=not self.quiet)


@Parameter(name="*")
@dataclass(frozen=True)
class Work:
    """What a job is made of."""

    param: Annotated[tuple[str, ...], Parameter(name=["--param", "-p"])] = ()
    "NAME=VALUE, typed by the task's schema; lists by repeating or commas; NAME:=JSON."
    params: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None
    "A file with all params as a JSON object; - for standard input."
    file: Annotated[tuple[str, ...], Parameter(name=["--file", "-f"])] = ()
    "NAME=PATH: uploaded, and named in the params."
    cancel_after: str | None = None
    "The job fails if it has not finished after 30s, 5m or 1h30m."
    key: str | None = None
    "An Idempotency-Key of your own."


def submitted(client: Client, task: str, work: Work, live: screen.Live) -> JobHandle:
    found = find_task(client.tasks(), task)
    files = files_of(found, work.file)
    params = params_of(found, work.params, work.param, files)
    several = {
        name: ps if len(ps) > 1 or is_list(found, name) else ps[0] for name, ps in files.items()
    }
    given: dict[str, Any] = {"cancel_after": work.cancel_after, "key": work.key}
    options = {name: value for name, value in given.items() if value is not None}
    return client.submit(task, params, several, on_upload=live.upload, **options)


def waited(handle: JobHandle, live: screen.Live) -> int:
    """Ctrl-C asks what becomes of the job."""
    on_event = live.event if live.shown else None
    try:
        handle.wait(live.progress, on_event)
    except KeyboardInterrupt:
        live.bars.stop()
        if not (sys.stdin.isatty() and confirmed(f"\nCancel job {handle.id}?")):
            screen.say(f"job {handle.id} goes on.", f"To watch it again: overtime wait {handle.id}")
            return LEFT
        try:
            handle.cancel()
        except Refused as refused:
            if refused.slug != "job-finished":
                raise
        handle.wait()
    return DONE


def concluded(handle: JobHandle, output: Path | None, common: Common) -> int:
    """Shows a finished job's end, and writes its files."""
    job = handle.job or handle.refresh()
    if job.status == "succeeded":
        value = handle.result()
        if output is not None:
            with common.live.on() as live:
                downloaded(handle, output, job.artifacts, live)
            taken = {one.name for one in job.artifacts}
            name = "result.json" if "result.json" not in taken else "result-of-job.json"
            (output / name).write_bytes(msgspec.json.format(msgspec.json.encode(value)) + b"\n")
            if live.shown:
                live.console.print(f"{output / name}", markup=False)
        screen.show_json({**as_object(job), "result": value} if common.json else value)
        return DONE
    if common.json:
        screen.show_json(as_object(job))
    why = error_of(job)
    screen.say(
        f"job {job.id} {job.status}" + (why and f": {why}"),
        f"To run it again: overtime retry {job.id}",
    )
    return ENDED_BADLY


def downloaded(handle: JobHandle, folder: Path, found: list[Artifact], live: screen.Live) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for one in found:
        handle.download(one, folder)
        if live.shown:
            live.console.print(f"{folder / one.name}", markup=False)


def refuse_unfinished(handle: JobHandle) -> None:
    if not handle.refresh().finished:
        raise Usage(f"Job {handle.id} is not finished. To wait for it: overtime wait {handle.id}")


def is_list(task: Task, name: str) -> bool:
    return takes_several(members(task)[0].get(name, {}), task.params)


def as_object(job: Job) -> Any:
    return msgspec.json.decode(msgspec.json.encode(job))


def show_job(job: Job, common: Common) -> None:
    if common.json:
        return screen.show_json(as_object(job))
    questions = job.waits_for.answers if job.waits_for else []
    until = (job.waits_for and job.waits_for.until) or job.next_attempt_at
    has_attempt = job.attempt > 0 and job.waits_for is None  # a wait gives its attempt back
    rows = [
        ("job", job.id), ("task", job.task), ("parent", job.parent or ""), ("status", job.status),
        ("waits for", job.wait_reason or ""), ("until", screen.local(until) if until else ""),
        *(row for one in questions for row in screen.facts_of(job, one)),
        ("children", screen.counted(job.children) if job.children else ""),
        ("done", percent(job)), ("message", job.progress.message if job.progress else ""),
        ("attempt", f"{job.attempt} of {job.max_attempts}" if has_attempt else ""),
        ("created", screen.local(job.created_at)), ("error", error_of(job)),
        ("files", ", ".join(one.name for one in job.artifacts)),
    ]  # fmt: skip
    return screen.show_facts(rows)


def show_jobs(found: Iterable[Job], common: Common) -> int:
    if common.json:
        screen.show_json(list(found))
        return DONE
    rows = (
        (one.id, one.task, one.status, percent(one), screen.local(one.created_at)) for one in found
    )
    screen.show_table(("JOB", "TASK", "STATUS", "DONE", "CREATED"), rows)
    return DONE


def show_children(found: Iterable[Job], common: Common) -> int:
    if common.json:
        return show_jobs(found, common)
    rows = ((one.id, one.task, one.status, percent(one), error_of(one)) for one in found)
    screen.show_table(("JOB", "TASK", "STATUS", "DONE", "ERROR"), rows)
    return DONE


def checked(status: str | None) -> Status | None:
    if status is not None and status not in get_args(Status):
        raise Usage(f"There is no status {status!r}. {meant(status, get_args(Status))}")
    return cast("Status | None", status)


def page_of(limit: int, status: str | None) -> int:
    """The size of a list's pages. With a status, these hold fewer jobs than they could."""
    return 100 if status else min(limit, 100)


def error_of(job: Job) -> str:
    return f"{job.error.title}: {job.error.detail}" if job.error else ""


def percent(job: Job) -> str:
    return f"{job.progress.percent:.0f} %" if job.progress else ""


def sure(question: str, action: str, *, yes: bool) -> bool:
    """Whether to do what cannot be undone. Raises Usage without `yes` and without a terminal."""
    if not yes and not sys.stdin.isatty():
        raise Usage(f"No terminal to confirm on. Pass --yes to {action}.")
    return yes or confirmed(question)


def confirmed(question: str) -> bool:
    sys.stderr.write(f"{screen.clean(question.strip())} [y/N] ")
    sys.stderr.flush()
    try:
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    except KeyboardInterrupt:
        return False
