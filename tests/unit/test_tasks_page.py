"""docs/tasks.md names all that a task can use, its numbers are so, and its examples run."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
import yaml

from chalicelib import tasks
from chalicelib.domain.handle import Job
from chalicelib.domain.task import task
from chalicelib.service import run, steps
from chalicelib.testing import Bench, Done
from ops.cli.stage import read_config
from tests.aws import ROOT
from tests.pages import python_on, run_as_module

PAGE = (ROOT / "docs" / "tasks.md").read_text()
CODE = python_on(PAGE)


@pytest.fixture(scope="module")
def examples() -> Iterator[dict[str, Any]]:
    with run_as_module(CODE, "docs_tasks_page") as values:
        yield values


TESTS = re.findall(r"^def (test_\w+)\(\)", "\n".join(CODE), re.MULTILINE)
EXAMPLES = re.findall(r'^@task\("([\w-]+)"', "\n".join(CODE), re.MULTILINE)


@pytest.mark.parametrize("name", TESTS)
def test_a_test_on_the_page_passes(examples: dict[str, Any], name: str) -> None:
    examples[name]()


@pytest.mark.parametrize("name", ["order", "pack"])
def test_an_example_without_a_test_on_the_page_succeeds(
    examples: dict[str, Any], name: str
) -> None:
    assert Bench().run(examples[name], {}).status == "succeeded"


def test_every_example_is_run() -> None:
    tested = "\n".join(block for block in CODE if "def test_" in block)
    ran = {*re.findall(r"\.run\((\w+),", tested), "order", "pack"}
    assert ran == {name.replace("import", "import_rows") for name in EXAMPLES}


def members_of_job() -> set[str]:
    methods = {name for name, _ in inspect.getmembers(Job, inspect.isfunction)}
    return {name for name in methods | Job.__annotations__.keys() if not name.startswith("_")}


def test_the_page_names_every_member_of_job() -> None:
    listed = set(re.findall(r"`job\.(\w+)", PAGE.partition("## What `job` can do")[2]))
    assert members_of_job() <= listed
    assert listed <= members_of_job()


def test_the_page_shows_how_each_method_is_called() -> None:
    table = PAGE.partition("## What `job` can do")[2].partition("###")[0]
    for name, method in inspect.getmembers(Job, inspect.isfunction):
        if not name.startswith("_"):
            given = re.search(rf"`job\.{name}\(([^)]*)\)`", table)
            assert given, name
            shown = [part.partition("=")[0].strip(" *") for part in given[1].split(",") if part]
            taken = [one for one in inspect.signature(method).parameters if one != "self"]
            assert [one for one in shown if one != "…"] == taken[: len(shown) - shown.count("…")]
            assert "…" in shown or len(shown) == len(taken), name


def test_the_page_names_every_argument_of_task_with_its_default() -> None:
    table = PAGE.partition("## `@task`")[2].partition("##")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", table, re.MULTILINE))
    parameters = inspect.signature(task).parameters
    assert rows.keys() == parameters.keys()
    for name, parameter in parameters.items():
        if parameter.default is not inspect.Parameter.empty:
            shown = rows[name].strip("`").replace(",", "")
            assert shown == str(parameter.default).removesuffix(".0"), name


def test_lanes_have_the_time_and_memory_that_the_page_says() -> None:
    table = PAGE.partition("## Lanes")[2].partition("##")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\d+) s \| ([\d,]+) MB \|", table, re.MULTILINE)
    functions = read_config()["lambda_functions"]
    declared = {
        name.removesuffix("_worker"): (one["lambda_timeout"], one["lambda_memory_size"])
        for name, one in functions.items()
        if name in ("default_worker", "heavy_worker")
    }
    assert {lane: (int(time), int(mb.replace(",", ""))) for lane, time, mb in rows} == declared


def test_the_page_names_all_that_a_task_file_may_import() -> None:
    internal = {"BrokenTasks", "Source", "Task", "broken_files", "registered"}
    assert [name for name in tasks.__all__ if name not in PAGE and name not in internal] == []


def test_the_page_names_all_of_the_bench() -> None:
    bench = PAGE.partition("## Test on the Bench")[2].partition("## Recipes")[0]
    called = [*inspect.signature(Bench).parameters, *inspect.signature(Bench.run).parameters]
    named = [name for name in vars(Bench) if not name.startswith("_")]
    for name in (*called, *named, *(field.name for field in fields(Done))):
        assert name == "self" or name in bench, name


def test_its_limits_are_those_of_the_code() -> None:
    assert f"{run.LINES_AT_MOST:,} lines an attempt" in PAGE
    assert f"{run.ARTIFACTS_AT_MOST} files a job" in PAGE
    assert f"{steps.ONCE_AT_MOST // 1024} KiB at most" in PAGE


def test_its_workflow_is_yaml_whose_commands_exist() -> None:
    [text] = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    workflow = yaml.safe_load(text)
    assert workflow["permissions"]["id-token"] == "write"
    [job] = workflow["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert commands
    assert {command.split()[1] for command in commands} <= set(targets)
