"""The console's schedules, in Chromium: made, changed, paused and deleted."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.console.conftest import CLIENT, Open, shell
from tests.smoke.test_make_run import Run

PLAN: dict[str, Any] = {
    "cron": "0 3 * * *",
    "timezone": "Asia/Tokyo",
    "task": "trial",
    "params": {"text": "as planned"},
    "overlap": "allow",
    "paused": False,
}


@pytest.fixture
def name(run: Run, request: pytest.FixtureRequest) -> Any:
    """Of a schedule of this test alone, gone afterwards."""
    made = re.sub(r"[^a-z0-9]+", "-", request.node.name)[:60]
    yield made
    run.call("DELETE", f"/schedules/{made}")


def stored(run: Run, name: str) -> dict[str, Any]:
    return run.get(f"/schedules/{name}")


def card(page: Page, name: str) -> Any:
    return page.get_by_role("list", name="Schedules").get_by_role("listitem").filter(has_text=name)


def test_moments_of_other_years_show_their_year(opened: Open) -> None:
    moments = card(opened("/#/schedules"), "new-year").get_by_role("row")
    expect(moments).to_have_count(6)
    years = [int(re.findall(r"20\d\d", moments.nth(at).inner_text())[0]) for at in range(1, 6)]
    assert years == [years[0] + later for later in range(5)]


def test_a_schedule_is_made_paused_resumed_and_deleted(run: Run, opened: Open, name: str) -> None:
    page = opened("/#/schedules", fails=True, timezone_id="America/New_York")
    page.get_by_role("link", name="New schedule").click()
    form = page.get_by_role("form", name="Schedule")
    form.get_by_label(re.compile("^name")).fill(name)
    form.get_by_label(re.compile("^cron")).fill("0 3 * * *")
    form.get_by_label(re.compile("^timezone")).select_option("Asia/Tokyo")
    form.get_by_label(re.compile("^task")).select_option("trial")
    form.get_by_label(re.compile("^text")).fill("each night")
    form.get_by_role("button", name="Save").click()
    made = card(page, name)
    expect(made.get_by_role("columnheader")).to_have_text(["Here, America/New_York", "Asia/Tokyo"])
    expect(made.get_by_role("row")).to_have_count(6)
    expect(made.get_by_role("row").nth(1)).to_contain_text("03:00 AM")
    assert stored(run, name)["params"] == {"text": "each night"}
    made.get_by_role("button", name=re.compile("^Pause ")).click()
    expect(made.get_by_text("It is paused: no job starts.")).to_be_visible()
    assert stored(run, name)["paused"]
    made.get_by_role("button", name=re.compile("^Resume ")).click()
    expect(made.get_by_role("row")).to_have_count(6)
    made.get_by_role("button", name=re.compile("^Delete ")).click()
    page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    assert stored(run, name)["params"] == {"text": "each night"}
    made.get_by_role("button", name=re.compile("^Delete ")).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(made).to_have_count(0)
    expect(page.get_by_role("heading", name="Schedules")).to_be_focused()
    assert run.call("GET", f"/schedules/{name}")[0] == 404


def test_a_cron_expression_that_is_wrong_is_said_at_its_field(
    run: Run, opened: Open, name: str
) -> None:
    assert run.call("PUT", f"/schedules/{name}", PLAN)[0] == 201
    page = opened(f"/#/schedules/{name}", fails=True)
    page.get_by_label(re.compile("^cron")).fill("61 * * * *")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("/cron")
    expect(page.get_by_label(re.compile("^cron"))).to_be_focused()
    assert stored(run, name)["cron"] == PLAN["cron"]


def test_an_edit_does_not_undo_one_that_was_made_meanwhile(
    run: Run, opened: Open, name: str
) -> None:
    assert run.call("PUT", f"/schedules/{name}", PLAN)[0] == 201
    page = opened(f"/#/schedules/{name}", fails=True)
    cron = page.get_by_label(re.compile("^cron"))
    expect(cron).to_have_value(PLAN["cron"])
    other = {**PLAN, "cron": "0 4 * * *"}
    assert run.call("PUT", f"/schedules/{name}", other)[0] == 200
    cron.fill("0 5 * * *")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("changed")
    assert stored(run, name)["cron"] == other["cron"]
    page.get_by_role("alert").get_by_role("button", name="Load it as it is now").click()
    expect(cron).to_have_value(other["cron"])


def test_a_new_schedule_does_not_replace_one_of_its_name(run: Run, opened: Open, name: str) -> None:
    assert run.call("PUT", f"/schedules/{name}", PLAN)[0] == 201
    page = opened("/#/schedule", fails=True)
    page.get_by_label(re.compile("^name")).fill(name)
    page.get_by_label(re.compile("^cron")).fill("0 5 * * *")
    page.get_by_label(re.compile("^task")).select_option("trial")
    page.get_by_label(re.compile("^text")).fill("other")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("The name is taken")
    expect(page.get_by_label(re.compile("^name"))).to_be_focused()
    assert stored(run, name)["cron"] == PLAN["cron"]


def test_a_schedule_of_the_code_is_shown_and_not_edited(run: Run, opened: Open) -> None:
    run.wait_for(lambda: run.call("GET", "/schedules/new-year")[0] == 200)
    page = opened("/#/schedules")
    declared = card(page, "new-year")
    expect(declared.get_by_text("declared by the code")).to_be_visible()
    expect(declared.get_by_role("row")).to_have_count(6)
    expect(declared.get_by_role("button")).to_have_count(0)
    page.goto(f"{run.url}/#/schedules/new-year")
    expect(page.get_by_text("The code declares this schedule")).to_be_visible()
    expect(page.get_by_role("form")).to_have_count(0)


@pytest.mark.parametrize("program", ["curl", "Python", "Command line"])
def test_a_snippet_stores_the_schedule_of_the_form(
    run: Run, opened: Open, name: str, program: str
) -> None:
    plan = PLAN | {"params": {"text": "it's", "steps": 2}, "paused": True}
    assert run.call("PUT", f"/schedules/{name}", plan)[0] == 201
    page = opened(f"/#/schedules/{name}")
    page.get_by_role("tab", name=program).click()
    text = page.get_by_role("tabpanel").locator("pre").inner_text()
    assert run.call("DELETE", f"/schedules/{name}")[0] == 204
    subprocess.run(shell(program, text), env=CLIENT, check=True, timeout=60)
    assert {member: stored(run, name)[member] for member in plan} == plan
