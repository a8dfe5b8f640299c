"""Questions of jobs, by both Python clients and the command line, against the running service."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from overtime import AsyncClient, Client, errors
from overtime.client import JobHandle
from overtime.command.main import run_app
from overtime.decisions import Decisions, Tracked
from overtime.exchange import Exchange
from overtime.steps import Answer, Broken, Send, Sleep
from tests.aws import ROOT
from tests.clients.running import running
from tests.deploy.project import Project

TASK = """
from dataclasses import dataclass

from chalicelib.tasks import Job, task


@dataclass
class Approval:
    approved: bool
    by: str = ""


@task("album", asks={"publish": Approval})
def album(job: Job) -> str:
    answer: Approval = job.ask("publish", prompt="Publish 12 pages?", timeout=600)
    return f"published for {answer.by}" if answer.approved else "kept"
"""


@dataclass
class Approval:
    approved: bool
    by: str = ""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a service with a task that asks."""
    folder = tmp_path_factory.mktemp("answers")
    project = Project(folder / "project")
    project.path("chalicelib/tasks/album.py").write_text(TASK)
    (project.folder / ".venv-aws").symlink_to((ROOT / ".venv-aws").resolve())
    with running(folder / "state", project.folder) as url:
        yield url


def asking(client: Client) -> JobHandle:
    handle = client.submit("album")
    for _ in range(100):
        if handle.refresh().waits_for:
            return handle
        client.driver.perform(Sleep(0.2))
    raise AssertionError(handle.job)


def test_a_question_is_seen_and_answered(url: str):
    with Client(url) as client:
        handle = asking(client)
        assert handle.job is not None
        assert handle.job.waits_for is not None
        [question] = handle.job.waits_for.answers
        assert (question.step, question.prompt) == ("publish", "Publish 12 pages?")
        assert "Approval" in question.schema["$defs"]
        with pytest.raises(errors.Refused, match="/approved"):
            handle.answer("publish", {"approved": "yes"})
        handle.answer(question.step, Approval(True, "Ada"))
        handle.answer(question.step, Approval(True, "Ada"))
        assert handle.result(timeout=60) == "published for Ada"
        with pytest.raises(errors.Refused) as refused:
            handle.answer(question.step, Approval(False))
    assert refused.value.slug == "already-answered"


def test_the_async_client_answers_too(url: str):
    async def all_of_it() -> Any:
        with Client(url) as watching:
            job_id = asking(watching).id
        async with AsyncClient(url) as client:
            handle = client.job(job_id)
            await handle.answer("publish", {"approved": False})
            return await handle.result(timeout=60)

    assert asyncio.run(all_of_it()) == "kept"


def test_the_command_line_shows_a_question_and_answers_it(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OVERTIME_URL", url)
    with Client(url) as client:
        handle = asking(client)
    assert run_app(["status", handle.id]) == 0
    shown = capsys.readouterr().out
    assert "asks\tpublish: Publish 12 pages?\n" in shown
    assert 'answer\t{"approved": boolean, "by"?: string}\n' in shown
    assert run_app(["answer", handle.id, "publish", "yes"]) == 2
    assert "'\"yes\"'" in capsys.readouterr().err
    given = ["answer", handle.id, "publish", '{"approved": true, "by": "Bob"}']
    assert run_app(given) == 0
    assert capsys.readouterr() == ("", "")
    with monkeypatch.context() as terminal:
        terminal.setattr(sys.stderr, "isatty", lambda: True)
        assert run_app(given) == 0
    watch = f"To watch it: overtime wait {handle.id}"
    assert capsys.readouterr() == ("", f"overtime: job {handle.id} has the answer. ({watch})\n")
    assert run_app(["wait", handle.id]) == 0
    assert capsys.readouterr().out == '"published for Bob"\n'


@pytest.mark.parametrize("value", [{"approved": True}, "yes", 0, False, None])
def test_an_answer_is_sent_as_it_is_and_again_while_none_came(value: Any):
    http = Exchange("https://jobs.example.com", None, 60.0, lambda: 0.0, lambda: 0.5)
    steps = Decisions(http, lambda: "key").answer(Tracked("j1"), "publish", value)
    first = next(steps)
    assert isinstance(steps.throw(Broken("cut", connected=True)), Sleep)
    second = steps.send(None)
    assert isinstance(first, Send)
    assert first == second
    assert (first.method, first.url) == ("POST", f"{http.base}/jobs/j1/answers/publish")
    assert msgspec.json.decode(bytes(first.body)) == value  # type: ignore[arg-type]
    with pytest.raises(StopIteration):
        steps.send(Answer(204, {}))
