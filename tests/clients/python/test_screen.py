"""What the command line shows of a job: each fact on a line, and what its reader can do."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import msgspec
import pytest

from overtime.command import screen
from overtime.command.work import Common, show_job
from overtime.models import Job

AT = "2026-11-28T08:00:00Z"
LOCAL = f"{datetime(2026, 11, 28, 8, tzinfo=UTC).astimezone():%Y-%m-%d %H:%M:%S}"
SCHEMA = {
    "$ref": "#/$defs/Approval",
    "$defs": {
        "Approval": {
            "type": "object",
            "properties": {
                "approved": {"type": "boolean"},
                "reasons": {"type": "array", "items": {"enum": ["late", "wrong"]}},
                "next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/Approval"}]},
            },
            "required": ["approved"],
        }
    },
}
QUESTION = {"step": "publish", "prompt": "Publish?", "schema": SCHEMA, "url": "", "expires_at": AT}
COUNTS = {"total": 1_000, "live": 311, "succeeded": 687, "failed": 2, "canceled": 0}


def job(**members: Any) -> Job:
    known = {"id": "j1", "task": "album", "status": "queued", "created_at": AT, "updated_at": AT}
    return msgspec.convert({**known, **members}, Job, strict=False)


@pytest.mark.parametrize(
    ("members", "lines"),
    [
        (
            {"wait_reason": "sleep", "waits_for": {"until": AT}},
            ["waits for\tsleep", f"until\t{LOCAL}"],
        ),
        (
            {"wait_reason": "scheduled", "next_attempt_at": AT},
            ["waits for\tscheduled", f"until\t{LOCAL}"],
        ),
        (
            {"wait_reason": "children", "waits_for": {"children": 1_000}, "children": COUNTS},
            ["waits for\tchildren", "children\t1,000: 311 live, 687 succeeded, 2 failed"],
        ),
        (
            {"wait_reason": "answer", "waits_for": {"answers": [QUESTION]}},
            [
                "waits for\tanswer",
                "asks\tpublish: Publish?",
                f"expires\t{LOCAL}",
                "to answer\tovertime answer j1 publish JSON",
            ],
        ),
        ({"parent": "p1", "status": "running"}, ["parent\tp1", "status\trunning"]),
    ],
)
def test_a_job_shows_what_it_waits_for(
    capsys: pytest.CaptureFixture[str], members: dict[str, Any], lines: list[str]
):
    show_job(job(**members), Common())
    assert set(capsys.readouterr().out.splitlines()) >= set(lines)


@pytest.mark.parametrize(
    ("members", "shown"),
    [
        ({"status": "running", "attempt": 2}, ["attempt\t2 of 5"]),
        ({"wait_reason": "backoff", "attempt": 1}, ["attempt\t1 of 5"]),
        ({"wait_reason": "backlog", "attempt": 0}, []),
        ({"wait_reason": "sleep", "waits_for": {"until": AT}, "attempt": 1}, []),
    ],
)
def test_a_job_shows_its_attempt_unless_it_waits(
    capsys: pytest.CaptureFixture[str], members: dict[str, Any], shown: list[str]
):
    show_job(job(**members, max_attempts=5), Common())
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("attempt")] == shown


def test_the_type_of_an_answer_is_short_also_where_it_holds_itself():
    inner = '{"approved": boolean, "reasons"?: array, "next"?: object}'
    outer = f'{{"approved": boolean, "reasons"?: list of late|wrong, "next"?: {inner}}}'
    assert screen.kind_of(SCHEMA, SCHEMA, 2) == outer
    assert screen.kind_of({"type": "string"}, {}) == "string"
    assert screen.kind_of({}, {}) == "JSON"


@pytest.mark.parametrize(("told", "times"), [(True, 1), (False, 0)])
def test_a_pipe_sees_once_how_to_answer_unless_it_is_to_be_quiet(
    monkeypatch: pytest.MonkeyPatch, told: bool, times: int
):
    monkeypatch.setattr(sys, "stderr", pipe := StringIO())
    live = screen.Live(shown=False, told=told)
    for _ in range(2):
        live.progress(job(waits_for={"answers": [QUESTION]}))
    assert pipe.getvalue().count("overtime answer j1 publish JSON\n") == times
    assert pipe.getvalue().count("Publish?") == times


@pytest.mark.parametrize(
    ("members", "shown"),
    [
        ({"wait_reason": "sleep", "waits_for": {"until": AT}}, f"queued: sleep until {LOCAL}"),
        ({"wait_reason": "backoff", "next_attempt_at": AT}, f"queued: backoff until {LOCAL}"),
        ({"wait_reason": "backlog"}, "queued: backlog"),
        (
            {"children": COUNTS, "progress": {"percent": 69, "message": "689 have ended"}},
            "689 have ended (2 failed)",
        ),
    ],
)
def test_the_bar_of_a_job_says_what_it_waits_for(
    monkeypatch: pytest.MonkeyPatch, members: dict[str, Any], shown: str
):
    monkeypatch.setattr(sys, "stderr", StringIO())
    live = screen.Live(shown=True)
    live.progress(job(**members))
    assert live.bars.tasks[0].description == f"album: {shown}"


@pytest.mark.parametrize(("shown", "said"), [(True, "overtime: done (Next: wait)\n"), (False, "")])
def test_a_terminal_sees_what_a_silent_command_has_done_and_a_pipe_does_not(
    capsys: pytest.CaptureFixture[str], shown: bool, said: str
):
    screen.Live(shown=shown).done("done", "Next: wait")
    assert capsys.readouterr() == ("", said)


def test_a_narrow_terminal_breaks_no_id_and_no_status(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "50")
    error = "The task failed: " + "no column of this name, " * 4
    screen.show_table(("JOB", "STATUS", "ERROR"), [("a" * 32, "succeeded", error)])
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert shown.splitlines()[1].startswith(f"{'a' * 32}  succeeded  The task failed: no column")
    assert " ".join(shown.split()).count("no column") == 4
    screen.show_facts([("to answer", "overtime answer " + "a" * 60)])
    assert f"overtime answer {'a' * 60}\n" in capsys.readouterr().out
