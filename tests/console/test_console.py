"""The console in Chromium, against `make run` with a task of the tests' own."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.console.conftest import CLIENT, SEEN, Open, shell, status_of
from tests.smoke.test_make_run import Run

HOSTILE = """<img src=x onerror="document.title='owned'">"'`&amp;{{x}}</script>"""
TEXT = re.compile("^text ")
RUNNING = 3  # of a thousand jobs
PROGRESS_SEEN = """() => { window.seen = new Set(); setInterval(() => {
  for (const bar of document.querySelectorAll('progress')) seen.add(bar.value); }, 20); }"""


def submit(run: Run, params: dict[str, Any]) -> str:
    status, _, body = run.call("POST", "/jobs", {"task": "trial", "params": params})
    assert status == 202, body
    return str(json.loads(body)["id"])


def ended(run: Run, params: dict[str, Any]) -> str:
    job = submit(run, params)
    run.wait_for(lambda: run.get(f"/jobs/{job}")["finished_at"])
    return job


def test_a_form_submits_a_file_and_the_job_is_watched_to_its_end(
    run: Run, opened: Open, tmp_path: Path
) -> None:
    page = opened("/")
    page.get_by_role("link", name="New job").click()
    page.get_by_label("Task").select_option("trial")
    page.evaluate(PROGRESS_SEEN)
    page.get_by_label(TEXT).fill("hello")
    page.get_by_label(re.compile("^steps")).fill("12")
    page.get_by_role("group", name=re.compile("^shape")).get_by_label("Kind").select_option(
        "Square"
    )
    page.get_by_role("group", name=re.compile("^shape")).get_by_label(re.compile("edge")).fill("7")
    page.get_by_role("group", name=re.compile("^notes")).get_by_role("button", name="Add").click()
    page.get_by_label("Name 1").fill("a")
    page.get_by_label("Value of a").fill("3")
    source = page.get_by_role("group", name=re.compile("^source"))
    source.get_by_label("Kind").select_option(index=1)
    large = tmp_path / "large.csv"
    large.write_bytes(b"a,b\n" * 4_000_000)
    source.locator("input[type=file]").set_input_files(large)
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url(re.compile("#/jobs/"))
    expect(status_of(page)).to_have_text("succeeded")
    assert len(page.evaluate("[...seen]")) > 3, "progress moved"
    job = run.get("/jobs/" + page.url.rpartition("/")[2])
    assert job["params"]["shape"] == {"type": "square", "edge": 7}
    assert (job["params"]["notes"], job["params"]["steps"]) == ({"a": 3}, 12)
    assert job["params"]["source"].startswith("upload:")
    expect(page.get_by_role("log")).to_contain_text("11: hello")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download trial.txt").click()
    assert Path(download.value.path()).read_text() == "hello"


def test_what_the_service_refuses_is_said_at_its_field(opened: Open) -> None:
    page = opened("/#/new/trial", fails=True)
    page.get_by_label(TEXT).fill("hello")
    page.get_by_role("group", name=re.compile("^source")).get_by_label("Kind").select_option(
        index=1
    )
    page.get_by_placeholder("or upload:…").fill("upload:nothing")
    page.locator("input[type=file]").evaluate("input => input.required = false")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("alert")).to_contain_text("/params/source")
    expect(page.locator("[aria-invalid=true]").first).to_be_visible()


@pytest.mark.parametrize("name", ["curl", "Python", "Command line"])
def test_a_snippet_submits_what_the_form_says(
    run: Run, opened: Open, tmp_path: Path, name: str
) -> None:
    (tmp_path / "a b.csv").write_text("a,b\n")
    page = opened("/#/new/trial")
    page.get_by_label(TEXT).fill("it's")
    source = page.get_by_role("group", name=re.compile("^source"))
    source.get_by_label("Kind").select_option(index=1)
    source.locator("input[type=file]").set_input_files(tmp_path / "a b.csv")
    page.get_by_role("tab", name=name).click()
    text = page.get_by_role("tabpanel").locator("pre").inner_text()
    before = {job["id"] for job in run.get("/jobs")["jobs"]}
    subprocess.run(shell(name, text), cwd=tmp_path, env=CLIENT, check=True, timeout=60)
    [made] = [job["id"] for job in run.get("/jobs")["jobs"] if job["id"] not in before]
    params = run.get(f"/jobs/{made}")["params"]
    assert params.pop("source").startswith("upload:")
    assert params == {"text": "it's"}


