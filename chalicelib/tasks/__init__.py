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
from collections.abc import Mapping
from types import MappingProxyType

from chalicelib.domain.errors import (
    DeadlineExceeded,
    Interrupted,
    InvocationEnding,
    JobCanceled,
    PermanentError,
    RetryLater,
)
from chalicelib.domain.params import Upload
from chalicelib.domain.retry import retry_after
from chalicelib.domain.source import Source
from chalicelib.domain.task import (
    AnswerBrokeOff,
    AnswerTooLarge,
    HttpResponse,
    Job,
    Task,
    task,
)

__all__ = [
    "AnswerBrokeOff",
    "AnswerTooLarge",
    "DeadlineExceeded",
    "HttpResponse",
    "Interrupted",
    "InvocationEnding",
    "Job",
    "JobCanceled",
    "PermanentError",
    "RetryLater",
    "Source",
    "Task",
    "Upload",
    "registered",
    "retry_after",
    "task",
]


@functools.cache
def registered() -> Mapping[str, Task]:
    """Every task of every file in this folder, by name. Imports them, once."""
    found: dict[str, Task] = {}
    for file in pkgutil.iter_modules(__path__):
        if file.name == "testing":
            continue
        module = importlib.import_module(f"{__name__}.{file.name}")
        for value in vars(module).values():
            if not isinstance(value, Task) or value.function.__module__ != module.__name__:
                continue
            if found.setdefault(value.name, value) is not value:
                other = found[value.name].function.__module__
                raise ValueError(f"{module.__name__} and {other} both have a task {value.name!r}")
    return MappingProxyType(dict(sorted(found.items())))
