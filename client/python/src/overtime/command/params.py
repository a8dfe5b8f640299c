"""A task's params of what is typed: each value becomes what the task's JSON Schema asks for."""

from __future__ import annotations

import difflib
import glob
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from overtime.command.config import Usage
from overtime.models import Task

Schema = Mapping[str, Any]
TRUE, FALSE = ("true", "yes", "1"), ("false", "no", "0")
MISSING = object()


def find_task(tasks: Sequence[Task], name: str) -> Task:
    found = {task.name: task for task in tasks}
    if name not in found:
        hint = meant(name, found)
        if hint.startswith("There is"):
            hint += " If it is new, the terminal of make run says why its file does not load."
        raise Usage(f"There is no task {name!r}. {hint} See: overtime tasks")
    return found[name]


def meant(wrong: str, there: Iterable[str]) -> str:
    names = list(there)
    close = difflib.get_close_matches(wrong, names, 1, 0.5)
    return f"Did you mean {close[0]!r}?" if close else f"There is: {', '.join(names) or 'none'}."


def members(task: Task) -> tuple[dict[str, Schema], list[str]]:
    """The params' schemas by name, and which of them are required."""
    schema = resolved(task.params, task.params)
    return dict(schema.get("properties") or {}), list(schema.get("required") or [])


def resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        schema = root.get("$defs", {}).get(str(schema["$ref"]).rpartition("/")[2], {})
    return schema


def kinds(schema: Schema, root: Schema) -> list[Schema]:
    """The schemas of which one has to hold, null left out."""
    schema = resolved(schema, root)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if not choices:
        return [] if schema.get("type") == "null" else [schema]
    return [kind for choice in choices for kind in kinds(choice, root)]


def params_of(
    task: Task, base: str | None, given: Sequence[str], files: Mapping[str, list[Path]]
) -> dict[str, Any]:
    """Of `--params` and `--param`; `files` counts as given. Raises Usage."""
    schemas, required = members(task)
    params: dict[str, Any] = read_object(base) if base else {}
    typed: dict[str, list[str]] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise Usage(f"--param {text} has no value. Type: --param {text}=VALUE")
        if name.endswith(":"):
            params[name[:-1]] = parsed(name[:-1], value)
        else:
            typed.setdefault(name, []).append(value)
    for name in [*params, *typed, *files]:
        if schemas and name not in schemas:
            hint = meant(name, schemas)
            raise Usage(
                f"{task.name} has no param {name!r}. {hint} See: overtime tasks {task.name}"
            )
    for name, values in typed.items():
        if takes_upload(schemas.get(name, {}), task.params) and any(map(is_path, values)):
            raise Usage(f"{name!r} is a file's upload. Type: --file {name}={values[0]}")
        params[name] = value_of(name, values, schemas.get(name, {}), task.params)
    for name in required:
        if name not in params and name not in files:
            upload = takes_upload(schemas.get(name, {}), task.params)
            file = f" (or --file {name}=PATH for a file)" if upload else ""
            typed_as = f"Type: --param {name}=VALUE{file}."
            raise Usage(f"{task.name} needs {name!r}. {typed_as} See: overtime tasks {task.name}")
    return params


def files_of(task: Task, given: Sequence[str]) -> dict[str, list[Path]]:
    """Raises Usage for what is no file."""
    found: dict[str, list[Path]] = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not equals or not path:
            raise Usage(f"--file {text} names no file. Type: --file NAME=PATH")
        several = [] if Path(path).exists() else sorted(glob.glob(path))  # noqa: PTH207
        found.setdefault(name, []).extend(checked(Path(one)) for one in several or [path])
    schemas, _ = members(task)
    for name, paths in found.items():
        if len(paths) > 1 and not takes_several(schemas.get(name, {}), task.params):
            raise Usage(f"{name!r} takes one file; {len(paths)} are named.")
    return found


