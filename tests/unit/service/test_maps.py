"""`job.map`: a child for each item, and their results in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from msgspec import structs
from msgspec.structs import replace

from chalicelib.domain import children
from chalicelib.domain.children import Ledger
from chalicelib.domain.errors import JobHasParent
from chalicelib.domain.handle import Job
from chalicelib.domain.job import MINUTE, JobRecord, Status
from chalicelib.domain.task import task
from chalicelib.domain.transitions import Stamp
from chalicelib.memory.stores import MemoryLedgers
from chalicelib.service import cascade, control, ledgers, maps
from chalicelib.service.erase import erase
from chalicelib.service.submit import Submission, submit
from chalicelib.service.uploads import upload_key
from chalicelib.tasks import PermanentError
from chalicelib.testing import OWNER, Bench
from tests.unit.harness import delivered
from tests.unit.service.mapping import Page, of_kind, page, pages, tried


def test_each_item_has_one_child_and_their_results_come_in_order() -> None:
    bench = Bench(tasks=[page])

    def book(job: Job) -> list[Any]:
        found = job.map("pages", page, pages(7))
        assert len(found) == 7
        assert found[-1].id == found[6].id
        assert [child.id for child in found[2:4]] == [found[2].id, found[3].id]
        return [child.result for child in found]

    done = tried(book, bench)
    assert done.result == pages(7)
    assert done.attempts == 1
    assert len(of_kind(bench, "page")) == 7


def test_a_parent_holds_no_worker_while_its_children_run() -> None:
    running: list[str] = []
    bench = Bench(tasks=[page])

    @task("watching")
    def watching(job: Job) -> None:
        running.extend(one.task for one in bench.jobs.records.values() if one.status == "running")

    bench.tasks["watching"] = watching
    tried(lambda job: len(job.map("parts", watching, [{}] * 3)), bench)
    assert running == ["watching"] * 3


def test_the_files_of_a_child_are_read_by_its_parent() -> None:
    def book(job: Job) -> str:
        [child] = job.map("pages", page, [{"number": 3}])
        [file] = child.artifacts
        assert (file.name, file.content_type, file.size) == ("page.txt", "text/plain", 6)
        with job.open(file.source) as source:
            return source.read().decode()

    assert tried(book).result == "page 3"


@pytest.mark.parametrize("source", ["artifact:nothing/page.txt", f"artifact:{'0' * 32}/page.txt"])
def test_a_file_of_another_job_is_refused(source: str) -> None:
    done = tried(lambda job: job.open(source))
    assert done.error is not None
    assert done.error.detail.startswith("job.open: this job has no child")


def test_a_child_that_failed_is_among_the_others() -> None:
    def book(job: Job) -> list[Any]:
        found = job.map("pages", page, [{"number": 1}, {"number": 2, "fails": True}])
        return [[one.status, one.result, one.error and one.error.detail] for one in found]

    assert tried(book).result == [
        ["succeeded", {"number": 1}, None],
        ["failed", None, "page 2 is blank"],
    ]


def test_with_raise_the_first_failure_fails_the_parent_and_cancels_the_rest() -> None:
    bench = Bench(tasks=[task("page", lane="heavy")(page.function)])
    items = [{"number": 1, "fails": True}, *pages(30)]
    done = tried(lambda job: len(job.map("pages", page, items, on_failure="raise")), bench)
    assert done.error is not None
    assert done.error.detail == (
        "Item 0 of 'pages' failed: The task cannot be done: page 1 is blank"
    )
    [cascade] = of_kind(bench, "overtime.children")
    assert delivered(bench, cascade).status == "succeeded"
    ends = [str(one.status) for one in of_kind(bench, "page")]
    assert (ends.count("failed"), ends.count("canceled")) == (1, 30)


def test_no_items_are_no_children_at_once() -> None:
    bench = Bench(tasks=[page])
    done = tried(lambda job: [*job.map("a", page, []), *job.map("b", page, iter([]))], bench)
    assert done.result == []
    assert of_kind(bench, "page") == []


def test_an_iterator_is_stored_as_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "CHUNK", 4)
    monkeypatch.setattr(maps, "AT_ONCE", 2)
    done = tried(lambda job: [one.result for one in job.map("pages", page, iter(pages(11)))])
    assert done.result == pages(11)


def test_a_map_inside_a_child_is_a_map_as_any_other() -> None:
    @task("chapter")
    def chapter(job: Job, params: Page) -> int:
        return len(job.map("pages", page, pages(params.number)))

    bench = Bench(tasks=[page, chapter])
    items = [{"number": 2}, {"number": 3}]
    done = tried(lambda job: [one.result for one in job.map("chapters", chapter, items)], bench)
    assert done.result == [2, 3]
    assert len(of_kind(bench, "page")) == 5


def unnoticed(bench: Bench, count: int) -> JobRecord:
    """A parent whose children have all ended, and none is in a ledger: their workers died then."""
    held = tried_until_suspended(bench, count)
    assert isinstance(bench.system.ledgers, MemoryLedgers)
    sizes = {name: Ledger(size=one.size) for name, one in bench.system.ledgers.ledgers.items()}
    for child in of_kind(bench, "page"):
        delivered(bench, child)
    bench.system.ledgers.ledgers = sizes
    bench.jobs.records[held.id] = held
    bench.queue.lanes.clear()
    return held


def tried_until_suspended(bench: Bench, count: int) -> JobRecord:
    bench.tasks["book"] = task("book")(lambda job: len(job.map("pages", page, pages(count))))
    record = submit(bench.system, Submission(owner=OWNER, task="book", params={})).job
    return delivered(bench, record)


def test_a_look_at_a_due_parent_finds_the_children_that_its_ledgers_miss() -> None:
    bench = Bench(tasks=[page])
    held = unnoticed(bench, 7)
    while not bench.jobs.records[held.id].finished:
        bench._go_on(*bench._next())
    assert bench.jobs.records[held.id].status == "succeeded"
    assert bench.clock.time - held.updated_at < 5 * MINUTE


def test_each_look_reads_further_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "LOOKED_AT", 3)
    bench = Bench(tasks=[page])
    held = unnoticed(bench, 7)
    for live in of_kind(bench, "page")[:3]:  # as many as a look reads
        bench.jobs.records[live.id] = replace(live, status=Status.RUNNING)
    for _ in range(12):
        bench._go_on(*bench._next())
    [ledger] = bench.system.ledgers.read(children.ledgers_of(held, "pages", 0, 7))
    assert ledger.places == {3, 4, 5, 6}


def test_a_number_of_children_that_a_dead_run_counted_wakes_no_parent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(children, "PORTION", 2)
    bench = Bench(tasks=[page])
    held = tried_until_suspended(bench, 3)
    first, last = children.ledgers_of(held, "pages", 0, 3)
    bench.system.ledgers.add(first, {Status.SUCCEEDED: [0]}, held.kept_until, size=1)
    bench.system.ledgers.add(last, {Status.SUCCEEDED: [0]}, held.kept_until)
    assert delivered(bench, held).suspended


@pytest.mark.parametrize("items", [list, iter])
def test_a_parents_record_has_the_map_before_any_child_is_stored(
    items: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maps, "CHUNK", 2)
    monkeypatch.setattr(maps, "AT_ONCE", 1)
    bench = Bench(tasks=[page])
    submit_job, noted = bench.jobs.submit, []

    def submitting(record: JobRecord) -> None:
        if record.parent is not None:
            known = children.map_of(bench.jobs.records[record.parent.id], record.parent.step)
            noted.append(known is not None and record.parent.index < known.reach)
        submit_job(record)

    monkeypatch.setattr(bench.jobs, "submit", submitting)
    tried(lambda job: len(job.map("pages", page, items(pages(5)))), bench)
    assert noted == [True] * 5


def test_a_child_that_its_parent_adopts_meanwhile_is_not_abandoned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(tasks=[page])
    held = tried_until_suspended(bench, 1)
    [child] = of_kind(bench, "page")
    read = bench.jobs.read

    def just_before_it_runs_again(job_id: str) -> JobRecord | None:
        monkeypatch.setattr(bench.jobs, "read", read)
        now_is = bench.jobs.records[child.id]
        assert now_is.parent is not None
        again = structs.replace(now_is.parent, generation=1)
        bench.jobs.apply(child.id, children.adopt(now_is, Stamp(bench.clock.time, "adopt"), again))
        bench.jobs.records[held.id] = replace(held, generation=1)
        return replace(held, status=Status.FAILED)

    monkeypatch.setattr(bench.jobs, "read", just_before_it_runs_again)
    assert delivered(bench, child).status == "succeeded"


# ── a parent that a client runs again ──


def test_a_retry_runs_failed_children_again_and_keeps_the_others() -> None:
    bench, runs = Bench(), []

    @task("page", max_attempts=1)
    def moody(job: Job, params: Page) -> int:
        runs.append(params.number)
        if params.number == 1 and runs.count(1) == 1:
            raise PermanentError("not today")
        return params.number

    @task("book")
    def book(job: Job) -> list[int]:
        return [one.result for one in job.map("pages", moody, pages(3), on_failure="raise")]

    bench.tasks["page"] = moody
    first = bench.run(book, {})
    assert first.status == "failed"
    [record] = of_kind(bench, "book")
    control.retry(bench.system, OWNER, record.id)
    while not bench.jobs.records[record.id].finished:
        bench._go_on(*bench._next())
    after = bench.jobs.records[record.id]
    assert after.result is not None
    assert after.result.text == "[0,1,2]"
    assert runs.count(1) == 2
    assert len(of_kind(bench, "page")) == 3
    assert all(one.parent and one.parent.generation == 1 for one in of_kind(bench, "page"))
    assert all(one.expires_at == after.kept_until for one in of_kind(bench, "page"))


@pytest.mark.parametrize("dies", [False, True])
def test_a_retry_needs_no_uploads_of_children_that_have_succeeded(dies: bool) -> None:
    """Also where its first worker died as soon as it had opened the map."""
    bench, runs = Bench(), []

    @task("copy", max_attempts=1)
    def copy(job: Job, params: dict[str, str]) -> str:
        runs.append(params["source"])
        if len(runs) == 2:
            raise PermanentError("not today")
        return params["source"]

    def book(job: Job) -> list[str]:
        found = job.map("copies", copy, [{"source": one} for one in sources], on_failure="raise")
        return [one.result for one in found]

    bench.tasks["copy"] = copy
    sources = [bench.upload(b"a"), bench.upload(b"b")]
    assert tried(book, bench).status == "failed"
    del bench.payloads.objects[upload_key(OWNER, runs[0])]
    [record] = of_kind(bench, "book")
    again = control.retry(bench.system, OWNER, record.id)
    if dies:
        [known] = again.maps or ()
        opened = structs.replace(known, generation=1, stored=0, total=None)
        bench.jobs.records[record.id] = replace(again, maps=(opened,))
    while not bench.jobs.records[record.id].finished:
        bench._go_on(*bench._next())
    assert bench.jobs.records[record.id].status == "succeeded"
    assert runs == [*sources, sources[1]]


def test_a_child_is_retried_and_erased_only_with_its_parent() -> None:
    bench = Bench(tasks=[page])
    tried(lambda job: len(job.map("pages", page, [{"number": 1, "fails": True}])), bench)
    [book], [child] = of_kind(bench, "book"), of_kind(bench, "page")
    for use_case in (control.retry, erase):
        with pytest.raises(JobHasParent, match=f"child of /jobs/{book.id}"):
            use_case(bench.system, OWNER, child.id)


def test_an_erase_leaves_no_child_no_ledger_and_no_file_behind() -> None:
    bench = Bench(tasks=[page])
    items = [*pages(5), {"number": 9, "fails": True}]
    tried(lambda job: len(job.map("pages", page, items, on_failure="raise")), bench)
    [book] = of_kind(bench, "book")
    erase(bench.system, OWNER, book.id)
    assert isinstance(bench.system.ledgers, MemoryLedgers)
    assert (bench.jobs.records, bench.system.ledgers.ledgers) == ({}, {})
    assert (bench.jobs.steps, bench.payloads.objects) == ({}, {})


# ── what is refused ──


def test_a_second_map_and_the_children_share_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "DESCENDANTS_AT_MOST", 14)

    @task("chapter")
    def chapter(job: Job, params: Page) -> int:
        return len(job.map("pages", page, pages(params.number)))

    def book(numbers: Iterable[int]) -> Callable[[Job], list[Any]]:
        def function(job: Job) -> list[Any]:
            found = job.map("chapters", chapter, [{"number": one} for one in numbers])
            return [one.status for one in found]

        return function

    bench: Callable[[], Bench] = lambda: Bench(tasks=[page, chapter])  # noqa: E731
    assert tried(book([3, 3]), bench()).result == ["succeeded"] * 2  # (14 - 2) / 2 / 2 = 3 each
    assert tried(book([3, 4]), bench()).result == ["succeeded", "failed"]


def test_a_child_may_end_no_later_than_its_parent() -> None:
    bench = Bench(tasks=[page])
    tried(lambda job: len(job.map("pages", page, pages(1))), bench)
    [book], [child] = of_kind(bench, "book"), of_kind(bench, "page")
    assert child.deadline == book.deadline
    assert child.expires_at == book.deadline + book.retention


def test_a_child_that_may_not_run_any_more_counts_as_canceled() -> None:
    """Its message came after its parent's end, and before the job that cancels the rest."""
    bench = Bench(tasks=[page])
    bench.tasks["book"] = task("book")(lambda job: len(job.map("pages", page, pages(2))))
    book = submit(bench.system, Submission(owner=OWNER, task="book", params={})).job
    record = delivered(bench, book)
    control.cancel(bench.system, OWNER, book.id)
    one, _ = of_kind(bench, "page")
    assert delivered(bench, one).status == "canceled"
    [found] = ledgers.read(bench.system, record, (record.maps or ())[0])
    assert found.count(Status.CANCELED) == 1


def test_a_child_whose_parent_is_gone_is_hidden_also_if_its_worker_dies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A worker that lost its lease may store a child after its parent's erase."""
    bench = Bench(tasks=[page])
    held = tried_until_suspended(bench, 1)
    [child] = of_kind(bench, "page")
    del bench.jobs.records[held.id]

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cascade, "clear_away", dies)
    with pytest.raises(KeyboardInterrupt):
        delivered(bench, child)
    assert not bench.jobs.records[child.id].visible(bench.clock.time)
