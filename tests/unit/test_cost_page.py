"""docs/cost.md adds up."""

from __future__ import annotations

import math
import re

import pytest

from chalicelib.aws.items import Shards
from chalicelib.domain.job import DuePartition
from chalicelib.domain.task import LANES
from chalicelib.service.read import LONG_POLL_SECONDS
from tests.aws import ROOT, TEMPLATE

TABLE = TEMPLATE["Resources"]["JobsTable"]["Properties"]
SHARDS = Shards().due
INDEXES = len(TABLE["GlobalSecondaryIndexes"])
PAGE = (ROOT / "docs" / "cost.md").read_text()
JOBS, IDLE = "A million jobs, by line", "A month in which nothing happens"
HELD = "Poll, wait or push"
LINE = re.compile(r"^\| (.+?) \| ([\d.]+) \| \$([\d.]+) \| \$([\d.]+) \|$", re.MULTILINE)


def lines_of(heading: str) -> list[tuple[str, str, str, str]]:
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found: list[tuple[str, str, str, str]] = LINE.findall(section)
    return found


@pytest.mark.parametrize("heading", [JOBS, IDLE])
def test_every_line_is_its_quantity_times_its_price(heading: str) -> None:
    assert len(lines_of(heading)) >= 8
    for what, quantity, price, total in lines_of(heading):
        assert round(float(quantity) * float(price), 2) == float(total), what


@pytest.mark.parametrize(("heading", "name"), [(JOBS, "sum"), (IDLE, "in all")])
def test_the_sum_is_that_of_the_lines(heading: str, name: str) -> None:
    [total] = re.findall(rf"\*\*{name}\*\* \|.*\*\*\$([\d.]+)\*\*", PAGE)
    assert round(sum(float(amount) for *_, amount in lines_of(heading)), 2) == float(total)


def test_a_held_request_costs_what_the_page_says_in_polls() -> None:
    held = sum(round(float(n) * float(price), 2) for _, n, price, _ in lines_of(HELD))
    assert f"| **held** | | | **${held:.2f}** |" in PAGE
    prices = {what: float(price) for what, _, price, _ in lines_of(HELD)}
    function = next(prices.pop(what) for what in [*prices] if "GB-seconds" in what)
    poll = 0.02 * 0.5 * function  # 20 ms at 512 MB
    poll += sum(price for what, price in prices.items() if "write" not in what)
    assert f"A million polls cost ${poll:.2f}" in PAGE
    assert f"as much as {held / poll:.0f} polls" in PAGE
    assert round(held / poll / 20) == 2  # a second held, in polls


def test_the_first_table_says_what_the_others_come_to() -> None:
    first = PAGE.partition("## ")[0]
    sums = dict(re.findall(r"\*\*(sum|in all|held)\*\* \|.*\*\*\$([\d.]+)\*\*", PAGE))
    [ours] = re.findall(r"^\| Overtime \|.*\$([\d.]+) \|$", PAGE, re.MULTILINE)
    [poll] = re.findall(r"A million polls cost \$([\d.]+)", PAGE)
    [second] = [price for what, _, price, _ in lines_of(JOBS) if "worker function, GB" in what]
    task = 10 * 0.5 * float(second)
    for amount in (*sums.values(), ours, poll, f"{task:.2f}"):
        assert f"${amount}" in first
    assert len(sums) == 3


def test_reads_of_a_held_request_are_as_many_as_the_page_says() -> None:
    *first, each = LONG_POLL_SECONDS
    later = math.ceil((20 - sum(first)) / each)
    [said] = [float(n) for what, n, *_ in lines_of(HELD) if "read units" in what]
    assert said == 1 + len(first) + later


def test_an_idle_stage_is_as_large_as_it_is_configured() -> None:
    quantities = {what: float(quantity) for what, quantity, *_ in lines_of(IDLE)}
    minutes = 30 * 24 * 60
    polls = next(value for what, value in quantities.items() if what.startswith("SQS"))
    assert polls == len(LANES) * 5 * 3 * minutes / 1e6
    assert quantities["sweep function, millions of invocations (one a minute)"] == minutes / 1e6
    read = next(value for what, value in quantities.items() if "of sweeps" in what)
    assert round(read, 4) == round(SHARDS * len(DuePartition) * minutes / 2 / 1e6, 4)
    alarms = next(what for what in quantities if "alarms" in what)
    operating = (ROOT / "docs" / "operating.md").read_text()
    [counted] = re.findall(r"without a recipient: all (\d+)", operating)
    assert f"alarms, {counted} that watch a metric each" in alarms
    assert quantities[alarms] == int(counted)


def test_the_comparison_leaves_out_the_clients_requests() -> None:
    [total] = re.findall(r"\*\*sum\*\* \|.*\*\*\$([\d.]+)\*\*", PAGE)
    [ours] = re.findall(r"^\| Overtime \|.*\$([\d.]+) \|$", PAGE, re.MULTILINE)
    [requests] = [amount for what, *_, amount in lines_of(JOBS) if "REST" in what]
    assert round(float(total) - float(requests), 2) == float(ours)


def test_the_units_of_a_job_are_those_that_are_measured() -> None:
    units = dict(re.findall(r"^\| (submit|claim|succeed|status read) \| (\d+) \|$", PAGE, re.M))
    quantities = {what: quantity for what, quantity, *_ in lines_of(JOBS)}
    written = sum(int(units[step]) for step in ("submit", "claim", "succeed"))
    assert quantities["DynamoDB, write units"] == str(written)
    polls = int(quantities["API Gateway, REST requests"]) - 1
    assert quantities["DynamoDB, read units"] == str(polls * int(units["status read"]))