def test_a_job_is_canceled_retried_and_erased(run: Run, opened: Open) -> None:
    job = submit(run, {"text": "long", "steps": 600})
    page = opened(f"/#/jobs/{job}", fails=True)
    expect(status_of(page)).to_have_text("running")
    page.get_by_role("button", name="Cancel").click()
    expect(status_of(page)).to_have_text("canceled")
    page.get_by_role("button", name="Retry").click()
    expect(status_of(page)).to_have_text("running")
    page.get_by_role("button", name="Cancel").click()
    expect(status_of(page)).to_have_text("canceled")
    page.get_by_role("button", name="Erase").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert run.get(f"/jobs/{job}")["status"] == "canceled"
    page.get_by_role("button", name="Erase").click()
    page.get_by_role("dialog").get_by_role("button", name="Erase").click()
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_focused()
    assert run.call("GET", f"/jobs/{job}")[0] == 404


def test_a_deep_link_and_a_reload_lead_to_the_same_view(run: Run, opened: Open) -> None:
    job = ended(run, {"text": "deep", "steps": 1})
    page = opened(f"/#/jobs/{job}")
    for _ in range(2):
        expect(status_of(page)).to_have_text("succeeded")
        expect(page.get_by_role("region", name="Result as JSON")).to_contain_text("deep")
        page.reload()
    page.goto(f"{run.url}/#/?status=failed&task=trial")
    page.reload()
    expect(page.get_by_label("Status")).to_have_value("failed")
    expect(page.get_by_label("Task")).to_have_value("trial")


def test_the_list_tells_of_new_jobs_and_of_changes(run: Run, opened: Open) -> None:
    page = opened("/")
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    job = submit(run, {"text": "live", "steps": 40})
    row = page.locator(f"a[href='#/jobs/{job}']")
    expect(row.locator("progress")).to_be_visible()
    expect(row.locator(".badge")).to_have_text("succeeded")


@pytest.mark.parametrize("end", ["succeed", "fail", "back off"])
def test_hostile_text_is_shown_as_text(run: Run, opened: Open, end: str) -> None:
    params = {"text": HOSTILE, "end": end, "steps": 2, "notes": {HOSTILE: 1}}
    job = submit(run, params)
    page = opened(f"/#/jobs/{job}", fails=True)
    expect(status_of(page)).to_have_text(re.compile("succeeded|failed|queued"))
    expect(page.get_by_role("log")).to_contain_text(f"1: {HOSTILE}")
    expect(page.get_by_role("region", name="Params as JSON")).to_contain_text("onerror")
    page.get_by_role("link", name="Submit again").click()
    expect(page.get_by_label(TEXT)).to_have_value(HOSTILE)
    expect(page.get_by_role("tabpanel")).to_contain_text("onerror")
    page.goto(f"{run.url}/?{HOSTILE}#/new/{HOSTILE}?from={HOSTILE}")
    expect(page.get_by_role("alert").first).to_be_visible()
    page.goto(f"{run.url}/#/jobs/{job}")
    assert page.locator("main img, main b").count() == 0
    assert "owned" not in page.title()


@pytest.fixture
def thousand(run: Run, opened: Open) -> Page:
    """The list with a thousand young jobs, three of which run. Its clock stands still."""
    model = run.get(f"/jobs/{ended(run, {'text': 'model', 'steps': 1})}")
    then = datetime.now(UTC)
    running = {"status": "running", "started_at": then.isoformat(), "finished_at": None}
    jobs = [
        {**model, "id": f"{number:032x}", "created_at": then.isoformat()}
        | (running if number < RUNNING else {})
        for number in range(1_000)
    ]
    page = opened("/docs", fails=True)  # what is watched is not known to the service

    def answer(route: Any) -> None:
        start = int((re.findall(r"cursor=(\d+)", route.request.url) or ["0"])[0])
        limit = int(re.findall(r"limit=(\d+)", route.request.url)[0])
        more = start + limit < len(jobs)
        following = f"{run.url}/jobs?cursor={start + limit}" if more else None
        route.fulfill(json={"jobs": jobs[start : start + limit], "next": following})

    page.route(re.compile(r"/jobs\?"), answer)
    page.clock.install(time=then)
    page.goto(f"{run.url}/#/")
    rows = page.locator(".jobs li")
    expect(rows.first).to_be_visible()
    while (before := rows.count()) < len(jobs):
        page.mouse.wheel(0, 100_000)
        page.wait_for_function("n => document.querySelectorAll('.jobs li').length > n", arg=before)
    page.clock.pause_at(then + timedelta(seconds=45))
    return page


