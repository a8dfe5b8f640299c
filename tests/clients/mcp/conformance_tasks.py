"""The tools that the scenarios of the conformance suite call, as tasks."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pydantic

from chalicelib.tasks import Job, PermanentError, task

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


@task("test_simple_text")
def simple_text(job: Job) -> str:
    """Give back a text."""
    return "This is a simple text response for testing."


@task("test_error_handling")
def error_handling(job: Job) -> str:
    """Fail."""
    raise PermanentError("This tool intentionally returns an error for testing")


class Person(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        return dict(SCHEMA)


@task("json_schema_2020_12_tool")
def json_schema(job: Job, params: Person) -> None:
    """Take a person."""


@dataclass
class Greeting:
    name: str


@task("greet")
def greet(job: Job, params: Greeting) -> str:
    """Greet somebody."""
    return f"Hello, {params.name}!"


@dataclass
class Computation:
    seconds: float
    label: str = ""


@task("slow_compute")
def slow_compute(job: Job, params: Computation) -> str:
    """Take some seconds."""
    until = time.monotonic() + params.seconds
    while time.monotonic() < until:
        job.progress(0.5, params.label)  # learns here of a cancel
        time.sleep(0.05)
    return f"Took {params.seconds} seconds."


@task("failing_job")
def failing_job(job: Job) -> None:
    """Fail after a second."""
    time.sleep(1)
    raise PermanentError("This job always fails.")


@dataclass
class Confirmation:
    confirm: bool


@dataclass
class File:
    filename: str


@task("confirm_delete", asks={"confirm": Confirmation})
def confirm_delete(job: Job, params: File) -> str:
    """Ask before a file is deleted."""
    answer = job.ask("confirm", prompt=f"Delete {params.filename}?", timeout=600)
    return f"{params.filename} is {'deleted' if answer.confirm else 'kept'}."
