"""What `@task` refuses to register: mistakes are told when the code loads, not by the first job."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.tasks import Job, task


@dataclass
class Circle:
    radius: float


@dataclass
class Square:
    side: float


@dataclass
class Drawing:
    shape: Circle | Square


def either(job: Job, params: Circle | Square) -> None: ...


def somewhere_inside(job: Job, params: Drawing) -> None: ...


def unannotated(job, params) -> None: ...


def too_many(job: Job, params: Circle, more: Square) -> None: ...


@pytest.mark.parametrize("function", [either, somewhere_inside])
def test_params_that_cannot_be_read_from_json_are_refused(function: Any) -> None:
    with pytest.raises(TypeError, match=r"task draw: its params .*more than one dataclass"):
        task("draw")(function)


@pytest.mark.parametrize("function", [unannotated, too_many])
def test_a_function_with_other_arguments_is_refused_with_the_signature_to_write(
    function: Any,
) -> None:
    with pytest.raises(TypeError, match=r"task draw: write def \w+\(job: Job, params: YourParams"):
        task("draw")(function)


@pytest.mark.parametrize("name", ["", "Draw", "a b", "-a", "a" * 65, "ä"])
def test_a_task_name_with_other_characters_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a task"):
        task(name)


@pytest.mark.parametrize("name", ["get_job", "get.job", "cancel_job", "create_upload"])
def test_a_name_of_the_services_own_tools_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="it is the name of a tool at /mcp"):
        task(name)


def test_a_hint_that_agents_do_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no hints \['readOnly'\]; allowed: title, readOnlyHint"):
        task("draw", hints={"readOnly": True})  # type: ignore[arg-type]


def test_an_unknown_lane_is_refused() -> None:
    with pytest.raises(ValueError, match="task draw: there is no lane 'havy'; the lanes: default,"):
        task("draw", lane="havy")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_attempts": 0},
        *({"timeout": seconds} for seconds in (4, math.nan, math.inf, 367 * 86_400)),
        *({"backoff": seconds} for seconds in (-1, math.nan, math.inf)),
        *({"backoff_max": seconds} for seconds in (-1, math.nan, math.inf)),
    ],
)
def test_numbers_out_of_range_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="task draw"):
        task("draw", **wrong)


def test_a_decorator_without_a_name_is_refused_with_an_example() -> None:
    with pytest.raises(TypeError, match=r'@task\("either"\)'):
        task(either)  # type: ignore[arg-type]


async def in_the_background(job: Job) -> None: ...


def test_an_async_function_is_refused() -> None:
    with pytest.raises(TypeError, match="task draw: in_the_background is async"):
        task("draw")(in_the_background)
