"""The JavaScript client, as npm installs it: alone, and in Node and Chromium with the service."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, WebSocketRoute

from chalicelib import __version__
from chalicelib.http.console import CLIENT
from tests.aws import ROOT
from tests.browser import chromium
from tests.clients.test_clients import run
from tests.proxy import proxying

HERE = Path(__file__).parent
PACKAGE = ROOT / "client" / "javascript"
EVERY_FAULT = ["ok", "lose", "half", "cut", "429:1", "503:1", "delay:0.3"]
NODE = ("node", "--experimental-websocket", "--no-warnings")  # Node 22 has WebSocket without it
TYPES = "--target es2022 --module nodenext --lib es2022,dom,dom.iterable,dom.asynciterable"


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `npm pack` makes of a copy of the sources: it leaves files beside them."""
    copy = tmp_path_factory.mktemp("sources")
    inside = copy / PACKAGE.relative_to(ROOT)
    shutil.copytree(PACKAGE, inside)
    shutil.copytree(CLIENT.parent, copy / CLIENT.parent.relative_to(ROOT))
    shutil.copy(ROOT / "LICENSE", copy)
    run("npm", "pack", "./client/javascript", cwd=copy)
    [packed] = copy.glob("*.tgz")
    return packed


@pytest.fixture(scope="module")
def folder(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Has the package installed, TypeScript, and what tests them."""
    made = tmp_path_factory.mktemp("project")
    shutil.copytree(HERE / "javascript", made, dirs_exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, made)
    run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=made)
    run("npm", "install", "--no-save", "--no-audit", "--no-fund", str(tarball), cwd=made)
    return made


def node(*arguments: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [*NODE, *arguments],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_module_is_small() -> None:
    assert len(gzip.compress(CLIENT.read_bytes())) < 8 * 1024
    assert len(CLIENT.read_text().splitlines()) <= 450


def test_the_package_is_of_this_version_and_works_in_an_empty_folder(
    tarball: Path, tmp_path: Path
) -> None:
    run("npm", "install", "--offline", "--no-audit", "--no-fund", str(tarball), cwd=tmp_path)
    installed = tmp_path / "node_modules" / "overtime-client"
    names = {path.name for path in installed.iterdir()}
    documents = {"README.md", "CHANGELOG.md", "LICENSE"}
    assert names == {"package.json", "overtime.js", "overtime.d.ts", *documents}
    assert json.loads((installed / "package.json").read_text())["version"] == __version__
    assert (installed / "overtime.js").read_bytes() == CLIENT.read_bytes()
    code = "import * as all from 'overtime-client'; console.log(Object.keys(all).join())"
    (tmp_path / "try.mjs").write_text(code)
    exports = set(node("try.mjs", cwd=tmp_path).strip().split(","))
    declared = re.findall(r"^export class (\w+)", (PACKAGE / "overtime.d.ts").read_text(), re.M)
    assert exports == set(declared)


def test_the_client_decides_right_whatever_the_service_answers(folder: Path) -> None:
    said = node("--test", "requests.test.mjs", "updates.test.mjs", cwd=folder)
    assert "# fail 0" in said
    assert int(re.findall(r"^# pass (\d+)", said, re.M)[0]) >= 45


def test_typescript_knows_every_export(folder: Path) -> None:
    run("npx", "tsc", "--noEmit", "--strict", *TYPES.split(), "example.ts", cwd=folder)


def test_the_module_keeps_to_its_own_types(folder: Path) -> None:
    """TypeScript takes the members of an optional argument from its default, which has none."""
    source = re.sub(r"= \{\}(?=[,)])", "= /** @type {any} */ ({})", CLIENT.read_text())
    (folder / "checked.mjs").write_text(source)
    checks = ("--noEmit", "--allowJs", "--checkJs", *TYPES.split())
    run("npx", "tsc", *checks, "checked.mjs", cwd=folder)


def test_in_node_no_job_comes_twice_and_none_is_lost(folder: Path, service: str) -> None:
    with proxying(service, EVERY_FAULT, rate=0.25, seed=1) as proxy:
        node("--test", "integration.test.mjs", cwd=folder, SERVICE=proxy.url, DIRECT=service)
        met = {one.fault for one in proxy.faults.seen}
    assert met >= set(EVERY_FAULT)


@pytest.fixture
def page(service: str) -> Iterator[Page]:
    with chromium() as browser:
        opened = browser.new_page()
        opened.goto(f"{service}/health")
        yield opened


def spoil(page: Page) -> dict[str, int]:
    """Every third call meets a fault; every other WebSocket is cut after its first message."""
    seen = {"calls": 0, "sockets": 0}

    def call(route: Route) -> None:
        seen["calls"] += 1
        match seen["calls"] % 12:
            case 3:
                route.fetch()  # carried out, and its answer lost
                route.abort("connectionreset")
            case 6:
                route.fulfill(status=503, headers={"Retry-After": "1"}, body="{}")
            case 9:
                route.abort("connectionrefused")
            case _:
                route.continue_()

    def socket(route: WebSocketRoute) -> None:
        seen["sockets"] += 1
        lives = seen["sockets"] % 2 == 0
        server = route.connect_to_server()

        def hand_on(message: Any) -> None:
            route.send(message)
            if not lives:
                route.close()

        server.on_message(hand_on)

    page.route(re.compile(r"/(jobs|uploads|tickets)"), call)
    page.route_web_socket(re.compile("."), socket)
    return seen


@pytest.mark.parametrize("spoiled", [False, True])
def test_a_page_uploads_watches_and_downloads(page: Page, spoiled: bool) -> None:
    seen = spoil(page) if spoiled else {}
    done = page.evaluate((HERE / "javascript" / "page.js").read_text())
    statuses = [state["status"] for state in done["states"]]
    assert statuses.count("succeeded") == 2
    times = [(state["created_at"], state["updated_at"]) for state in done["states"]]
    assert times == sorted(times)
    assert done["loaded"][0] == 0
    assert done["loaded"][-1] == done["size"]
    assert done["loaded"] == sorted(done["loaded"])
    assert (done["result"]["rows"], done["csv"].splitlines()) == (
        400_000,
        ["carrier,count", "AA,400000"],
    )
    assert done["refusal"] == ["Refused", "/problems/invalid-request"]
    assert not spoiled or seen["sockets"] > 1, seen


def examples(page: Path, language: str, service: str) -> list[str]:
    section = page.read_text().partition("## JavaScript\n")[2] or page.read_text()
    section = re.split(r"^## ", section, flags=re.M)[0]
    found = re.findall(rf"^```{language}\n(.*?)^```$", section, re.M | re.S)
    return [one.replace("http://127.0.0.1:8000", service) for one in found]


@pytest.mark.parametrize("page", [ROOT / "docs" / "client.md", PACKAGE / "README.md"])
def test_the_examples_of_the_documentation_run(page: Path, folder: Path, service: str) -> None:
    (folder / "flights.csv").write_text("carrier,delay\nAA,12\nAA,4\nUA,7\n")
    (folder / "examples.mjs").write_text("".join(examples(page, "js", service)))
    shown = node("examples.mjs", cwd=folder)
    assert "rows: 3" in shown or "rows: 2" in shown
    assert page == PACKAGE / "README.md" or "422 /problems/invalid-request" in shown


def test_the_page_of_the_documentation_shows_the_result(
    page: Page, service: str, tmp_path: Path
) -> None:
    [html] = examples(ROOT / "docs" / "client.md", "html", service)
    (tmp_path / "flights.csv").write_text("carrier,delay\nAA,12\n")
    page.set_content(html)
    page.set_input_files("input", tmp_path / "flights.csv")
    page.wait_for_function("document.querySelector('output').value.includes('\"rows\":1')")
    assert page.evaluate("document.querySelector('progress').value") == 100
