"""docs/cost.md adds up."""

from __future__ import annotations

import re

from tests.aws import ROOT

PAGE = (ROOT / "docs" / "cost.md").read_text()
LINE = re.compile(r"^\| (.+?) \| ([\d.]+) \| \$([\d.]+) \| \$([\d.]+) \|$", re.MULTILINE)


def test_every_line_is_its_quantity_times_its_price() -> None:
    lines = LINE.findall(PAGE)
    assert len(lines) >= 8
    for what, quantity, price, total in lines:
        assert round(float(quantity) * float(price), 2) == float(total), what


def test_the_sum_is_that_of_the_lines() -> None:
    lines = LINE.findall(PAGE)
    [total] = re.findall(r"\*\*sum\*\* \|.*\*\*\$([\d.]+)\*\*", PAGE)
    assert round(sum(float(amount) for *_, amount in lines), 2) == float(total)


def test_the_comparison_leaves_out_the_clients_requests() -> None:
    [total] = re.findall(r"\*\*sum\*\* \|.*\*\*\$([\d.]+)\*\*", PAGE)
    [ours] = re.findall(r"^\| Overtime \|.*\$([\d.]+) \|$", PAGE, re.MULTILINE)
    [requests] = [amount for what, *_, amount in LINE.findall(PAGE) if "REST" in what]
    assert round(float(total) - float(requests), 2) == float(ours)


def test_the_units_of_a_job_are_those_that_are_measured() -> None:
    units = dict(re.findall(r"^\| (submit|claim|succeed|status read) \| (\d+) \|$", PAGE, re.M))
    quantities = {what: quantity for what, quantity, *_ in LINE.findall(PAGE)}
    written = sum(int(units[step]) for step in ("submit", "claim", "succeed"))
    assert quantities["DynamoDB, write units"] == str(written)
    polls = int(quantities["API Gateway, REST requests"]) - 1
    assert quantities["DynamoDB, read units"] == str(polls * int(units["status read"]))
