"""Jobs that wait, in Chromium: questions are answered by a form."""

from __future__ import annotations

import json
import re
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.console.conftest import Open, status_of
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
