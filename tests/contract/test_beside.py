"""What stands beside a record: results of steps, log lines; and how all of it goes."""

from __future__ import annotations

from msgspec.structs import replace

from chalicelib.domain import verbs
from chalicelib.domain.events import LogLine
from chalicelib.domain.job import DAY, JobRecord
from chalicelib.domain.steps import opened, reply
from chalicelib.ports.stores import JobStore
from tests.contract.conftest import Stores
from tests.records import NOW, failed, new_id, queued, running, stamp

ALL = 1_000  # more than there is beside any


def line(number: int) -> LogLine:
    return LogLine(NOW + number, 1, f"line {number}", f"{NOW + number:015d}-1x-{number:06d}")


def test_a_step_that_has_not_run_has_no_result(jobs: JobStore) -> None:
    assert jobs.once(running(), "charge", NOW) is None


def test_a_steps_result_is_stored_once_and_the_loser_gets_it(jobs: JobStore) -> None:
    job = running()
    assert jobs.store_once(job, "charge", '"first"', NOW + DAY) == '"first"'
    assert jobs.store_once(job, "charge", '"second"', NOW + DAY) == '"first"'
    assert jobs.once(job, "charge", NOW + DAY) == '"first"'


def test_steps_of_other_names_and_other_births_are_other_steps(jobs: JobStore) -> None:
    job = running()
    jobs.store_once(job, "charge", "1", NOW + DAY)
    assert jobs.once(job, "charge again", NOW) is None
    assert jobs.once(replace(job, uid=new_id()), "charge", NOW) is None


def test_facts_of_waiting_steps_are_apart_from_results_and_from_each_other(jobs: JobStore) -> None:
    """A task's own steps cannot have these names."""
    job, names = running(), [opened("ask"), opened("ask", 1), reply("ask", 0), reply("ask", 1)]
    for name in ("ask", *names):
        assert jobs.once(job, name, NOW + DAY) is None
        assert jobs.store_once(job, name, f'"{len(name)}"', NOW + DAY) == f'"{len(name)}"'
        assert jobs.store_once(job, name, '"another"', NOW + DAY) == f'"{len(name)}"'


def test_a_step_read_near_its_end_is_kept_longer(stores: Stores) -> None:
    job = running()
    stores.jobs.store_once(job, "charge", "1", NOW + DAY)
    stores.jobs.once(job, "charge", NOW + 2 * DAY)
    stores.jobs.once(job, "charge", NOW)  # never shorter
    if stores.table_client is not None:
        item = stores.table_client.get_item(
            TableName=stores.table,
            Key={"pk": {"S": job.id}, "sk": {"S": f"once#{job.uid}#charge"}},
        )["Item"]
        assert int(item["ttl"]["N"]) == (NOW + 2 * DAY) // 1_000


def test_log_lines_are_told_in_order_page_by_page(jobs: JobStore) -> None:
    job = running()
    jobs.log(job, [line(number) for number in range(30)], NOW + DAY)
    jobs.log(job, [line(7)], NOW + DAY)  # sent twice, told once
    first = jobs.lines(job, "", 12)
    rest = jobs.lines(job, first[-1].position, 100)
    assert [*first, *rest] == [line(number) for number in range(30)]


def test_log_lines_of_another_birth_are_not_told(jobs: JobStore) -> None:
    job = running()
    jobs.log(replace(job, uid=new_id()), [line(1)], NOW + DAY)
    assert jobs.lines(job, "", 10) == []


def erased(jobs: JobStore) -> JobRecord:
    job = failed()
    jobs.submit(job)
    jobs.log(job, [line(number) for number in range(40)], NOW + DAY)
    jobs.store_once(job, "charge", "1", NOW + DAY)
    return jobs.apply(job.id, verbs.erase(job, stamp()))


def test_forgetting_deletes_the_record_and_all_beside_it(stores: Stores) -> None:
    jobs = stores.jobs
    job = erased(jobs)
    assert jobs.delete(job, ALL)
    assert jobs.read(job.id) is None
    assert jobs.lines(job, "", 10) == []
    assert jobs.once(job, "charge", NOW) is None
    if stores.table_client is not None:
        assert stores.table_client.scan(TableName=stores.table)["Count"] == 0


def test_what_is_beside_a_record_may_go_in_portions_and_the_record_goes_last(
    jobs: JobStore,
) -> None:
    job = erased(jobs)  # 41 items
    assert not jobs.delete(job, 30)
    assert jobs.read(job.id) == job
    assert len(jobs.lines(job, "", ALL)) in (10, 11)  # and the step's result, or not
    assert jobs.delete(job, 11)
    assert jobs.read(job.id) is None
    assert jobs.lines(job, "", ALL) == []


def test_forgetting_twice_does_no_harm(jobs: JobStore) -> None:
    job = erased(jobs)
    assert jobs.delete(job, ALL)
    assert jobs.delete(job, ALL)


def test_forgetting_spares_a_later_job_under_the_same_id(jobs: JobStore) -> None:
    old = erased(jobs)
    jobs.delete(old, ALL)
    new = replace(queued(), id=old.id)
    jobs.submit(new)
    jobs.delete(old, ALL)
    assert jobs.read(new.id) == new


def test_a_record_that_is_not_being_erased_is_not_forgotten(jobs: JobStore) -> None:
    job = failed()
    jobs.submit(job)
    jobs.delete(job, ALL)
    assert jobs.read(job.id) == job
