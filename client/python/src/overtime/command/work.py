"""What several commands do: choose the service, submit, watch, show the end."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from overtime.client import Client, JobHandle
from overtime.command import screen
from overtime.command.config import Service, Usage, chosen
from overtime.command.params import files_of, find_task, members, params_of, takes_several
from overtime.errors import Refused
from overtime.models import Artifact, Job, Task

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
    "No bars and no log lines."

    @property
    def service(self) -> Service:
        return chosen(self.url, self.token, os.environ)

    def client(self) -> Client:
        service = self.service
        return Client(service.url, service.token)

    @property
    def live(self) -> screen.Live:
        return screen.Live(sys.stderr.isatty() and not (self.json or self.quiet))


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
    why = f": {job.error.title}: {job.error.detail}" if job.error else ""
    screen.say(f"job {job.id} {job.status}{why}", f"To run it again: overtime retry {job.id}")
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
    error = f"{job.error.title}: {job.error.detail}" if job.error else ""
    message = job.progress.message if job.progress else job.wait_reason or ""
    waits = job.waits_for
    asks = [f"{one.step}: {one.prompt}" for one in waits.answers] if waits else []
    sleeps = f"{waits.until.astimezone():%Y-%m-%d %H:%M:%S}" if waits and waits.until else ""
    rows = [
        ("job", job.id), ("task", job.task), ("status", job.status), ("done", percent(job)),
        ("message", message), ("asks", "; ".join(asks)), ("goes on", sleeps),
         ("attempt", f"{job.attempt} of {job.max_attempts}"),
        ("created", when(job)), ("error", error),
        ("files", ", ".join(one.name for one in job.artifacts)),
    ]  # fmt: skip
    return screen.show_table(("", ""), [row for row in rows if row[1]])


def percent(job: Job) -> str:
    return f"{job.progress.percent:.0f} %" if job.progress else ""


def when(job: Job) -> str:
    return f"{job.created_at.astimezone():%Y-%m-%d %H:%M:%S}"


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
