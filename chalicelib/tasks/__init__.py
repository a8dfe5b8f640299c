"""The room for your tasks: every file here is loaded, every `@task` in it is a job API.

from dataclasses import dataclass
from chalicelib.tasks import Job, task

@dataclass
class Greeting:
    name: str

@task("greet")
def greet(job: Job, params: Greeting) -> dict:
    job.progress(0.5, "Thinking of something nice")
    return {"text": f"Hello, {params.name}"}
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from chalicelib.domain.children import Child
from chalicelib.domain.errors import (
    DeadlineExceeded,
    Interrupted,
    InvocationEnding,
    JobCanceled,
    PermanentError,
    RetryLater,
    Suspended,
    Unanswered,
)
from chalicelib.domain.handle import Job
from chalicelib.domain.params import Upload
from chalicelib.domain.response import AnswerBrokeOff, AnswerTooLarge, HttpResponse
from chalicelib.domain.retry import retry_after
from chalicelib.domain.schedules import Schedule
from chalicelib.domain.source import Source
from chalicelib.domain.task import Task, task

__all__ = [
    "AnswerBrokeOff",
    "AnswerTooLarge",
    "BrokenTasks",
    "Child",
    "DeadlineExceeded",
    "HttpResponse",
    "Interrupted",
    "InvocationEnding",
    "Job",
    "JobCanceled",
    "PermanentError",
    "RetryLater",
    "Schedule",
    "Source",
    "Suspended",
    "Task",
    "Unanswered",
    "Upload",
    "broken_files",
    "registered",
    "retry_after",
    "task",
]


class BrokenTasks(Exception):
    """Says of each file that does not load where and why, one line a file."""


def registered(*, skip_broken: bool = False) -> Mapping[str, Task]:
    """Every task of every file in this folder, by name. Imports them, once. Raises BrokenTasks if
    a file does not load; with `skip_broken` the tasks of the others are returned."""
    found, broken = _load()
    if broken and not skip_broken:
        raise BrokenTasks("\n".join(broken))
    return found


def broken_files() -> tuple[str, ...]:
    """A line for each file that does not load: the file, the line, the error, and what to do."""
    return _load()[1]


@functools.cache
def _load() -> tuple[Mapping[str, Task], tuple[str, ...]]:
    found: dict[str, Task] = {}
    broken: list[str] = []
    for file in pkgutil.iter_modules(__path__):
        name = f"{__name__}.{file.name}"
        try:
            values = vars(importlib.import_module(name)).values()
            own = [
                one for one in values if isinstance(one, Task) and one.function.__module__ == name
            ]
            for task in own:
                twin = next((one for one in found.values() if one.tool == task.tool), task)
                if twin is not task:
                    other = twin.function.__module__
                    same = " already" if twin.name == task.name else ", the same tool at /mcp"
                    raise ValueError(f"{other} has a task {twin.name!r}{same}")
                found[task.name] = task
        except (Exception, SystemExit) as error:
            broken.append(_line_about(file, error))
    return MappingProxyType(dict(sorted(found.items()))), tuple(broken)


def _line_about(module: pkgutil.ModuleInfo, error: BaseException) -> str:
    folder = Path(getattr(module.module_finder, "path", __path__[0]))
    file, number = folder / (module.name if module.ispkg else f"{module.name}.py"), 0
    for frame in traceback.extract_tb(error.__traceback__):
        if Path(frame.filename).is_relative_to(folder):
            file, number = Path(frame.filename), frame.lineno or 0
    if isinstance(error, SyntaxError) and error.filename:
        file, number = Path(error.filename), error.lineno or 0
    text = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    where = file.relative_to(folder.parent.parent) if file.is_relative_to(folder) else file
    line = f", line {number}" if number else ""
    remedy = "Fix it, or move the file out of chalicelib/tasks."
    if isinstance(error, ModuleNotFoundError):
        remedy = "If the module is a package of PyPI, add it to requirements.in and start again."
    return f"{where}{line}: {type(error).__name__}: {text[:300]}. {remedy}"
