"""Who is connected and who is subscribed: one behaviour of every store."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chalicelib.aws.push_connections import Subscriptions
from chalicelib.domain import verbs
from chalicelib.domain.errors import ConditionFailed
from chalicelib.domain.job import HOUR, MINUTE, JobRecord, Status
from chalicelib.memory.push import MemoryConnections
from chalicelib.memory.stores import MemoryJobs
from chalicelib.ports.push import Connection, Connections, Subscriber
from chalicelib.ports.stores import JobStore
from tests.contract.conftest import Stores
from tests.records import NOW, failed, new_id, queued, running, stamp

LATER = NOW + 2 * HOUR
BASE = "https://jobs.example.com"


@pytest.fixture
def connections(stores: Stores) -> Connections:
    if isinstance(stores.jobs, MemoryJobs):
        return MemoryConnections(stores.jobs)
    return Subscriptions(lambda: stores.table_client, stores.table)


def opened(connections: Connections, owner: str = "ada") -> Connection:
    connection = Connection(f"L0SM9c{new_id()}=", owner, BASE, LATER)
    assert connections.open(connection, new_id(), NOW + MINUTE)
    return connection


def subscribed(connections: Connections, record: JobRecord) -> Connection:
    connection = opened(connections)
    assert connections.reserve(connection, record, 100)
    connections.subscribe(record, Subscriber(connection.id, BASE), LATER)
    return connection


def addresses(connections: Connections, record: JobRecord, now: int = NOW) -> list[str]:
    return sorted(one.address for one in connections.subscribers(record, now))


# ── connections ───────────────────────────────────────────────────────────────────────────


def test_an_open_connection_is_found_as_it_was_opened(connections: Connections) -> None:
    connection = opened(connections)
    assert connections.find(connection.id, NOW) == connection
    assert connections.find("another", NOW) is None


def test_a_connection_whose_time_is_over_is_not_found_though_ttl_has_not_come(
    connections: Connections,
) -> None:
    connection = opened(connections)
    assert connections.find(connection.id, LATER - 1) == connection
    assert connections.find(connection.id, LATER) is None


def test_a_ticket_admits_one_connection(connections: Connections) -> None:
    first = Connection("first", "ada", BASE, LATER)
    assert connections.open(first, "ticket", NOW + MINUTE)
    assert not connections.open(replace(first, id="second"), "ticket", NOW + MINUTE)
    assert connections.find("second", NOW) is None


def test_the_same_connection_may_come_twice_with_it_as_a_repeated_call_does(
    connections: Connections,
) -> None:
    connection = Connection("first", "ada", BASE, LATER)
    assert connections.open(connection, "ticket", NOW + MINUTE)
    assert connections.open(connection, "ticket", NOW + MINUTE)


def test_a_closed_connection_is_gone_with_all_its_subscriptions(connections: Connections) -> None:
    jobs = [queued() for _ in range(30)]  # more than one batch of deletes
    connection, other = opened(connections), opened(connections)
    for job in jobs:
        for one in (connection, other):
            assert connections.reserve(one, job, 100)
            connections.subscribe(job, Subscriber(one.id, BASE), LATER)
    connections.close(connection.id)
    assert connections.find(connection.id, NOW) is None
    assert [addresses(connections, job) for job in jobs] == [[other.id]] * 30
    connections.close(connection.id)  # again, as a disconnect after a 410 does


# ── subscriptions ─────────────────────────────────────────────────────────────────────────


def test_every_subscriber_of_a_job_is_told_of(connections: Connections) -> None:
    job = running()
    first, second = subscribed(connections, job), subscribed(connections, job)
    assert addresses(connections, job) == sorted([first.id, second.id])
    assert Subscriber(first.id, BASE) in connections.subscribers(job, NOW)


def test_a_job_without_subscribers_has_none(connections: Connections) -> None:
    subscribed(connections, queued())
    assert connections.subscribers(queued(), NOW) == []


def test_subscribing_twice_is_subscribing_once(connections: Connections) -> None:
    job = running()
    connection = subscribed(connections, job)
    assert connections.reserve(connection, job, 100)
    connections.subscribe(job, Subscriber(connection.id, BASE), LATER)
    assert addresses(connections, job) == [connection.id]
    found = connections.find(connection.id, NOW)
    assert found is not None
    assert found.jobs == {(job.id, job.uid)}


def test_what_has_expired_is_not_told_of_though_ttl_has_not_come(connections: Connections) -> None:
    job = running()
    connection = subscribed(connections, job)
    assert addresses(connections, job, LATER - 1) == [connection.id]
    assert addresses(connections, job, LATER) == []


def test_a_later_job_under_the_same_id_has_none_of_the_subscribers(
    connections: Connections,
) -> None:
    job = running()
    subscribed(connections, job)
    assert connections.subscribers(replace(job, uid=new_id()), NOW) == []


def test_a_connection_takes_so_many_jobs_and_no_more(connections: Connections) -> None:
    connection, jobs = opened(connections), [queued() for _ in range(3)]
    assert [connections.reserve(connection, job, 2) for job in jobs] == [True, True, False]
    assert connections.reserve(connection, jobs[0], 2), "one that it has takes no place"
    found = connections.find(connection.id, NOW)
    assert found is not None
    connections.unsubscribe(found, jobs[0].id)
    assert connections.reserve(connection, jobs[2], 2), "there is room again"


def test_a_closed_connection_takes_no_job(connections: Connections) -> None:
    connection = opened(connections)
    connections.close(connection.id)
    assert not connections.reserve(connection, queued(), 100)
    assert connections.find(connection.id, NOW) is None


def test_a_subscription_without_its_connection_can_be_dropped(connections: Connections) -> None:
    job = queued()
    connection, other = opened(connections), subscribed(connections, job)
    connections.close(connection.id)
    connections.subscribe(job, Subscriber(connection.id, BASE), LATER)  # what came too late
    connections.close(connection.id)
    connections.drop(job, connection.id)
    assert addresses(connections, job) == [other.id]
    connections.drop(job, connection.id)  # again


def test_unsubscribing_ends_one_subscription(connections: Connections) -> None:
    job, other = running(), running()
    connection, another = subscribed(connections, job), subscribed(connections, job)
    assert connections.reserve(connection, other, 100)
    connections.subscribe(other, Subscriber(connection.id, BASE), LATER)
    found = connections.find(connection.id, NOW)
    assert found is not None
    connections.unsubscribe(found, job.id)
    connections.unsubscribe(found, job.id)  # again: nothing
    assert addresses(connections, job) == [another.id]
    assert addresses(connections, other) == [connection.id]


def test_unsubscribing_from_what_one_is_not_subscribed_to_does_nothing(
    connections: Connections,
) -> None:
    job = running()
    connection = subscribed(connections, job)
    found = connections.find(connection.id, NOW)
    assert found is not None
    connections.unsubscribe(found, new_id())
    assert addresses(connections, job) == [connection.id]


def test_an_unsubscribe_after_the_connection_is_closed_does_not_open_it_again(
    connections: Connections,
) -> None:
    job = running()
    subscribed(connections, job)
    connection = connections.find(subscribed(connections, job).id, NOW)
    assert connection is not None
    connections.close(connection.id)
    connections.unsubscribe(connection, job.id)
    assert connections.find(connection.id, NOW) is None
    assert not connections.reserve(connection, job, 100)


# ── beside the record ─────────────────────────────────────────────────────────────────────


def test_an_erased_job_leaves_no_subscription_behind(
    connections: Connections, jobs: JobStore
) -> None:
    job = failed()
    jobs.submit(job)
    subscribed(connections, job)
    jobs.delete(jobs.apply(job.id, verbs.erase(job, stamp())), 10)
    assert connections.subscribers(job, NOW) == []


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.ERASING}))
def test_a_record_is_marked_as_watched_whatever_its_status_and_nothing_else_changes(
    jobs: JobStore, status: Status
) -> None:
    job = replace(running(), status=status)
    jobs.submit(job)
    mark = stamp()
    after = jobs.apply(job.id, verbs.watch(job, mark))
    assert after == replace(job, watched=True, nonce=mark.nonce)
    assert jobs.read(job.id) == after


def test_a_later_job_under_the_same_id_is_not_marked(jobs: JobStore) -> None:
    job = queued()
    jobs.submit(job)
    with pytest.raises(ConditionFailed) as failure:
        jobs.apply(job.id, verbs.watch(replace(job, uid=new_id()), stamp()))
    assert failure.value.current == job


def test_a_job_that_is_being_erased_is_not_marked(jobs: JobStore) -> None:
    job = failed()
    jobs.submit(job)
    jobs.apply(job.id, verbs.erase(job, stamp()))
    with pytest.raises(ConditionFailed):
        jobs.apply(job.id, verbs.watch(job, stamp()))


def test_all_of_it_has_a_ttl(tables: Stores) -> None:
    connections = Subscriptions(lambda: tables.table_client, tables.table)
    subscribed(connections, queued())
    items = tables.table_client.scan(TableName=tables.table)["Items"]
    ends = {item["sk"]["S"].partition("#")[0]: int(item["ttl"]["N"]) for item in items}
    assert ends == {
        "connection": LATER // 1_000,
        "sub": LATER // 1_000,
        "ticket": (NOW + MINUTE) // 1_000,
    }
