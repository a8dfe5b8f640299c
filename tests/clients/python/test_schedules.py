"""Schedules by the Python clients and the command line, against the running service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from overtime import AsyncClient, Client, Refused
from tests.clients.python.test_command_line import Shell, environment, overtime
from tests.proxy import proxying

__all__ = ["environment", "overtime"]  # fixtures

NIGHTLY = ("30 2 * * *", "fetch", {"url": "https://example.com/"})


@pytest.fixture
def client(service: str) -> Iterator[Client]:
    with Client(service) as client:
        yield client
        for one in client.schedules.all():
            client.schedules.delete(one.name)


def test_a_schedule_is_set_listed_paused_and_deleted(client: Client):
    made = client.schedules.put("nightly", *NIGHTLY, timezone="Europe/Berlin")
    assert (made.timezone, made.params, len(made.next)) == ("Europe/Berlin", NIGHTLY[2], 5)
    assert [one.name for one in client.schedules.all()] == ["nightly"]
    paused = client.schedules.pause("nightly")
    assert (paused.paused, paused.next, paused.cron) == (True, [], "30 2 * * *")
    assert client.schedules.resume("nightly").next == made.next
    client.schedules.delete("nightly")
    with pytest.raises(Refused, match="no such schedule"):
        client.schedules.get("nightly")
    with pytest.raises(Refused):
        client.schedules.delete("nightly")


def test_a_list_has_all_pages(client: Client):
    names = [f"n-{number:03}" for number in range(102)]
    for name in names:
        client.schedules.put(name, *NIGHTLY)
    assert [one.name for one in client.schedules.all()] == names


def test_what_the_service_refuses_is_told(client: Client):
    with pytest.raises(Refused, match="'61' is not valid as the minute"):
        client.schedules.put("nightly", "61 * * * *", "fetch", NIGHTLY[2])


def test_a_pause_keeps_what_others_have_edited_meanwhile(service: str, client: Client):
    client.schedules.put("nightly", *NIGHTLY)
    get, edits = client.schedules.plans.http.call, list[str]()

    def call(method: str, *arguments: Any, **options: Any) -> Any:
        answer = yield from get(method, *arguments, **options)
        if method == "GET" and not edits:
            edits.append("edited")
            with Client(service) as other:
                other.schedules.put("nightly", "0 4 * * *", *NIGHTLY[1:])
        return answer

    object.__setattr__(client.schedules.plans.http, "call", call)
    paused = client.schedules.pause("nightly")
    assert (paused.paused, paused.cron) == (True, "0 4 * * *")


def test_a_call_whose_answer_is_lost_is_repeated(service: str, client: Client):
    for fault in ("cut", "reset"):
        with proxying(service, [fault]) as proxy, Client(proxy.url) as spoiled:
            assert spoiled.schedules.put("nightly", *NIGHTLY).name == "nightly"
    with proxying(service, ["cut"]) as proxy, Client(proxy.url) as spoiled:
        spoiled.schedules.delete("nightly")


def test_the_asynchronous_client_does_the_same(service: str, client: Client):
    async def tries() -> list[str]:
        async with AsyncClient(service) as asynchronous:
            found = asynchronous.schedules
            await found.put("nightly", *NIGHTLY, overlap="allow")
            paused = await found.pause("nightly")
            assert (paused.paused, paused.overlap) == (True, "allow")
            assert not (await found.resume("nightly")).paused
            assert (await found.get("nightly")).name == "nightly"
            names = [one.name for one in await found.all()]
            await found.delete("nightly")
            return names

    assert asyncio.run(tries()) == ["nightly"]


def test_the_command_line_does_all_of_it(client: Client, overtime: Shell):
    url = ("-p", "url=https://example.com/")
    command = ("schedules", "set", "nightly", "30 2 * * *", "fetch", *url)
    assert overtime(*command, "--zone", "Europe/Berlin") == 0
    assert "30 2 * * * (Europe/Berlin)" in overtime.out
    assert 'params\t{"url": "https://example.com/"}\noverlap\tskip\n' in overtime.out
    assert overtime("schedules") == 0
    assert overtime.out.split("\t")[:4] == ["nightly", "fetch", "30 2 * * *", "Europe/Berlin"]
    assert overtime("schedules", "--json") == 0
    assert json.loads(overtime.out)[0]["params"] == NIGHTLY[2]
    assert overtime("schedules", "pause", "nightly") == 0
    assert "next\tpaused" in overtime.out
    assert overtime("schedules", "resume", "nightly") == 0
    assert overtime("schedules", "show", "nightly", "--json") == 0
    assert not json.loads(overtime.out)["paused"]
    assert overtime("schedules", "delete", "nightly") == 2
    assert "--yes" in overtime.err
    assert overtime("schedules", "delete", "nightly", "--yes") == 0
    assert client.schedules.all() == []


def test_the_command_line_tells_what_is_wrong(client: Client, overtime: Shell):
    assert overtime("schedules", "set", "n", "0 0 31 2 *", "fetch", "-p", "url=https://a.b/") == 2
    assert "never happens" in overtime.err
    assert overtime("schedules", "set", "n", "0 0 * * *", "fetsh") == 2
    assert "fetch" in overtime.err
    assert overtime("schedules", "show", "none") == 2
    assert "no such schedule" in overtime.err
