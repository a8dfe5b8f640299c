"""What is seen. Text of the service is shown as it is: no markup, no control characters."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
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
from overtime.models import Event, Job, Question, Task

STYLES = {"succeeded": "green", "failed": "red", "canceled": "yellow", "running": "cyan"}


def clean(text: object) -> str:
    """One line of what a terminal can show; what would steer it is replaced."""
    return "".join(one if one.isprintable() else " " if one in "\n\t" else "�" for one in str(text))


def say(text: str, hint: str = "") -> None:
    """One line. `hint` says what to type next."""
    sys.stderr.write(f"overtime: {clean(text)}" + (f" ({clean(hint)})\n" if hint else "\n"))


def show_json(value: Any) -> None:
    """On one line where it is piped. What a terminal would act on is escaped."""
    plain = msgspec.json.decode(msgspec.json.encode(value))
    text = json.dumps(plain, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None)
    escaped = re.sub(
        r"[^\n]", lambda one: one[0] if one[0].isprintable() else ascii_of(one[0]), text
    )
    sys.stdout.buffer.write(escaped.encode("utf-8", "replace") + b"\n")
    sys.stdout.flush()


def ascii_of(character: str) -> str:
    return json.dumps(character)[1:-1] if character != "\x7f" else "\\u007f"


def show_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns by tabs where it is piped."""
    if not sys.stdout.isatty():
        for row in rows:
            sys.stdout.write("\t".join(clean(cell) for cell in row) + "\n")
        return
    table = Table(*heads, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(clean(cell), style=STYLES.get(str(cell), "")) for cell in row))
    Console().print(table)


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


def kind_of(schema: Any, root: Any) -> str:
    words = []
    for kind in kinds(schema, root):
        if "enum" in kind:
            words.append("|".join(map(str, kind["enum"])))
        elif is_upload(kind):
            words.append("file")
        elif kind.get("type") == "array":
            words.append(f"list of {kind_of(kind.get('items') or {}, root)}")
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
    """An upload's bar, then the job's, with log lines above; nothing where `shown` is False."""

    def __init__(self, shown: bool) -> None:
        message = TextColumn("{task.description}", markup=False)
        columns = (message, BarColumn(30), TaskProgressColumn(), TimeElapsedColumn(), Size())
        self.console = Console(stderr=True, highlight=False)
        self.bars = Progress(*columns, console=self.console, disable=not shown)
        self.uploads: dict[str, Any] = {}
        self.asked: set[tuple[str, object]] = set()
        self.bar: Any = None
        self.shown = shown

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
        for one in job.waits_for.answers if job.waits_for else ():
            waiting, message = f"asks {one.step}: {one.prompt}", ""
            self.ask(job, one)
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
        if self.shown and (key := (question.step, question.expires_at)) not in self.asked:
            self.asked.add(key)
            hint = f"To answer: overtime answer {job.id} {question.step} JSON"
            self.console.print(Text(clean(f"{question.prompt} ({hint})")))

    def event(self, event: Event) -> None:
        if self.shown and (event.type == "log" or event.error):
            self.console.print(Text(line_of(event)))
