"""A stage that needs a token: the page asks for it, and for another one where that ends."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.aws import ROOT
from tests.console.conftest import status_of
from tests.issuer import AUDIENCE, running
from tests.smoke.test_make_run import Run, free_ports, send

Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts `make run` with these settings; commands of the project reach it."""
    started: list[Run] = []

    def start_run(**settings: str) -> Run:
        api, aws, push = free_ports(3)
        ports = {"PORT": api, "AWS_PORT": aws, "WS_PORT": push}
        for name, value in {**ports, "STATE": tmp_path / "state", **settings}.items():
            monkeypatch.setenv(name, str(value))
        started.append(Run(tmp_path / "state", api, aws, push))
        return started[-1]

    yield start_run
    for run in started:
        run.stop()


def tokens(*arguments: str) -> str:
    command = [sys.executable, "-m", "ops.tokens", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def issued() -> str:
    [token] = re.findall(r"ot_\S+", tokens("issue", "local", "ada"))
    return str(token)


def enter(page: Page, token: str) -> None:
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Token").fill(token)
    dialog.get_by_role("button", name="Continue").click()
    expect(dialog).to_be_hidden()


def filled_in(browser: Browser, run: Run, token: str) -> Page:
    """A page with a form that awaits its submit."""
    page = browser.new_context().new_page()
    page.goto(f"{run.url}/#/new/fetch")
    enter(page, token)
    page.get_by_label(re.compile("^url")).fill(f"{run.url}/health")
    return page


def submit_with_another(page: Page, token: str) -> None:
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("heading", name="The token is no longer valid")).to_be_visible()
    enter(page, token)
    page.wait_for_url(re.compile("#/jobs/"))
    expect(status_of(page)).to_have_text("succeeded")


def test_when_a_token_is_revoked_the_page_asks_for_another_and_goes_on(
    browser: Browser, start: Start
) -> None:
    run = start(AUTH="tokens")
    page = filled_in(browser, run, issued())
    [name] = re.findall(r"^(\S+) +ada", tokens("list", "local"), re.MULTILINE)
    tokens("revoke", "local", name)
    submit_with_another(page, issued())
    page.reload()
    expect(status_of(page)).to_have_text("succeeded")
    other = page.context.new_page()
    other.goto(run.url)
    expect(other.get_by_role("dialog")).to_be_visible()  # a token is of its tab alone
    page.get_by_role("button", name="Forget token").click()
    expect(page.get_by_role("heading", name="This stage needs a token")).to_be_visible()
    page.context.close()


def test_when_a_token_expires_the_page_asks_for_another_and_goes_on(
    browser: Browser, start: Start
) -> None:
    with running() as issuer:
        run = start(AUTH="jwt", JWT_ISSUER=issuer.url, JWT_AUDIENCE=AUDIENCE)
        token = issuer.token(exp=int(time.time()))  # good for the leeway of 10 seconds
        credentials = {"Authorization": f"Bearer {token}"}
        page = filled_in(browser, run, token)
        run.wait_for(lambda: send("GET", f"{run.url}/jobs", None, credentials)[0] == 401)
        submit_with_another(page, issuer.token())
        page.context.close()
