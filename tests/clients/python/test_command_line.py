"""The command line against the running service: what it shows, and how it exits."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from overtime import Client
from overtime.command import config, screen
from overtime.command.main import run_app
from tests.aws import ROOT
from tests.proxy import proxying
from tests.receiver import receiving, response

CSV = "carrier,delay\nAA,12\nAA,4\nUA,7\n"
REPORT = ("report", "-p", "group_by=carrier", "-p", "metrics=count")


@pytest.fixture
def flights(tmp_path: Path) -> str:
    (tmp_path / "flights.csv").write_text(CSV)
    return f"source={tmp_path}/flights.csv"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, service: str, tmp_path: Path) -> None:
    monkeypatch.setenv("OVERTIME_URL", service)
    monkeypatch.delenv("OVERTIME_TOKEN", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


class Shell:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys
        self.out = self.err = ""

    def __call__(self, *arguments: str) -> int:
        code = run_app(list(arguments))
        self.out, self.err = self.capsys.readouterr()
        return code


@pytest.fixture
def overtime(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


def test_a_run_shows_the_result_alone_and_writes_the_files(
    overtime: Shell, flights: str, tmp_path: Path
):
    assert overtime("run", *REPORT, "-f", flights, "-o", str(tmp_path / "out")) == 0
    assert json.loads(overtime.out)["rows"] == 3
    assert overtime.err == ""
    written = {one.name for one in (tmp_path / "out").iterdir()}
    assert written == {"report.csv", "report.json", "report.svg", "result.json"}
    assert json.loads((tmp_path / "out" / "result.json").read_text()) == json.loads(overtime.out)


def test_a_job_goes_through_all_commands(overtime: Shell, flights: str, tmp_path: Path):
    assert overtime("submit", *REPORT, "-f", flights) == 0
    job = overtime.out.strip()
    assert overtime("wait", job) == 0
    assert json.loads(overtime.out)["groups"] == 2
    assert overtime("status", job) == 0
    assert "status\tsucceeded" in overtime.out
    assert overtime("status", job, "--json") == 0
    assert json.loads(overtime.out)["id"] == job
    assert overtime("list", "--task", "report", "--status", "succeeded", "--limit", "100") == 0
    assert job in overtime.out
    assert overtime("logs", job) == overtime("logs", job, "-f") == 0
    assert [line.split()[1] for line in overtime.out.splitlines()] == ["submit", "claim", "succeed"]
    assert overtime("result", job) == 0
    assert json.loads(overtime.out)["rows"] == 3
    assert overtime("artifacts", job, "report.csv", "-o", str(tmp_path)) == 0
    assert (tmp_path / "report.csv").read_text() == "carrier,count\nAA,2\nUA,1\n"
    assert overtime("artifacts", job, "report.cvs") == 2
    assert "Did you mean 'report.csv'?" in overtime.err
    assert overtime("erase", job) == 2
    assert "--yes" in overtime.err
    assert overtime("erase", job, "--yes") == 0
    assert overtime("status", job) == 2
    assert "overtime list" in overtime.err


def test_a_job_that_fails_exits_with_1_and_can_be_retried(overtime: Shell):
    with receiving(response(404)) as third_party:
        assert overtime("run", "fetch", "-p", f"url={third_party.url}") == 1
        [line] = overtime.err.splitlines()
        job = re.findall("[0-9a-f]{32}", line)[0]
        assert line.endswith(f"(To run it again: overtime retry {job})")
        assert overtime("retry", job) == 0
        assert overtime("wait", job, "--json") == 1
    assert json.loads(overtime.out)["error"]["title"]


def test_a_job_is_canceled(overtime: Shell, service: str):
    with Client(service) as client:
        later = datetime.now(UTC) + timedelta(hours=1)
        job = client.submit("fetch", {"url": service}, run_at=later).id
    assert overtime("result", job) == 2
    assert "is not finished" in overtime.err
    assert overtime("cancel", job) == 0
    assert overtime("wait", job) == 1
    assert overtime("result", job) == 1


def test_tasks_are_listed_and_one_is_described(overtime: Shell):
    assert overtime("tasks") == 0
    assert {line.split("\t")[0] for line in overtime.out.splitlines()} >= {"fetch", "report"}
    assert overtime("tasks", "thumbnails") == 0
    assert "sizes\tlist of integer\trequired\tLongest edges, in pixels." in overtime.out
    assert "format\tjpeg|png|webp\tnull" in overtime.out
    assert "images\tlist of file\trequired" in overtime.out
    assert overtime("tasks", "report", "--json") == 0
    assert json.loads(overtime.out)["name"] == "report"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("run reprot", "Did you mean 'report'? See: overtime tasks"),
        ("tasks reprot", "Did you mean 'report'?"),
        ("run report -p gruop_by=a", "Did you mean 'group_by'?"),
        ("run report -f source=none.csv", "There is no file none.csv."),
        ("run report -p group_by=a -p metrics=median -p source=x", "/params/metrics/0"),
        ("list --status done", "There is: queued"),
        ("list --statsu failed", "Did you mean --status?"),
        ("list --limit many", "--limit"),
        ("lst", 'Did you mean "list"?'),
        ("status nothing", "To see your jobs with their whole ids: overtime list"),
        ("list --url localhost:1", "Write it in full: http://localhost:1"),
        ("list --url http://127.0.0.1:1", "Is it running?"),
        ("run", "TASK"),
        ("run payroll", "the terminal of make run says why its file does not load"),
        (
            "--url http://127.0.0.1:1 list",
            "(Options follow the command: overtime COMMAND --url URL)",
        ),
    ],
)
def test_what_is_typed_wrongly_is_one_line_that_says_what_to_type(
    overtime: Shell, typed: str, said: str
):
    assert overtime(*typed.split()) == 2
    [line] = overtime.err.splitlines()
    assert line.startswith("overtime: ")
    assert said in line


def test_something_else_at_the_url_is_told_apart_from_the_service(overtime: Shell):
    with receiving(response(200, b"<html>", "Content-Type: text/html")) as other:
        assert overtime("list", "--url", other.url) == 2
    assert "not how an Overtime API answers. Check the URL." in overtime.err


def test_a_run_through_a_bad_network_is_as_through_a_good_one(
    overtime: Shell, flights: str, service: str, tmp_path: Path
):
    faults = ["503:1", "lose", "half", "lose", "429:1", "cut", "half", "delay:0.3", "lose"]
    with proxying(service, faults) as proxy:
        code = overtime(
            *("run", *REPORT, "-f", flights, "-o", str(tmp_path / "o"), "--url", proxy.url)
        )
    assert (code, json.loads(overtime.out)["rows"], overtime.err) == (0, 3, "")
    assert len({one.key for one in proxy.faults.seen if one.path == "/jobs"}) == 1


def test_params_and_a_token_may_come_from_standard_input(
    overtime: Shell, service: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"url": f"{service}/health"})))
    assert overtime("run", "fetch", "--params", "-") == 0
    assert json.loads(overtime.out)["status"] == 200
    monkeypatch.setattr("sys.stdin", io.StringIO("secret\n"))
    assert overtime("login", service, "--token", "-") == 0
    assert config.chosen(service, None, {}).token == "secret"


# ── login ──


def test_a_login_is_kept_for_this_user_alone_and_for_its_url_alone(
    overtime: Shell, service: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("OVERTIME_URL")
    assert overtime("login", service, "--token", "secret") == 0
    file = config.config_file()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o077 == 0
    assert "secret" not in overtime.out + overtime.err
    assert config.chosen(None, None, {}) == config.Service(service, "secret")
    assert config.chosen("http://other.test", None, {}).token is None
    assert config.chosen(None, None, {"OVERTIME_URL": "http://other.test"}).token is None
    assert config.chosen(None, "mine", {}).token == "mine"
    assert overtime("list") == 0


def test_a_login_at_a_url_without_a_service_is_not_kept(overtime: Shell):
    assert overtime("login", "http://127.0.0.1:1", "--token", "secret") == 2
    assert not config.config_file().exists()


def test_a_login_that_is_damaged_says_how_to_replace_it(
    overtime: Shell, monkeypatch: pytest.MonkeyPatch
):
    config.config_file().parent.mkdir(parents=True)
    config.config_file().write_text("{")
    assert overtime("list") == 2
    assert "overtime login URL" in overtime.err


# ── what a terminal sees ──


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain [red]text[/red]", "plain [red]text[/red]"),
        ("\x1b[2J\x9b31m\x07bell", "�[2J�31m�bell"),
        ("two\nlines\tand \u202eright to left", "two lines and �right to left"),
    ],
)
def test_text_of_the_service_cannot_steer_the_terminal(text: str, shown: str):
    assert screen.clean(text) == shown


def test_json_stays_json_and_holds_nothing_that_steers_a_terminal(
    capsys: pytest.CaptureFixture[str],
):
    value = {"a": "\x1b[2J\x9b\x7f\u202e é 漢 \U0001f600 \u2028"}
    screen.show_json(value)
    out = capsys.readouterr().out
    assert json.loads(out) == value
    assert out.rstrip("\n").isprintable()
    assert "é 漢" in out


@contextmanager
def terminal(*arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], Any]]:
    """The command line on a terminal of its own, and a function that waits for a text."""
    main, side = pty.openpty()
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "client/python/src"),
        "TERM": "xterm",
        "COLUMNS": "100",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "overtime", *arguments],
        stdin=side,
        stdout=side,
        stderr=side,
        env=environment,
        start_new_session=True,
    )
    os.close(side)
    seen = bytearray()

    def until(text: str, seconds: float = 30) -> str:
        deadline = time.monotonic() + seconds
        while text.encode() not in seen:
            assert time.monotonic() < deadline, seen.decode()
            try:
                seen.extend(os.read(main, 65_536))
            except OSError:  # the terminal is closed once the process has ended
                break
        assert text.encode() in seen, seen.decode()
        return seen.decode()

    try:
        until.write = lambda text: os.write(main, text.encode())  # type: ignore[attr-defined]
        yield process, until
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(main)


def test_a_terminal_sees_the_upload_and_the_job_as_bars(flights: str):
    with terminal("run", *REPORT, "-f", flights) as (process, until):
        seen = until('"rows": 3')
        assert process.wait(30) == 0
    assert "Uploading flights.csv" in seen
    assert re.search("report: succeeded.*100%.*0:00:0", seen, re.S)


@pytest.mark.parametrize(("answer", "code", "status"), [("y\n", 1, "canceled"), ("n\n", 130, "")])
def test_ctrl_c_asks_whether_the_job_is_to_be_canceled(
    service: str, answer: str, code: int, status: str
):
    with receiving(lambda _: slow.done.wait()) as slow:  # it never answers
        with terminal("run", "fetch", "-p", f"url={slow.url}") as (process, until):
            until("fetch: running")
            process.send_signal(signal.SIGINT)
            job = re.findall("[0-9a-f]{32}", until("[y/N]"))[-1]
            until.write(answer)
            until("canceled" if status else "goes on")
            assert process.wait(60) == code
        with Client(service) as client:
            now = client.job(job).refresh()
            assert now.status == (status or "running")
            if not now.finished:
                client.job(job).cancel()
