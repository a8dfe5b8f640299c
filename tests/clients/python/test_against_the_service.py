"""The Python clients against the running service, with a proxy between that spoils answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from overtime import AsyncClient, Client, errors
from overtime.steps import Answer, Send, Source, Target
from tests.proxy import Proxy, proxying
from tests.receiver import receiving, response

CSV = b"carrier,delay\nAA,12\nAA,4\nUA,7\n"
PARAMS: dict[str, Any] = {"group_by": ["carrier"], "metrics": ["count"]}


@dataclass
class Report:
    rows: int
    groups: int


@contextmanager
def spoiled(service: str, *faults: str, **more: Any) -> Iterator[tuple[Client, Proxy]]:
    with proxying(service, faults, **more) as proxy, Client(proxy.url) as client:
        yield client, proxy


def jobs_of(service: str, task: str) -> set[str]:
    with Client(service) as client:
        return {job.id for job in client.jobs(task=task, page=100)}


@pytest.fixture
def flights(tmp_path: Path) -> Path:
    path = tmp_path / "flights.csv"
    path.write_bytes(CSV)
    return path


def test_a_report_is_run_and_its_result_is_typed(service: str, flights: Path):
    sent = []
    with Client(service) as client:
        made = client.run(
            "report",
            PARAMS,
            {"source": flights},
            type=Report,
            on_upload=lambda *progress: sent.append(progress),
        )
    assert made == Report(rows=3, groups=2)
    assert sent == [("flights.csv", len(CSV), len(CSV))]


def test_artifacts_are_listed_and_downloaded(service: str, tmp_path: Path):
    with Client(service) as client:
        handle = client.submit("report", PARAMS, {"source": CSV})
        assert handle.wait().status == "succeeded"
        paths = [handle.download(one, tmp_path) for one in handle.artifacts]
    assert {one.name for one in paths} == {"report.csv", "report.json", "report.svg"}
    assert (tmp_path / "report.csv").read_text() == "carrier,count\nAA,2\nUA,1\n"
    assert [one.stat().st_size for one in paths] == [one.size for one in handle.artifacts]


@pytest.mark.parametrize("fault", ["lose", "half", "cut", "delay:0.5", "429:1", "503:1", "500"])
def test_a_submit_under_each_fault_makes_one_job(service: str, fault: str):
    before = jobs_of(service, "fetch")
    with spoiled(service, fault) as (client, proxy):
        handle = client.submit("fetch", {"url": f"{service}/health"})
        assert handle.result()["status"] == 200
    assert jobs_of(service, "fetch") - before == {handle.id}
    submits = [one for one in proxy.faults.seen if one.method == "POST"]
    assert len({one.key for one in submits}) == 1
    assert len(submits) == (1 if fault.startswith("delay") else 2)


@pytest.mark.parametrize("seed", range(3))
def test_of_jobs_through_a_bad_network_none_is_lost_and_none_runs_twice(service: str, seed: int):
    before = jobs_of(service, "report")
    with spoiled(service, rate=0.5, seed=seed) as (client, proxy):
        ids = []
        for _ in range(5):
            handle = client.submit("report", PARAMS, {"source": CSV})
            assert handle.result(Report, timeout=60) == Report(3, 2)
            ids.append(handle.id)
    assert jobs_of(service, "report") - before == set(ids)
    assert len([one for one in proxy.faults.seen if one.fault != "ok"]) >= 5


def test_the_async_client_runs_jobs_side_by_side_through_a_bad_network(
    service: str, tmp_path: Path
):
    before = jobs_of(service, "report")

    async def one(client: AsyncClient) -> str:
        handle = await client.submit("report", PARAMS, {"source": CSV})
        assert await handle.result(Report, timeout=60) == Report(3, 2)
        await handle.download("report.csv", tmp_path / handle.id)
        return handle.id

    async def all_of_them(url: str) -> list[str]:
        async with AsyncClient(url) as client:
            return await asyncio.gather(*(one(client) for _ in range(5)))

    with proxying(service, rate=0.3, seed=7) as proxy:
        ids = asyncio.run(all_of_them(proxy.url))
    assert jobs_of(service, "report") - before == set(ids)
    assert {one.name for one in tmp_path.iterdir()} == set(ids)


def test_the_async_client_shows_progress_to_a_coroutine_and_lists_events_and_jobs(service: str):
    shown = []

    async def show(job: Any) -> None:
        await asyncio.sleep(0)
        shown.append(job.status)

    async def look() -> tuple[list[str | None], bool]:
        async with AsyncClient(service) as client:
            handle = await client.submit("fetch", {"url": f"{service}/health"})
            await handle.wait(show)
            verbs = [event.verb async for event in handle.events()]
            listed = [job.id async for job in client.jobs(task="fetch", page=1)]
            return verbs, handle.id in listed

    assert asyncio.run(look()) == (["submit", "claim", "succeed"], True)
    assert shown[-1] == "succeeded"


def test_a_job_that_fails_tells_why(service: str):
    with Client(service) as client, receiving(response(404)) as third_party:
        with pytest.raises(errors.JobFailed, match="404") as raised:
            client.run("fetch", {"url": third_party.url})
        assert raised.value.job.status == "failed"
        handle = client.job(raised.value.job.id)
        assert handle.retry().status == "queued"
        assert handle.wait().status == "failed"
        handle.erase()
        with pytest.raises(errors.Refused) as gone:
            handle.refresh()
    assert gone.value.status == 404


def test_a_job_is_canceled(service: str):
    later = datetime.now(UTC) + timedelta(hours=1)
    with Client(service) as client:
        handle = client.submit("fetch", {"url": f"{service}/health"}, run_at=later)
        assert handle.cancel().status == "canceled"
        with pytest.raises(errors.JobCanceled):
            handle.result()


def test_a_wait_ends_when_the_caller_says_and_the_job_goes_on(service: str):
    never = receiving(lambda _: third_party.done.wait())
    with Client(service) as client, never as third_party:
        handle = client.submit("fetch", {"url": third_party.url})
        with pytest.raises(errors.TimedOut, match=handle.id):
            handle.wait(timeout=1.5)
        handle.cancel()


@pytest.mark.parametrize(
    ("task", "params", "said"),
    [
        ("reprot", {}, "reprot"),
        ("report", {"source": "upload:1"}, "/params/group_by"),
        ("report", {**PARAMS, "source": "x", "metrics": ["median"]}, "/params/metrics/0"),
    ],
)
def test_a_submit_that_is_wrong_is_refused_with_its_place(
    service: str, task: str, params: Any, said: str
):
    with Client(service) as client, pytest.raises(errors.Refused, match=said) as raised:
        client.submit(task, params)
    assert raised.value.status == 422


def test_a_download_that_breaks_goes_on_by_range(tmp_path: Path):
    data = bytes(range(256)) * 4_000

    def answer(connection: socket.socket) -> None:
        _, _, start = store.requests[-1].lower().partition(b"range: bytes=")
        if not start:
            return connection.sendall(response(200, data)[:700_000])
        return connection.sendall(response(206, data[int(start.partition(b"-")[0]) :]))

    with receiving(answer) as store, Client(store.url) as client:
        there = Answer(303, {"location": store.url})
        into = Target(tmp_path / "a", size=len(data))
        steps = client.decisions.files.followed(there, None, into)
        assert client.driver.run(steps).status == 206
    assert (tmp_path / "a").read_bytes() == data
    assert len(store.requests) == 2


def test_an_upload_of_a_file_that_changes_meanwhile_fails_and_says_so(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"12345")
    source = Source(tmp_path / "a", size=9)
    changed = pytest.raises(errors.TransferFailed, match="changed while")
    with receiving(response(200)) as store, Client(store.url) as client, changed:
        client.driver.run(client.decisions.http.exchange(Send("PUT", store.url, {}, source)))
