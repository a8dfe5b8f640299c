"""What is seen. Text of the service is shown as it is: no markup, no control characters."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
from rich.cells import cell_len
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import (
    Task as Bar,
)
from rich.table import Table
from rich.text import Text

from overtime.command.params import is_upload, kinds, members
from overtime.models import Children, Event, Job, Question, Task

STYLES = {"succeeded": "green", "failed": "red", "canceled": "yellow", "running": "cyan"}
UNBROKEN = 32  # characters of a cell that are kept on one line, such as an id's


def clean(text: object) -> str:
    """One line of what a terminal can show; what would steer it is replaced."""
    return "".join(one if one.isprintable() else " " if one in "\n\t" else "�" for one in str(text))


def say(text: str, hint: str = "") -> None:
    """One line. `hint` says what to type next."""
    sys.stderr.write(f"overtime: {clean(text)}" + (f" ({clean(hint)})\n" if hint else "\n"))


def show_json(value: Any) -> None:
    """On one line where it is piped. What a terminal would act on is escaped."""
    text = json_text(value, indent=2 if sys.stdout.isatty() else None)
    sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")
    sys.stdout.flush()


def json_text(value: Any, indent: int | None = None) -> str:
    plain = msgspec.json.decode(msgspec.json.encode(value))
    text = json.dumps(plain, ensure_ascii=False, indent=indent)
    return re.sub(r"[^\n]", lambda one: one[0] if one[0].isprintable() else ascii_of(one[0]), text)


def ascii_of(character: str) -> str:
    return json.dumps(character)[1:-1] if character != "\x7f" else "\\u007f"


def show_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns by tabs where it is piped."""
    if not sys.stdout.isatty():
        for row in rows:
            sys.stdout.write("\t".join(clean(cell) for cell in row) + "\n")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    shown = [[clean(cell) for cell in row] for row in rows]
    least = 0
    for head, *column in zip(heads, *shown, strict=True):
        width = min(max(map(cell_len, (head, *column))), UNBROKEN)
        table.add_column(head, min_width=width, overflow="fold")
        least += width + 2
    for row in shown:
        table.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    Console(width=max(Console().width, least)).print(table)  # the terminal breaks what is longer


def show_facts(facts: Iterable[tuple[str, str]]) -> None:
    """A line for each that is not empty. The terminal breaks long lines, so they can be copied."""
    rows = [(name, clean(value)) for name, value in facts if value]
    if not sys.stdout.isatty():
        return show_table((), rows)
    for name, value in rows:
        line = Text.assemble((f"{name:11}", "bold"), (value, STYLES.get(value, "")))
        Console().print(line, soft_wrap=True)
    return None


