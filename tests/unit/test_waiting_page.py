"""The examples of docs/waiting.md run, and each is tested on the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from chalicelib.domain import params
from chalicelib.http.schedules import ScheduleBody
from chalicelib.tasks import registered
from tests.aws import ROOT
from tests.pages import python_on, run_as_module

PAGE = (ROOT / "docs" / "waiting.md").read_text()
CODE = python_on(PAGE)
TESTS = re.findall(r"^def (test_\w+)\(\)", "\n".join(CODE), re.MULTILINE)
EXAMPLES = re.findall(r"^@task\(.*\)\ndef (\w+)", "\n".join(CODE), re.MULTILINE)


@pytest.fixture(scope="module")
def examples() -> Iterator[dict[str, Any]]:
    with run_as_module(CODE, "docs_waiting_page") as values:
        yield values


@pytest.mark.parametrize("name", TESTS)
def test_a_test_on_the_page_passes(examples: dict[str, Any], name: str) -> None:
    examples[name]()


def test_every_example_is_run_by_a_test_on_the_page() -> None:
    assert len(EXAMPLES) >= 3
    assert set(re.findall(r"\.run(?:_schedules)?\((\w+),", "\n".join(CODE))) == set(EXAMPLES)


def test_the_schedule_on_the_page_is_one_of_a_task_that_exists() -> None:
    [text] = re.findall(r"-X PUT .* -d '\n(.*)'\n", PAGE)
    body = msgspec.json.decode(text, type=ScheduleBody)
    params.decode(registered()[body.task].params_type, body.params)


def test_the_pause_on_the_page_sends_all_members_of_a_schedule() -> None:
    [members] = re.findall(r"jq '\{(.*), paused: true\}'", PAGE)
    assert {*members.split(", "), "paused"} == set(ScheduleBody.__struct_fields__)
