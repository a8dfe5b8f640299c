"""What is typed: a function a command."""

from __future__ import annotations

import os
import sys
from getpass import getpass
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number

from overtime.client import LOCAL, Client
from overtime.command import screen
from overtime.command.config import Service, Usage, keep
from overtime.command.params import find_task, meant
from overtime.command.schedules import schedules
from overtime.command.work import (
    DONE,
    NOT_ASKED,
    Common,
    Work,
    checked,
    concluded,
    downloaded,
    page_of,
    refuse_unfinished,
    show_children,
    show_job,
    show_jobs,
    submitted,
    sure,
    waited,
)
from overtime.models import Event
from overtime.version import __version__

app = App(
    name="overtime",
    help="Submit slow work, watch it, fetch what it made.",
    version=__version__,
    default_parameter=Parameter(negative=(), show_default=False),
    result_action="return_value",
)
app.register_install_completion_command(help="Install completion for your shell.")


app.command(schedules)
COMMON = Common()
WORK = Work()
Output = Annotated[Path | None, Parameter(name=["--output", "-o"])]
Limit = Annotated[int, Parameter(validator=Number(gte=1))]


@app.command
def run(task: str, /, *, work: Work = WORK, output: Output = None, common: Common = COMMON) -> int:
    """Submit a job, wait for it, and show its result.

    Parameters
    ----------
    output
        A folder for the result and the artifacts.
    """
    with common.client() as client:
        with common.live.on() as live:
            handle = submitted(client, task, work, live)
            code = waited(handle, live)
        return code or concluded(handle, output, common)


@app.command
def submit(task: str, /, *, work: Work = WORK, common: Common = COMMON) -> int:
    """Submit a job and show its id."""
    with common.client() as client, common.live.on() as live:
        handle = submitted(client, task, work, live)
    if common.json:
        screen.show_json(handle.job)
    else:
        sys.stdout.write(f"{handle.id}\n")
    return DONE


@app.command
def wait(job: str, /, *, output: Output = None, common: Common = COMMON) -> int:
    """Watch a job to its end, and show its result.

    Parameters
    ----------
    output
        A folder for the result and the artifacts.
    """
    with common.client() as client:
        handle = client.job(job)
        with common.live.on() as live:
            code = waited(handle, live)
        return code or concluded(handle, output, common)


@app.command
def status(job: str, /, *, common: Common = COMMON) -> int:
    """Show a job."""
    with common.client() as client:
        show_job(client.job(job).refresh(), common)
    return DONE


@app.command(name="list")
def list_jobs(
    *,
    status: str | None = None,
    task: str | None = None,
    limit: Limit = 20,
    common: Common = COMMON,
) -> int:
    """List your jobs, newest first."""
    with common.client() as client:
        found = client.jobs(checked(status), task, page_of(limit, status))
        return show_jobs(islice(found, limit), common)


@app.command
def children(
    job: str, /, *, status: str | None = None, limit: Limit = 20, common: Common = COMMON
) -> int:
    """List a job's children, in the order of their items."""
    with common.client() as client:
        found = client.job(job).children(checked(status), page_of(limit, status))
        return show_children(islice(found, limit), common)


@app.command
def logs(
    job: str,
    /,
    *,
    follow: Annotated[bool, Parameter(name=["--follow", "-f"])] = False,
    common: Common = COMMON,
) -> int:
    """Show a job's transitions and log lines.

    Parameters
    ----------
    follow
        Go on until the job is finished.
    """

    def show(event: Event) -> None:
        if common.json:
            screen.show_json(event)
        else:
            sys.stdout.write(screen.line_of(event) + "\n")
        sys.stdout.flush()

    with common.client() as client:
        handle = client.job(job)
        if follow:
            handle.wait(on_event=show)
        else:
            for event in handle.events():
                show(event)
    return DONE


