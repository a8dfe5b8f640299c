"""Children of jobs by the Python clients and the command line, against the running service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from overtime import AsyncClient, Children, Client, Refused
from overtime.client import JobHandle
from tests.clients.python.test_command_line import Shell, environment, overtime

__all__ = ["environment", "overtime"]  # fixtures

REPORT = {"group_by": ["carrier"], "metrics": ["count"]}


@pytest.fixture(scope="module")
def client(service: str) -> Iterator[Client]:
    with Client(service) as client:
        yield client


@pytest.fixture(scope="module")
def parent(client: Client) -> JobHandle:
    """Its second child of three fails: one CSV has no column `carrier`."""
    sources = [client.upload(one) for one in (b"carrier\nAA\n", b"origin\nJFK\n", b"carrier\nUA\n")]
    handle = client.submit("report_many", {**REPORT, "sources": sources})
    assert handle.wait(timeout=60).status == "failed"
    return handle


def test_children_come_in_the_order_of_their_items(client: Client, parent: JobHandle):
    found = list(parent.children())
    sources = [client.job(one.id).refresh().params["source"] for one in found]
    assert parent.job is not None
    assert sources == parent.job.params["sources"]
    assert {one.parent for one in found} == {parent.id}
    assert [one.id for one in parent.children(page=1)] == [one.id for one in found]
    assert [one.id for one in parent.children("failed")] == [found[1].id]


def test_a_parent_counts_its_children(parent: JobHandle):
    assert isinstance(counts := parent.refresh().children, Children)
    assert (counts.total, counts.failed) == (3, 1)
    assert counts.total == counts.live + counts.succeeded + counts.failed + counts.canceled


def test_the_async_client_lists_the_same_children(service: str, parent: JobHandle):
    async def listed() -> list[str]:
        async with AsyncClient(service) as client:
            return [one.id async for one in client.job(parent.id).children(page=2)]

    assert asyncio.run(listed()) == [one.id for one in parent.children()]


def test_children_of_an_unknown_job_are_refused(client: Client):
    with pytest.raises(Refused, match="no such job"):
        list(client.job("no/such").children())


def test_the_command_line_lists_children_with_their_errors(overtime: Shell, parent: JobHandle):
    failed = next(parent.children("failed"))
    assert overtime("children", parent.id) == 0
    lines = [line.split("\t") for line in overtime.out.splitlines()]
    assert [line[0] for line in lines] == [one.id for one in parent.children()]
    assert lines[1][1:3] == ["report_part", "failed"]
    assert "carrier" in lines[1][4]
    assert overtime("children", parent.id, "--status", "failed", "--json") == 0
    [shown] = json.loads(overtime.out)
    assert (shown["id"], shown["parent"]) == (failed.id, parent.id)
    assert overtime("children", parent.id, "--limit", "2") == 0
    assert len(overtime.out.splitlines()) == 2
    assert overtime("children", failed.id) == 0
    assert overtime.out == ""


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("children", "JOB"),
        ("children nothing", "To see your jobs with their whole ids: overtime list"),
        ("children nothing --status done", "There is: queued"),
        ("children nothing --limit 0", "--limit"),
        ("schedules paus nightly", "This is too much: paus nightly (See: overtime --help)"),
        ("schedules set n MIDNIGHT fetch", "Type: --param url=VALUE. See: overtime tasks fetch"),
        (
            "schedules set n 61 fetch -p url=https://a.b/",
            "The schedule is not valid. /cron: ",
        ),
        ("list --limit -1", "--limit"),
        ("answer JOB publsh true", "To see what it asks: overtime status JOB"),
        ("schedules show none", "To see yours: overtime schedules"),
    ],
)
def test_what_is_wrong_is_one_line_that_says_what_to_type(
    overtime: Shell, parent: JobHandle, typed: str, said: str
):
    assert overtime(*typed.replace("JOB", parent.id).split()) == 2
    [line] = overtime.err.splitlines()
    assert said in line
