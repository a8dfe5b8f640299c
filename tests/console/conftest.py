"""`make run` with a browser before it. Every page is watched: it loads nothing from elsewhere, and
neither fails nor complains."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect

from tests.aws import ROOT
from tests.browser import chromium
from tests.deploy.project import Project
from tests.smoke.test_make_run import Run, free_ports

HERE = Path(__file__).parent
CLIENT = os.environ | {"PYTHONPATH": str(ROOT / "client" / "python" / "src")}
SEEN = 15_000  # milliseconds that a change may take to be seen
expect.set_options(timeout=SEEN)

Open = Callable[..., Page]


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """With the task in trial.py beside the stage's own."""
    folder = tmp_path_factory.mktemp("console")
    project = Project(folder / "project")
    (project.folder / ".venv-aws").symlink_to(ROOT / ".venv-aws")
    (project.folder / "chalicelib/tasks/trial.py").write_bytes((HERE / "trial.py").read_bytes())
    api, aws, push = free_ports(3)
    started = Run(folder / "state", api, aws, push, home=project.folder)
    yield started
    started.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def opened(browser: Browser, run: Run) -> Iterator[Open]:
    """Opens a page of the console in a tab of its own. `fails` says that refusals are expected,
    which browsers write to the console."""
    tabs: list[Page] = []
    complaints: list[str] = []
    strange: list[str] = []
    reached = ports(run)

    def open_page(path: str, *, fails: bool = False, **options: Any) -> Page:
        tab = browser.new_page(**{"viewport": {"width": 1200, "height": 900}, **options})
        tabs.append(tab)
        tab.set_default_timeout(SEEN)

        def asked(request: Request) -> None:
            port = request.url.split("/")[2].rpartition(":")[2]
            if not request.url.startswith(("data:", "blob:")) and port not in reached:
                strange.append(request.url)

        def said(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning") and not fails:
                complaints.append(message.text)

        tab.on("request", asked)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("console", said)
        tab.goto(run.url + path)
        return tab

    yield open_page
    for tab in tabs:
        tab.close()
    assert (complaints, strange) == ([], [])


def status_of(page: Page) -> Locator:
    """Of the job whose page it is."""
    return page.locator("main .badge").first


def shell(name: str, snippet: str) -> list[str]:
    """As a person would run it; `overtime` from its sources."""
    if name == "Python":
        return [sys.executable, "-c", snippet]
    return ["bash", "-ec", f'overtime() {{ {sys.executable} -m overtime "$@"; }}\n{snippet}']


def ports(run: Run) -> set[str]:
    """The API's, the bucket's."""
    wanted = run.call("POST", "/uploads", {"size": 1})[2]
    bucket = json.loads(wanted)["upload"]["url"]
    return {url.split("/")[2].rpartition(":")[2] for url in (run.url, bucket)}


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of axe-core, as tests/console/package-lock.json pins it."""
    folder = tmp_path_factory.mktemp("axe")
    for name in ("package.json", "package-lock.json"):
        (folder / name).write_bytes((HERE / name).read_bytes())
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)
    return (folder / "node_modules/axe-core/axe.min.js").read_text()