@app.command
def result(job: str, /, *, common: Common = COMMON) -> int:
    """Show a finished job's result as JSON."""
    with common.client() as client:
        handle = client.job(job)
        refuse_unfinished(handle)
        screen.show_json(handle.result())
    return DONE


@app.command
def artifacts(job: str, /, *names: str, output: Output = None, common: Common = COMMON) -> int:
    """List a job's files, or download them all (or those named) with -o.

    Parameters
    ----------
    output
        A folder for them.
    """
    with common.client() as client, common.live.on() as live:
        handle = client.job(job)
        found = [one for one in handle.refresh().artifacts if not names or one.name in names]
        if missing := set(names) - {one.name for one in found}:
            one, there = min(missing), [one.name for one in handle.artifacts]
            raise Usage(f"Job {job} has no artifact {one!r}. {meant(one, there)}")
        if output is not None:
            downloaded(handle, output, found, live)
    if common.json:
        screen.show_json(found)
    else:
        rows = ((one.name, one.size, one.content_type) for one in found)
        screen.show_table(("FILE", "BYTES", "TYPE"), rows)
    return DONE


@app.command
def cancel(job: str, /, *, common: Common = COMMON) -> int:
    """Cancel a job. A running one stops soon."""
    with common.client() as client:
        show_job(client.job(job).cancel(), common)
    return DONE


@app.command
def retry(job: str, /, *, common: Common = COMMON) -> int:
    """Run a failed or canceled job again."""
    with common.client() as client:
        show_job(client.job(job).retry(), common)
    return DONE


@app.command
def answer(
    job: str,
    step: str,
    value: Annotated[str, Parameter(name="JSON", allow_leading_hyphen=True)],
    /,
    *,
    common: Common = COMMON,
) -> int:
    """Answer a question that a job asks. `status` shows it.

    Parameters
    ----------
    value
        The answer as JSON; text in double quotes.
    """
    try:
        answer = msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeError) as error:
        said = f"The answer {value!r} is not JSON: {error}. Text needs quotes: '\"yes\"'"
        raise Usage(said) from None
    with common.client() as client:
        client.job(job).answer(step, answer)
    common.live.done(f"job {job} has the answer.", f"To watch it: overtime wait {job}")
    return DONE


@app.command
def erase(job: str, /, *, yes: bool = False, common: Common = COMMON) -> int:
    """Delete a finished job with its params, result, artifacts and events.

    Parameters
    ----------
    yes
        Do not ask.
    """
    if not sure(f"Erase job {job} with all its data?", "erase the job", yes=yes):
        return NOT_ASKED
    with common.client() as client:
        client.job(job).erase()
    common.live.done(f"job {job} is erased.")
    return DONE


@app.command
def tasks(task: str | None = None, /, *, common: Common = COMMON) -> int:
    """List the tasks, or show one's params."""
    with common.client() as client:
        found = client.tasks()
    if task is None and not common.json:
        rows = ((one.name, one.description.partition("\n")[0]) for one in found)
        screen.show_table(("TASK", "DESCRIPTION"), rows)
    elif common.json:
        screen.show_json(found if task is None else find_task(found, task))
    else:
        screen.show_task(find_task(found, str(task)))
    return DONE


@app.command
def login(
    url: str | None = None,
    /,
    *,
    token: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
) -> int:
    """Keep the service's URL and your token for later commands.

    Parameters
    ----------
    token
        - reads it from standard input; without the option you are asked.
    """
    url = (url or os.environ.get("OVERTIME_URL") or LOCAL).rstrip("/")
    if token is None and sys.stdin.isatty():
        token = getpass(f"Token for {screen.clean(url)} (empty for none): ")
    elif token in (None, "-"):
        token = sys.stdin.readline()
    service = Service(url, (token or "").strip() or None)
    with Client(service.url, service.token) as client:
        count = len(client.tasks())  # so that a wrong one is not kept
    screen.say(f"kept in {keep(service)}. {url} has {count} tasks: overtime tasks")
    return DONE