def local(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def counted(children: Children) -> str:
    """Such as `1,000: 311 live, 687 succeeded, 2 failed`."""
    counts = msgspec.structs.asdict(children)
    parts = [f"{count:,} {name}" for name, count in counts.items() if count and name != "total"]
    return f"{children.total:,}: {', '.join(parts)}"


def facts_of(job: Job, question: Question) -> Iterator[tuple[str, str]]:
    yield "asks", ": ".join(filter(None, (question.step, question.prompt)))
    yield "answer", kind_of(question.schema, question.schema)
    yield "expires", local(question.expires_at) if question.expires_at else ""
    yield "to answer", f"overtime answer {job.id} {question.step} JSON"


def show_task(task: Task) -> None:
    schemas, required = members(task)
    lines = [clean(line) for line in task.description.splitlines()]
    sys.stdout.write("\n".join([clean(task.name), *lines, "", ""]))
    show_table(
        ("PARAM", "KIND", "DEFAULT", "DESCRIPTION"),
        (
            (
                name,
                kind_of(schema, task.params),
                "required" if name in required else json.dumps(schema.get("default")),
                schema.get("description") or "",
            )
            for name, schema in schemas.items()
        ),
    )


def kind_of(schema: Any, root: Any, depth: int = 3) -> str:
    """In words; an object as `{"approved": boolean, "by"?: string}`, as deep as `depth`."""
    words = []
    for kind in kinds(schema, root):
        if "enum" in kind:
            words.append("|".join(map(str, kind["enum"])))
        elif is_upload(kind):
            words.append("file")
        elif kind.get("type") == "array" and depth:
            words.append(f"list of {kind_of(kind.get('items') or {}, root, depth - 1)}")
        elif "properties" in kind and depth:
            required = kind.get("required", ())
            inside = (
                f'"{name}"{"" if name in required else "?"}: {kind_of(one, root, depth - 1)}'
                for name, one in kind["properties"].items()
            )
            words.append(f"{{{', '.join(inside)}}}")
        else:
            words.append(str(kind.get("type", "JSON")))
    return " or ".join(dict.fromkeys(words)) or "JSON"


def line_of(event: Event) -> str:
    """An event as one line; an empty text for what is not worth one."""
    at = f"{event.at.astimezone():%H:%M:%S}"
    if event.message is not None:
        return f"{at} {clean(event.message)}"
    why = f": {clean(event.error.title)}: {clean(event.error.detail)}" if event.error else ""
    webhook = "webhook " if event.type == "webhook" else ""
    return f"{at} {webhook}{clean(event.verb)} ({clean(event.status)}){why}"


class Size(ProgressColumn):
    def render(self, task: Bar) -> Text:
        return Text(task.fields.get("size", ""))


class Live:
    """An upload's bar, then the job's, with log lines above, if `shown`; questions also in a pipe,
    where the job would wait for ever."""

    def __init__(self, shown: bool, told: bool = True) -> None:
        message = TextColumn("{task.description}", markup=False)
        columns = (message, BarColumn(30), TaskProgressColumn(), TimeElapsedColumn(), Size())
        self.console = Console(stderr=True, highlight=False)
        self.bars = Progress(*columns, console=self.console, disable=not shown)
        self.uploads: dict[str, Any] = {}
        self.asked: set[tuple[str, object]] = set()
        self.bar: Any = None
        self.shown, self.told = shown, told

    @contextmanager
    def on(self) -> Iterator[Live]:
        with self.bars:
            yield self

    def upload(self, name: str, done: int, whole: int) -> None:
        if name not in self.uploads:
            self.uploads[name] = self.bars.add_task(f"Uploading {clean(name)}", total=whole)
        self.bars.update(self.uploads[name], completed=done, size=f"{done / 2**20:.1f} MiB")

    def progress(self, job: Job) -> None:
        if self.bar is None:
            self.bar = self.bars.add_task("", total=100)
        message = job.progress.message if job.progress else ""
        waiting = f"queued: {job.wait_reason}" if job.wait_reason else job.status
        if until := (job.waits_for and job.waits_for.until) or job.next_attempt_at:
            waiting, message = f"{waiting} until {local(until)}", ""
        for one in job.waits_for.answers if job.waits_for else ():
            waiting, message = f"asks {one.step}: {one.prompt}", ""
            self.ask(job, one)
        if job.children and job.children.failed and not job.finished:
            message += f" ({job.children.failed:,} failed)"
        percent = (
            100.0 if job.status == "succeeded" else job.progress.percent if job.progress else 0
        )
        again = f" (attempt {job.attempt} of {job.max_attempts})" if job.attempt > 1 else ""
        text = clean(job.status if job.finished else message or waiting)
        self.bars.update(
            self.bar, description=f"{clean(job.task)}: {text}{again}", completed=percent
        )

    def ask(self, job: Job, question: Question) -> None:
        """Once for each question."""
        if self.told and (key := (question.step, question.expires_at)) not in self.asked:
            self.asked.add(key)
            for name, value in facts_of(job, question):
                self.console.print(Text(f"{name:11}{clean(value)}"), soft_wrap=True)

    def done(self, text: str, hint: str = "") -> None:
        """What a command has done that writes nothing to standard output."""
        if self.shown:
            say(text, hint)

    def event(self, event: Event) -> None:
        if self.shown and (event.type == "log" or event.error):
            self.console.print(Text(line_of(event)))