def takes_upload(schema: Schema, root: Schema) -> bool:
    choices = kinds(schema, root)
    entries = [entry for one in choices for entry in kinds(one.get("items") or {}, root)]
    return any(map(is_upload, (*choices, *entries)))


def is_upload(kind: Schema) -> bool:
    """Whether it is, or may be, the id of an upload."""
    said = [str(kind.get("pattern", "")), *map(str, kind.get("examples", ()))]
    return any(one.lstrip("^(?:").startswith("upload:") for one in said)


def is_path(text: str) -> bool:
    return Path(text).is_file()


def takes_several(schema: Schema, root: Schema) -> bool:
    return any(kind.get("type") == "array" for kind in kinds(schema, root))


def checked(path: Path) -> Path:
    if path.is_dir():
        raise Usage(f"{path} is a folder. Name a file in it.")
    if not path.is_file():
        near = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
        close = difflib.get_close_matches(path.name, near, 1, 0.75)
        hint = f" Did you mean {path.with_name(close[0])}?" if close else ""
        raise Usage(f"There is no file {path}.{hint}")
    return path


def value_of(name: str, values: list[str], schema: Schema, root: Schema) -> Any:
    """A list is given by repeating the option, or once with commas."""
    choices = kinds(schema, root)
    lists = [one for one in choices if one.get("type") == "array"]
    single = [one for one in choices if one.get("type") != "array"]
    if len(values) == 1:
        for kind in single:
            if (value := scalar(values[0], kind)) is not MISSING:
                return value
    if lists:
        entries = kinds(lists[0].get("items") or {}, root)
        texts = values[0].split(",") if len(values) == 1 else values
        return [entry(name, text.strip(), entries) for text in texts]
    if len(values) > 1:
        raise Usage(f"{name!r} takes one value; {len(values)} are given.")
    return entry(name, values[0], single)


def entry(name: str, text: str, choices: list[Schema]) -> Any:
    for kind in choices or [{}]:
        if (value := scalar(text, kind)) is not MISSING:
            return value
    enums = [str(one) for kind in choices for one in kind.get("enum", ())]
    if enums:
        raise Usage(f"{name}={text} is not allowed. {meant(text, enums)}")
    wanted = " or ".join(dict.fromkeys(said(kind) for kind in choices))
    raise Usage(f"{name}={text} must be {wanted}. For JSON, type: --param '{name}:=JSON'")


def said(kind: Schema) -> str:
    words = {"integer": "a whole number", "number": "a number", "boolean": "true or false"}
    return words.get(str(kind.get("type")), f"JSON of type {kind.get('type')}")


def scalar(text: str, kind: Schema) -> Any:
    """MISSING where the text is nothing of this kind."""
    if "enum" in kind or "const" in kind:
        allowed = kind.get("enum", [kind.get("const")])
        return next((one for one in allowed if str(one) == text), MISSING)
    match kind.get("type"):
        case "string" | None:
            return text
        case "boolean":
            low = text.lower()
            return True if low in TRUE else False if low in FALSE else MISSING
        case "integer" | "number" as wanted:
            try:
                return int(text) if wanted == "integer" else as_number(text)
            except ValueError:
                return MISSING
    try:
        value = json.loads(text)
    except ValueError:
        return MISSING
    return value if isinstance(value, (dict, list)) else MISSING


def as_number(text: str) -> int | float:
    value = json.loads(text)  # which keeps whole numbers whole
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(text)
    return value


def parsed(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Usage(f"{name}:={text} is not JSON: {error}") from None


def read_object(place: str) -> dict[str, Any]:
    """The JSON object in a file, or `-` for standard input."""
    text = sys.stdin.read() if place == "-" else checked(Path(place)).read_text("utf-8")
    value = parsed(f"--params {place}", text) if text.strip() else None
    if not isinstance(value, dict):
        raise Usage(f'--params {place} must hold a JSON object, such as {{"name": 1}}.')
    return value
