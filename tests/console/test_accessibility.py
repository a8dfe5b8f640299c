"""axe-core finds nothing, in any view, in either scheme; and all can be done by keyboard."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

import pytest
from playwright.sync_api import Route, expect

from tests.console.conftest import Open
from tests.smoke.test_make_run import Run

# What axe cannot decide counts, too. It cannot see lines that are scrolled out of sight.
FINDINGS = """() => {
  document.querySelectorAll('.log, pre, nav').forEach(one => { one.style.maxHeight = 'none'; });
  return axe.run(document, {resultTypes: ['violations', 'incomplete']}).then(
    found => [...found.violations, ...found.incomplete].flatMap(one => one.nodes
      .map(node => [one.id, node.html, node.failureSummary]))); }"""

NIGHTLY = {"cron": "30 2 * * *", "timezone": "Asia/Tokyo", "task": "trial", "params": {"text": "a"}}


@pytest.fixture(scope="module")
def jobs(run: Run) -> dict[str, str]:
    ends = {}
    for end in ("succeed", "fail", "back off"):
        params = {"text": end, "end": end, "steps": 2, "notes": {"a": 1}, "to": {"town": "Oslo"}}
        ends[end] = submitted(run, params)
    run.wait_for(lambda: all(run.get(f"/jobs/{one}")["error"] for one in list(ends.values())[1:]))
    ends["running"] = submitted(run, {"text": "runs", "steps": 600})
    run.wait_for(lambda: run.get(f"/jobs/{ends['running']}")["progress"])
    for waits, sleep in (("asks", 0), ("sleeps", 3_000)):
        ends[waits] = submitted(run, {"sleep": sleep}, "trial-ask")
        run.wait_for(lambda waits=waits: run.get(f"/jobs/{ends[waits]}")["waits_for"])
    ends["family"] = submitted(run, {"ends": ["succeed", "fail", "back off"]}, "trial-family")
    run.wait_for(lambda: (run.get(f"/jobs/{ends['family']}")["children"] or {}).get("failed"))
    return ends


def submitted(run: Run, params: Any, task: str = "trial") -> str:
    return str(json.loads(run.call("POST", "/jobs", {"task": task, "params": params})[2])["id"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_view(
    run: Run, opened: Open, axe: str, jobs: dict[str, str], scheme: Literal["light", "dark"]
) -> None:
    assert run.call("PUT", "/schedules/nightly", NIGHTLY)[0] in (200, 201)
    views = {
        "/#/": "Jobs",
        "/#/?status=canceled": "No job matches these filters",
        "/#/new": "New job",
        "/#/new/trial": "The same by a program",
        f"/#/new/trial?from={jobs['succeed']}": "The same by a program",
        "/#/new/report": "The same by a program",
        "/#/jobs/nothing": "There is no such job",
        "/#/schedules": "nightly",
        "/#/schedule": "New schedule",
        "/#/schedules/nightly": "nightly",
        "/docs": "API",
        **{f"/#/jobs/{job}": "Params" for job in jobs.values()},
    }
    page = opened("/docs", fails=True, color_scheme=scheme)
    found = {}
    for path, heading in views.items():
        page.goto("about:blank")
        page.goto(run.url + path)
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        for summary in page.locator("summary").all()[:6]:
            summary.click()
        page.evaluate(axe)
        found[path] = page.evaluate(FINDINGS)
    page.goto(f"{run.url}/#/jobs/{jobs['succeed']}")
    page.get_by_role("button", name="Erase").click()
    page.evaluate(axe)
    found["a question"] = page.evaluate(FINDINGS)
    assert {path: findings for path, findings in found.items() if findings} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_question_for_a_token_nor_in_errors(
    run: Run, opened: Open, axe: str, scheme: Literal["light", "dark"]
) -> None:
    def guard(route: Route) -> None:
        """The page as a stage with tokens sends it."""
        response = route.fetch()
        body = response.text().replace('data-auth="open"', 'data-auth="tokens"')
        route.fulfill(response=response, body=body)

    problem = {"title": "The service is busy", "detail": "Try again.", "status": 400}
    page = opened("/docs", fails=True, color_scheme=scheme)
    page.route(re.compile(r"/jobs\?"), lambda route: route.fulfill(status=400, json=problem))
    asked: list[Route] = []
    page.route(f"{run.url}/tasks", lambda route: asked.append(route))
    found = {}
    page.goto(f"{run.url}/#/")
    expect(page.get_by_role("alert")).to_contain_text("The service is busy")
    page.context.set_offline(True)
    asked[0].fulfill(json={"tasks": [{"name": "late"}]})  # it was asked before the loss
    expect(page.get_by_role("option", name="late")).to_be_attached()
    expect(page.get_by_text("No connection to the service")).to_be_visible()
    page.evaluate(axe)
    found["errors"] = page.evaluate(FINDINGS)
    page.context.set_offline(False)
    page.unroute(f"{run.url}/tasks")
    page.route(f"{run.url}/", guard)
    page.reload()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.evaluate(axe)
    found["the question"] = page.evaluate(FINDINGS)
    assert found == {"errors": [], "the question": []}


@pytest.mark.parametrize("width", [360, 768, 1_440])
def test_no_view_is_wider_than_the_window(
    run: Run, opened: Open, jobs: dict[str, str], width: int
) -> None:
    page = opened("/docs", viewport={"width": width, "height": 900})
    run.call("PUT", "/schedules/nightly", NIGHTLY)
    for path in (
        "/#/",
        "/#/schedules",
        "/#/schedule",
        "/#/new/trial",
        *(f"/#/jobs/{jobs[one]}" for one in ("back off", "asks", "family")),
        "/docs",
    ):
        page.goto("about:blank")
        page.goto(run.url + path)
        expect(page.locator("h1")).to_be_visible()
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_a_job_is_reached_and_submitted_again_by_keyboard(
    run: Run, opened: Open, jobs: dict[str, str]
) -> None:
    page = opened("/#/?task=trial&status=succeeded")
    row = page.locator(f"a[href='#/jobs/{jobs['succeed']}']")
    expect(row).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_be_focused()
    for _ in range(3):  # two filters, then the first job
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="trial")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Submit again")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="New job")).to_be_focused()


def test_a_question_is_answered_by_keyboard(run: Run, opened: Open) -> None:
    job = submitted(run, {}, "trial-ask")
    page = opened(f"/#/jobs/{job}")
    expect(page.get_by_role("heading", name="Question: publish")).to_be_visible()
    page.get_by_role("button", name="Copy id").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_label(re.compile("^approved"))).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.type("Ada")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your answer to publish was taken")).to_be_visible()
    run.wait_for(lambda: run.get(f"/jobs/{job}")["result"])
    assert run.get(f"/jobs/{job}")["result"] == {"approved": True, "by": "Ada"}
