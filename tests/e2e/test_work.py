"""Real work: a CSV goes in by a presigned URL, a report comes out; and the log tells of it."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter

from tests.e2e.deployed import Deployed
from tests.e2e.http import Client


def test_a_csv_is_uploaded_grouped_and_fetched(
    stage: Deployed, ada: Client, flights: bytes
) -> None:
    assert len(flights) > 2_500_000
    source = ada.upload("flights.csv", "text/csv", flights)
    wanted = {
        "source": source,
        "group_by": ["carrier"],
        "metrics": ["count", "max(distance)"],
        "where": [{"column": "origin", "op": "eq", "value": "JFK"}],
    }
    job = ada.succeeded(ada.submit("report", wanted))

    rows = [row for row in csv.DictReader(io.StringIO(flights.decode())) if row["origin"] == "JFK"]
    expected = Counter(row["carrier"] for row in rows)
    furthest = {
        carrier: max(int(row["distance"]) for row in rows if row["carrier"] == carrier)
        for carrier in expected
    }
    assert job["result"]["rows"] == len(rows)
    assert job["progress"]["percent"] == 100
    assert {artifact["name"] for artifact in job["artifacts"]} == {
        "report.csv",
        "report.json",
        "report.svg",
    }
    path = f"/jobs/{job['id']}/artifacts/report.csv"
    table = list(csv.DictReader(io.StringIO(ada.follow(ada.call("GET", path)).body.decode())))
    assert {row["carrier"]: int(row["count"]) for row in table} == expected
    assert {row["carrier"]: int(row["max(distance)"]) for row in table} == furthest

    lines = [json.loads(line) for line in stage.log("heavy_worker", job["id"])]
    assert lines[0]["event"] == "claim"
    assert lines[-1]["event"] == "succeed"
    for line in lines:
        assert (line["job"], line["task"], line["owner"]) == (job["id"], "report", "ada")
        assert line["stage"] == "overtime-e2e"
    submits = [json.loads(line) for line in stage.log("api_handler", job["id"])]
    assert "submit" in [line["event"] for line in submits]
