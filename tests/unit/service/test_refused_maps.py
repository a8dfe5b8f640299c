"""Maps that can never work fail their job, with an error that names the item."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.domain import children
from chalicelib.domain.handle import Job
from chalicelib.domain.task import task
from chalicelib.service import maps
from chalicelib.service.uploads import upload_key
from chalicelib.testing import OWNER, Bench
from tests.unit.service.mapping import of_kind, page, pages, tried


def refused(function: Callable[[Job], Any], bench: Bench | None = None) -> str:
    done = tried(function, bench)
    assert (done.status, done.attempts) == ("failed", 1)
    assert done.error is not None
    return done.error.detail


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("pages", "nothing", []),
            "job.map: there is no task 'nothing'; the tasks are: page, book",
        ),
        (("pages", "overtime.children", []), "job.map: there is no task 'overtime.children'"),
        (("pages", 7, []), "job.map: "),
        (("Pages!", "page", []), "job.map: 'Pages!' cannot name a waiting step"),
        (("pages", "page", "text"), "job.map: items is str; it must be a list"),
        (("pages", "page", {"number": 1}), "job.map: items is dict"),
        (("pages", "page", 7), "job.map: items is int"),
        (("pages", "page", [object()]), "The item 0 of 'pages' is not JSON"),
    ],
)
def test_wrong_arguments_fail_the_parent_at_once(arguments: tuple[Any, ...], said: str) -> None:
    bench = Bench(tasks=[page])
    assert refused(lambda job: job.map(*arguments), bench).startswith(said)
    assert of_kind(bench, "page") == []


def test_an_item_of_a_list_that_does_not_fit_is_named_before_any_child_is_stored() -> None:
    bench = Bench(tasks=[page])
    items = [{"number": 1}, {"number": "two", "fails": 3}]
    said = refused(lambda job: job.map("pages", page, items), bench)
    assert said.startswith("job.map: item 1 of 'pages' does not fit the task page: /1/number: ")
    assert "/1/fails: " in said
    assert of_kind(bench, "page") == []


def test_an_item_of_an_iterator_that_does_not_fit_is_named_when_it_is_read() -> None:
    items: list[Any] = [{"number": 1}, {"number": "two"}]
    said = refused(lambda job: job.map("pages", page, iter(items)))
    assert said.startswith("job.map: item 1 of 'pages' does not fit")


@task("copy")
def copy(job: Job, params: dict[str, Any]) -> None:
    pass


@pytest.mark.parametrize(("items", "at_once"), [(list, 1), (iter, 200)])
@pytest.mark.parametrize("owner", [None, "eve"])
def test_an_item_that_names_no_upload_of_the_owner_is_named_before_any_child_is_stored(
    monkeypatch: pytest.MonkeyPatch,
    items: Callable[[list[Any]], Any],
    at_once: int,
    owner: str | None,
) -> None:
    monkeypatch.setattr(maps, "AT_ONCE", at_once)
    bench = Bench(tasks=[copy])
    there, gone = bench.upload(b"a"), f"upload:{'0' * 32}"
    if owner is not None:
        bench.payloads.put(upload_key(owner, gone), b"of another owner", "text/csv")
    found = [{"source": there}, {"sources": [there, gone]}, {"source": gone}]
    said = refused(lambda job: job.map("copies", copy, items(found)), bench)
    assert said.startswith(f"job.map: item 1 of 'copies' names {gone}. There is no such upload")
    assert of_kind(bench, "copy") == []


@pytest.mark.parametrize("ahead", [10_000, 0])
def test_each_upload_is_looked_for_once_and_items_without_any_cost_nothing(
    monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    monkeypatch.setattr(maps, "AHEAD", ahead)
    monkeypatch.setattr(maps, "AT_ONCE", 2)
    bench = Bench(tasks=[copy, page])
    size, asked = bench.payloads.size, list[str]()

    def counted(key: str) -> int | None:
        asked.append(key)
        return size(key)

    monkeypatch.setattr(bench.payloads, "size", counted)
    uploads = [bench.upload(b"a") for _ in range(5)]

    def book(job: Job) -> int:
        job.map("pages", page, pages(3))
        return len(job.map("copies", copy, [{"sources": [one, uploads[0]]} for one in uploads]))

    assert tried(book, bench).result == 5
    assert sorted(asked) == sorted(upload_key(OWNER, one) for one in uploads)


def test_a_second_map_under_one_name_is_refused_in_the_run_that_comes_to_it() -> None:
    def book(job: Job) -> None:
        for _ in range(2):
            job.map("pages", page, pages(2))

    assert refused(book) == (
        "job.map: 'pages' is reached twice in one run: give each wait a name of its own"
    )


def test_other_items_than_in_the_first_run_are_refused() -> None:
    runs: list[int] = []

    def book(job: Job) -> int:
        runs.append(1)
        return len(job.map("pages", page, pages(2 + len(runs))))

    assert "'pages' has other items than in an earlier run" in refused(book)


def test_another_task_than_in_the_first_run_is_refused() -> None:
    runs: list[int] = []
    other = task("other")(page.function)

    def book(job: Job) -> int:
        runs.append(1)
        return len(job.map("pages", page if len(runs) == 1 else other, pages(2)))

    said = refused(book, Bench(tasks=[page, other]))
    assert said.startswith("job.map: 'pages' had the task page in an earlier run, and has other")


@pytest.mark.parametrize(
    "second", [lambda job: job.sleep("pages", 60), lambda job: job.once("pages", int)]
)
def test_a_name_is_for_one_kind_of_step(second: Callable[[Job], Any]) -> None:
    def book(job: Job) -> None:
        job.map("pages", page, pages(1))
        second(job)

    assert "'pages' is a map already" in refused(book)


def test_a_name_that_was_a_sleep_in_an_earlier_run_is_refused_for_a_map() -> None:
    runs: list[int] = []

    def book(job: Job) -> None:
        runs.append(1)
        if len(runs) == 1:
            job.sleep("pages", 60)
        job.map("pages", page, pages(1))

    assert "'pages' was a sleep in an earlier run" in refused(book)


def test_a_run_that_reaches_another_step_than_the_one_it_was_woken_for_fails() -> None:
    runs: list[int] = []

    def book(job: Job) -> None:
        runs.append(1)
        job.map("pages" if len(runs) == 1 else "leaves", page, pages(1))

    said = refused(book)
    assert "'pages'" in said
    assert "'leaves'" in said


def test_more_descendants_than_allowed_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "DESCENDANTS_AT_MOST", 10)
    bench = Bench(tasks=[page])
    said = refused(lambda job: job.map("pages", page, pages(11)), bench)
    assert "'pages' has 11 items, and this job may have 10 further descendants" in said
    assert of_kind(bench, "page") == []
    assert tried(lambda job: len(job.map("pages", page, pages(10))), bench).result == 10

    def endless() -> Iterator[dict[str, int]]:
        number = 0
        while True:
            yield {"number": number}
            number += 1

    assert "'pages' has more than 10 items" in refused(
        lambda job: job.map("pages", page, endless())
    )
