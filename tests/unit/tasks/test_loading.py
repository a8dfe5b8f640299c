"""A task file that does not load: one line says where, why and what to do; the others load."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec import structs

from chalicelib import tasks
from chalicelib.domain.errors import InvalidRequest
from chalicelib.service.submit import Submission, submit
from chalicelib.testing import Bench

GOOD = """
from chalicelib.tasks import Job, task


@task("{name}")
def run(job: Job, params: dict) -> None: ...
"""
Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a file into a folder that stands in for chalicelib/tasks."""
    folder = tmp_path / "chalicelib" / "tasks"
    folder.mkdir(parents=True)
    monkeypatch.setattr(tasks, "__path__", [str(folder)])
    before = set(sys.modules)

    def write_file(name: str, text: str) -> None:
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    tasks._load.cache_clear()
    yield write_file
    tasks._load.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith("chalicelib.tasks."):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def broken(:\n", "line 1: SyntaxError: invalid syntax. Fix it, or move"),
        ("\n\nnone_such\n", "line 3: NameError: name 'none_such' is not defined. Fix it"),
        ("import none_such\n", "line 1: ModuleNotFoundError: No module named 'none_such'. If"),
        ("raise ValueError('a\\nb')", "line 1: ValueError: a b. Fix it"),
        ("import sys\nsys.exit('no')", "line 2: SystemExit: no. Fix it"),
        (GOOD.format(name="no such name!"), "line 5: "),
    ],
)
def test_a_line_names_the_file_the_place_and_the_error(write: Write, text: str, said: str) -> None:
    write("odd.py", text)
    write("sound.py", GOOD.format(name="sound"))
    [line] = tasks.broken_files()
    assert line.startswith(f"chalicelib/tasks/odd.py, {said}")
    assert "\n" not in line
    assert list(tasks.registered(skip_broken=True)) == ["sound"]


def test_the_file_at_fault_is_named_within_a_package(write: Write) -> None:
    write("many/__init__.py", "from chalicelib.tasks.many import inner\n")
    write("many/inner.py", "import json\nnone_such\n")
    [line] = tasks.broken_files()
    assert line.startswith("chalicelib/tasks/many/inner.py, line 2: NameError")


def test_a_task_name_that_another_file_has_breaks_the_second_file(write: Write) -> None:
    write("one.py", GOOD.format(name="same"))
    write("two.py", GOOD.format(name="same"))
    [line] = tasks.broken_files()
    assert "two.py: ValueError: chalicelib.tasks.one has a task 'same' already" in line


def test_two_tasks_that_would_be_one_tool_break_the_second_file(write: Write) -> None:
    write("one.py", GOOD.format(name="a.b"))
    write("two.py", GOOD.format(name="a_b"))
    [line] = tasks.broken_files()
    assert "two.py: ValueError: chalicelib.tasks.one has a task 'a.b', the same tool" in line
    assert list(tasks.registered(skip_broken=True)) == ["a.b"]


def test_nothing_is_registered_where_a_broken_file_may_not_be_skipped(write: Write) -> None:
    write("odd.py", "none_such")
    write("sound.py", GOOD.format(name="sound"))
    for _ in range(2):
        with pytest.raises(tasks.BrokenTasks, match=r"odd\.py, line 1: NameError"):
            tasks.registered()


def test_the_refusal_of_an_unknown_task_names_the_files_that_were_skipped() -> None:
    system = structs.replace(Bench().system, broken_tasks=lambda: ["odd.py, line 1: oh."])
    with pytest.raises(
        InvalidRequest, match=r"There is no task 'odd'; the tasks are: .*odd\.py, line 1"
    ):
        submit(system, Submission(owner="ada", task="odd", params={}))
