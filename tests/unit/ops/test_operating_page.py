"""docs/operating.md names every metric and every alarm that there is, and none that is not."""

from __future__ import annotations

import re

from chalicelib.telemetry.metrics import BY, Metric
from ops.cli.stage import ROOT, Stage
from ops.template.alarms import function_alarms
from ops.template.declared import own_template
from ops.template.policies import read_policies

PAGE = (ROOT / "docs" / "operating.md").read_text()
TEMPLATE = own_template(Stage("overtime", "dev"))
DECLARED = [
    one for one in TEMPLATE["Resources"].values() if one.get("Type") == "AWS::CloudWatch::Alarm"
]
INDEXES = TEMPLATE["Resources"]["JobsTable"]["Properties"]["GlobalSecondaryIndexes"]
DERIVED = {
    *("<function>-errors", "<function>-throttles", "<index>-throttles"),
    *("table-throttles", "api-concurrency"),
}


def rows(heading: str) -> dict[str, list[str]]:
    """The cells of a section's table, by their first."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return {row[0].strip("`"): row[1:] for row in cells[1:]}


def test_every_metric_is_explained_with_what_it_is_told_apart_by() -> None:
    assert {name: row[0] for name, row in rows("Metrics").items()} == {
        metric: ", ".join(BY[metric]) for metric in Metric
    }


def test_the_page_counts_the_alarms_of_a_stage_as_it_is_configured() -> None:
    functions = [name for name in read_policies() if name != "authorize_push"]
    made = [function_alarms("".join(map(str.capitalize, n.split("_"))), n) for n in functions]
    number = len(DECLARED) + sum(map(len, made)) + len(("table", *INDEXES, "reserve"))
    assert f"Alarms without a recipient: all {number}\n" in PAGE


def test_every_alarm_is_explained() -> None:
    own = [one["Properties"]["AlarmName"]["Fn::Sub"] for one in DECLARED]
    names = {re.sub(r"^.*-dead$", "<lane>-dead", one[len("${App}-${Stage}-") :]) for one in own}
    assert set(rows("Alarms")) == names | DERIVED
    assert all(row[-1] for row in rows("Alarms").values())
