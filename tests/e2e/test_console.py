"""The console in Chromium, on the deployed artifact: below the stage's path, with a token."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser import chromium
from tests.e2e.deployed import Deployed
from tests.e2e.http import Client

SEEN = 60_000  # milliseconds that a change may take to be seen
CSV = "carrier,delay\nAA,12\nAA,4\nUA,7\n"


@pytest.fixture(scope="module")
def page(stage: Deployed) -> Iterator[Page]:
    """A tab of the console. It loads nothing from elsewhere, and neither fails nor complains."""
    complaints: list[str] = []
    reached: set[str] = set()
    with chromium() as browser:
        tab = browser.new_page(ignore_https_errors=True)  # the local AWS signs its own certificate
        tab.set_default_timeout(SEEN)
        tab.on("request", lambda request: reached.add(origin(request.url)))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
        yield tab
    reached = {one for one in reached if one.startswith("http")}
    assert (complaints, reached) == ([], {origin(stage.url)})  # the local AWS has the bucket, too


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def enter(page: Page, client: Client) -> None:
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Token").fill(client.token or "")
    dialog.get_by_role("button", name="Continue").click()
    expect(dialog).to_be_hidden()


def test_the_console_submits_a_file_by_form_and_downloads_what_came_of_it(
    stage: Deployed, ada: Client, page: Page, tmp_path: Path
) -> None:
    assert urlsplit(stage.url).path not in ("", "/"), "the stage has a path"
    file = tmp_path / "delays.csv"
    file.write_text(CSV)
    page.goto(f"{stage.url}/")
    enter(page, ada)
    page.get_by_role("link", name="New job").click()
    page.get_by_label("Task").select_option("report")
    page.locator("input[type=file]").set_input_files(file)
    for name, value in (("group_by", "carrier"), ("metrics", "mean(delay)")):
        group = page.get_by_role("group", name=re.compile(f"^{name}"))
        if not group.get_by_role("textbox").count():
            group.get_by_role("button", name="Add").click()
        group.get_by_role("textbox").first.fill(value)
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url(re.compile("#/jobs/"))
    expect(page.locator("main .badge").first).to_have_text("succeeded", timeout=SEEN)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download report.csv").click()
    assert Path(download.value.path()).read_text().splitlines()[1:] == ["AA,8", "UA,7"]
    job = ada.get("/jobs/" + page.url.rpartition("/")[2])
    assert job["params"]["source"].startswith("upload:")


def test_the_api_page_sends_a_request_below_the_path_with_the_token(
    stage: Deployed, ada: Client, page: Page
) -> None:
    page.goto(f"{stage.url}/docs")  # the tab still has the token, by the test before or by this one
    page.get_by_role("heading", name="API", exact=True).wait_for()
    if page.get_by_role("dialog").count():
        enter(page, ada)
    page.get_by_role("button", name="Try it GET /jobs", exact=True).click()
    form = page.get_by_role("form", name="Try GET /jobs", exact=True)
    with page.expect_request(re.compile(r"/jobs$")) as asked:
        form.get_by_role("button", name="Send").click()
    assert asked.value.url == f"{stage.url}/jobs"
    assert asked.value.header_value("Authorization") == f"Bearer {ada.token}"
    body = form.get_by_role("region", name="Body of the answer")
    expect(body).to_contain_text(ada.get("/jobs?limit=1")["jobs"][0]["id"], timeout=SEEN)
