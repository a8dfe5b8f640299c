"""Jobs that wait, in Chromium: questions are answered by a form, and children are shown."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.console.conftest import CLIENT, Open, shell, status_of
from tests.smoke.test_make_run import Run

ANSWER = {"approved": True, "by": "Ada"}


def submit(run: Run, task: str, params: dict[str, Any]) -> str:
    status, _, body = run.call("POST", "/jobs", {"task": task, "params": params})
    assert status == 202, body
    return str(json.loads(body)["id"])


def asking(run: Run) -> str:
    """A job that asks its question now."""
    job = submit(run, "trial-ask", {})
    run.wait_for(lambda: run.get(f"/jobs/{job}")["waits_for"])
    return job


def fill(page: Page, by: str) -> None:
    form = page.get_by_role("form", name="Answer to publish")
    form.get_by_label(re.compile("^approved")).check()
    form.get_by_label(re.compile("^by")).fill(by)
    form.get_by_role("button", name="Answer").click()


def freeze(page: Page, url: str) -> None:
    """The page keeps the job as it is now, like one whose updates are late."""
    page.route_web_socket(re.compile("ticket="), lambda socket: None)
    response = page.request.get(url)
    body = response.text()

    def answer(route: Route) -> None:
        route.fulfill(body=body, content_type="application/json", headers={"ETag": '"1"'})

    page.route(url, answer)


def test_a_question_is_answered_and_the_job_goes_on(run: Run, opened: Open) -> None:
    job = asking(run)
    page = opened(f"/#/jobs/{job}")
    expect(page.get_by_role("heading", name="Question: publish")).to_be_visible()
    expect(page.get_by_text("Publish 12 pages?")).to_be_visible()
    expect(page.get_by_text(re.compile("^Open until"))).to_be_visible()
    fill(page, "Ada")
    expect(page.get_by_text("Your answer to publish was taken")).to_be_visible()
    expect(status_of(page)).to_have_text("succeeded")
    expect(page.get_by_role("form", name="Answer to publish")).to_be_hidden()
    assert run.get(f"/jobs/{job}")["result"] == ANSWER
    expect(page.get_by_role("img", name=re.compile("^Timeline: .*suspended"))).to_be_visible()


def test_an_answer_that_does_not_fit_is_said_at_its_field(run: Run, opened: Open) -> None:
    job = asking(run)
    page = opened(f"/#/jobs/{job}", fails=True)
    fill(page, "A")
    expect(page.get_by_role("alert")).to_contain_text("/by")
    expect(page.get_by_label(re.compile("^by"))).to_be_focused()
    fill(page, "Ada")
    expect(status_of(page)).to_have_text("succeeded")


def test_another_answer_that_came_first_is_said_and_the_second_is_not_lost_in_silence(
    run: Run, opened: Open
) -> None:
    job = asking(run)
    page = opened("/docs", fails=True)
    freeze(page, f"{run.url}/jobs/{job}")
    page.goto(f"{run.url}/#/jobs/{job}")
    expect(page.get_by_role("heading", name="Question: publish")).to_be_visible()
    assert run.call("POST", f"/jobs/{job}/answers/publish", ANSWER)[0] == 204
    fill(page, "Grace")
    expect(page.get_by_text("Your answer to publish was not taken")).to_be_visible()
    expect(page.get_by_text("'publish' has another answer")).to_be_visible()
    run.wait_for(lambda: run.get(f"/jobs/{job}")["finished_at"])
    assert run.get(f"/jobs/{job}")["result"] == ANSWER


@pytest.mark.parametrize("name", ["curl", "Python", "Command line"])
def test_a_snippet_gives_the_answer_of_the_form(run: Run, opened: Open, name: str) -> None:
    job = asking(run)
    page = opened(f"/#/jobs/{job}")
    form = page.get_by_role("form", name="Answer to publish")
    form.get_by_label(re.compile("^approved")).check()
    form.get_by_label(re.compile("^by")).fill("it's")
    page.get_by_text("The same by a program").click()
    page.get_by_role("tab", name=name).click()
    text = page.get_by_role("tabpanel").locator("pre").inner_text()
    subprocess.run(shell(name, text), env=CLIENT, check=True, timeout=60)
    run.wait_for(lambda: run.get(f"/jobs/{job}")["finished_at"])
    assert run.get(f"/jobs/{job}")["result"] == {"approved": True, "by": "it's"}


def test_a_question_that_is_answered_elsewhere_is_closed(run: Run, opened: Open) -> None:
    job = asking(run)
    page = opened(f"/#/jobs/{job}")
    expect(page.get_by_role("heading", name="Question: publish")).to_be_visible()
    assert run.call("POST", f"/jobs/{job}/answers/publish", ANSWER)[0] == 204
    expect(page.get_by_text("The question publish is closed: it was answered")).to_be_visible()
    expect(page.get_by_role("heading", name="Question: publish")).to_be_hidden()
    expect(status_of(page)).to_have_text("succeeded")


def test_a_sleep_says_when_it_ends(run: Run, opened: Open) -> None:
    job = submit(run, "trial-ask", {"sleep": 3_000})
    page = opened(f"/#/jobs/{job}")
    expect(page.get_by_text(re.compile("It sleeps, and goes on at .*, in 4"))).to_be_visible()


def test_children_are_a_grid_that_fills_and_a_failed_one_is_reached(run: Run, opened: Open) -> None:
    job = submit(run, "trial-family", {"ends": ["succeed", "fail", "succeed"], "steps": 8})
    page = opened(f"/#/jobs/{job}")
    grid = page.get_by_role("img", name=re.compile("^3 children"))
    expect(grid).to_have_accessible_name("3 children: 3 not finished")
    expect(grid).to_have_accessible_name("3 children: 2 succeeded, 1 failed")
    expect(status_of(page)).to_have_text("succeeded")
    section = page.get_by_role("region", name="Children")
    expect(section.get_by_role("listitem").locator(".badge")).to_have_count(3)
    section.get_by_label("Status").select_option("failed")
    row = section.get_by_role("list", name=re.compile("^Children")).get_by_role("link")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("The task cannot be done: fail")
    row.click()
    expect(status_of(page)).to_have_text("failed")
    page.get_by_role("link", name="Parent").click()
    expect(page.get_by_role("heading", name="trial-family")).to_be_focused()


def test_no_more_children_are_looked_for_once_all_that_are_counted_are_shown(
    run: Run, opened: Open
) -> None:
    job = submit(run, "trial-family", {"ends": ["fail"] + 24 * ["succeed"]})
    run.wait_for(lambda: run.get(f"/jobs/{job}")["finished_at"])
    section = opened(f"/#/jobs/{job}").get_by_role("region", name="Children")
    rows = section.get_by_role("list", name=re.compile("^Children")).get_by_role("link")
    expect(rows).to_have_count(1)
    expect(section.get_by_role("button")).to_have_count(0)
    section.get_by_label("Status").select_option("succeeded")
    expect(rows.nth(18)).to_be_visible()
    section.get_by_role("button", name="Show more").click()
    expect(rows).to_have_count(24)
    expect(section.get_by_role("button")).to_have_count(0)


def test_twenty_thousand_children_are_a_few_shapes_and_one_failure_is_seen(
    run: Run, opened: Open
) -> None:
    job = submit(run, "trial-family", {"ends": ["succeed"]})
    run.wait_for(lambda: run.get(f"/jobs/{job}")["finished_at"])
    counts = {"total": 20_000, "live": 9_999, "succeeded": 10_000, "failed": 1, "canceled": 0}
    state = run.get(f"/jobs/{job}") | {"children": counts}
    page = opened("/docs")
    page.route(f"{run.url}/jobs/{job}", lambda route: route.fulfill(json=state))
    page.goto(f"{run.url}/#/jobs/{job}")
    grid = page.get_by_role("img", name="20,000 children: 10,000 succeeded, 1 failed")
    expect(grid).to_be_visible()
    expect(page.get_by_text("A square stands for 20 children.")).to_be_visible()
    areas = grid.evaluate(
        """grid => Object.fromEntries(['succeeded', 'failed', 'live'].map(kind => [kind,
          [...grid.querySelectorAll(`[fill="url(#${kind})"]`)].reduce((sum, one) =>
            sum + one.width.baseVal.value * one.height.baseVal.value / 100, 0)]))"""
    )
    assert areas == {"succeeded": 500, "failed": 1, "live": 499}
    assert grid.locator("*").count() < 40