def test_a_thousand_jobs_are_laid_out_only_where_they_are_seen(thousand: Page) -> None:
    drawn = thousand.evaluate(
        """() => [...document.querySelectorAll('.jobs .task')].filter(
          one => one.checkVisibility({contentVisibilityAuto: true})).length"""
    )
    assert 0 < drawn < 100


@pytest.mark.parametrize(("seconds", "changed"), [(2, RUNNING), (60, 1_000)])
def test_the_clock_changes_only_rows_that_read_differently(
    thousand: Page, seconds: int, changed: int
) -> None:
    thousand.evaluate(
        """() => { window.changed = new Set();
          const rowOf = node => (node.nodeType === 1 ? node : node.parentElement).closest('li');
          const note = all => all.forEach(one => changed.add(rowOf(one.target)));
          const everything = {subtree: true, childList: true, characterData: true};
          new MutationObserver(note).observe(document.querySelector('.jobs'), everything); }"""
    )
    thousand.clock.run_for(seconds * 1_000)
    thousand.wait_for_function("n => changed.size >= n", arg=changed)
    assert thousand.evaluate("changed.size") == changed


def test_a_cut_websocket_is_restored(run: Run, opened: Open) -> None:
    job = submit(run, {"text": "cut", "steps": 40})
    page = opened("/docs", fails=True)
    sockets: list[WebSocketRoute] = []

    def connect(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    page.route_web_socket(re.compile("ticket="), connect)
    page.goto(f"{run.url}/#/jobs/{job}")
    expect(page.locator("progress")).to_be_visible()
    while not sockets:
        page.wait_for_timeout(50)
    sockets[0].close()
    while len(sockets) < 2:
        page.wait_for_timeout(50)
    expect(status_of(page)).to_have_text("succeeded", timeout=2 * SEEN)


def test_without_a_connection_the_page_says_so_and_goes_on_afterwards(
    run: Run, opened: Open
) -> None:
    page = opened("/", fails=True)
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    page.context.set_offline(True)
    expect(page.get_by_text("No connection to the service")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("No connection to the service")).to_be_hidden()


def test_the_api_page_tries_a_call(opened: Open) -> None:
    page = opened("/docs")
    page.get_by_role("button", name="Try it GET /health").click()
    trial = page.get_by_role("form", name="Try GET /health")
    trial.get_by_role("button", name="Send").click()
    expect(trial.get_by_role("region", name="Body of the answer")).to_contain_text('"status": "ok"')
    page.get_by_role("button", name="Try it POST /jobs", exact=True).click()
    form = page.get_by_role("form", name="Try POST /jobs", exact=True)
    form.get_by_label("Kind").first.select_option("SubmitTrial")
    form.get_by_label(TEXT).fill("from the docs")
    form.get_by_role("button", name="Send").click()
    expect(form.get_by_role("region", name="Body of the answer")).to_contain_text('"task": "trial"')


@pytest.mark.parametrize(("path", "heading"), [("/", "Jobs"), ("/docs", "API")])
def test_all_that_a_first_visit_loads_is_small(
    run: Run, opened: Open, path: str, heading: str
) -> None:
    page = opened(path)
    expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    loaded = page.evaluate(
        """() => performance.getEntries().filter(one => one.entryType === 'navigation'
          || (one.entryType === 'resource' && /console\\//.test(one.name)))
          .map(one => [one.name, one.encodedBodySize + 300])"""  # and its headers
    )
    assert len(loaded) > 8
    assert sum(size for _, size in loaded) < 60_000, loaded
