"""A connection that is gone leaves nothing behind, and one that is slow holds up no other."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.errors import Unavailable
from tests.api.harness import Service
from tests.api.push.harness import Between, pushes
from tests.api.sockets import Sockets


def left_over(service: Service) -> list[str]:
    kinds = ("connection", "sub#")
    return [one["sk"]["S"] for one in service.items() if one["sk"]["S"].startswith(kinds)]


def test_who_disconnects_leaves_nothing_behind(service: Service, sockets: Sockets) -> None:
    browser = sockets.watching(service.submitted(), service.submitted())
    assert len(left_over(service)) == 3
    browser.leave()
    assert left_over(service) == []
    service.work()
    assert browser.take() == []


def test_who_is_gone_is_forgotten_with_all_its_subscriptions(
    service: Service, sockets: Sockets
) -> None:
    job, other = service.submitted(), service.submitted()
    gone, there = sockets.watching(job, other), sockets.watching(job)
    sockets.wire.gone.add(gone.id)
    service.run(job)
    assert there.statuses() == ["running", "succeeded"]
    assert not [sk for sk in left_over(service) if gone.id in sk]
    assert len(left_over(service)) == 2, "the other connection and its subscription"


def test_who_leaves_while_it_subscribes_is_forgotten_with_the_next_change(
    service: Service, sockets: Sockets
) -> None:
    job = service.submitted()
    browser = sockets.connected()
    connections = sockets.pushing.connections
    sockets.replace(connections=Between(connections, "subscribe", "before", browser.leave))
    browser.subscribe(job)
    sockets.wire.gone.add(browser.id)
    service.run(job)
    assert left_over(service) == []


def test_who_is_gone_before_its_answer_is_forgotten(service: Service, sockets: Sockets) -> None:
    browser = sockets.connected()
    sockets.wire.gone.add(browser.id)
    browser.subscribe(service.submitted())
    assert left_over(service) == []


def test_who_does_not_answer_keeps_nobody_else_from_being_told_and_is_counted(
    service: Service, sockets: Sockets, caplog: pytest.LogCaptureFixture
) -> None:
    job = service.submitted()
    dead, there = sockets.watching(job), sockets.watching(job)
    sockets.wire.dead.add(dead.id)
    caplog.clear()
    service.work()
    assert service.job(job)["status"] == "succeeded"
    assert there.statuses() == ["running", "succeeded"]
    assert pushes(caplog) == (2, 2)


def test_one_change_is_pushed_for_five_seconds_and_no_longer(
    service: Service, sockets: Sockets, caplog: pytest.LogCaptureFixture
) -> None:
    job = service.submitted()
    browsers = [sockets.watching(job) for _ in range(10)]
    sockets.wire.before_sending = lambda: service.clock.sleep(2)
    caplog.clear()
    service.post(f"/jobs/{job}/cancel")
    told = [browser.statuses() for browser in browsers]
    assert sorted(told) == [[]] * 7 + [["canceled"]] * 3  # at 0, 2 and 4 s
    assert pushes(caplog) == (3, 7)


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_it_is_not_always_the_same_who_miss_it(
    service: Service, sockets: Sockets, chance: float
) -> None:
    job = service.submitted()
    browsers = sorted((sockets.watching(job) for _ in range(4)), key=lambda one: one.id)
    sockets.wire.before_sending = lambda: service.clock.sleep(6)
    service.replace(random=lambda: chance)
    service.post(f"/jobs/{job}/cancel")
    assert [bool(one.take()) for one in browsers].index(True) == int(chance * 4)


def test_a_store_that_does_not_tell_the_subscribers_harms_no_job(
    service: Service, sockets: Sockets, caplog: pytest.LogCaptureFixture
) -> None:
    job = service.submitted()
    browser = sockets.watching(job)

    class Away:
        def subscribers(self, *_: Any) -> None:
            raise Unavailable("The jobs table could not be reached.")

    sockets.replace(connections=Away())
    caplog.clear()
    service.work()
    assert service.job(job)["status"] == "succeeded"
    assert browser.take() == []
    assert pushes(caplog) == (0, 2)
