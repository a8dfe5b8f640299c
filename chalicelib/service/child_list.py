"""What a parent gets of its children: their ends and results, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

from chalicelib.domain import children
from chalicelib.domain.children import Child, ChildArtifact
from chalicelib.domain.errors import PermanentError
from chalicelib.domain.job import JobRecord, Stored
from chalicelib.domain.values import decode_json
from chalicelib.ports.runtime import Interrupts
from chalicelib.ports.stores import READ_AT_ONCE
from chalicelib.ports.system import System
from chalicelib.service.stash import fetch


class Children(Sequence[Child]):
    """In the order of the items. Holds one page at a time, so that memory stays small."""

    def __init__(
        self, system: System, record: JobRecord, step: str, total: int, interrupts: Interrupts
    ) -> None:
        self._system, self._record, self._step, self._total = system, record, step, total
        self._interrupts = interrupts
        self._page: dict[int, Child] = {}  # by index

    def __len__(self) -> int:
        return self._total

    @overload
    def __getitem__(self, index: int) -> Child: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Child]: ...
    def __getitem__(self, index: int | slice) -> Child | Sequence[Child]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(self._total))]
        at = index + self._total if index < 0 else index
        if not 0 <= at < self._total:
            raise IndexError(f"there are {self._total} children, and none at {index}")
        if at not in self._page:
            self._page = self._read(at // READ_AT_ONCE * READ_AT_ONCE)
        return self._page[at]

    def _read(self, start: int) -> dict[int, Child]:
        end = min(start + READ_AT_ONCE, self._total)
        ids = list(children.child_ids(self._record, self._step, start, end))
        with self._interrupts.shielded():
            found = {one.id: one for one in self._system.jobs.read_many(ids)}
        for index, child_id in enumerate(ids, start):
            if child_id not in found:
                raise PermanentError(f"Child {index} of {self._step!r} no longer exists.")
        return {index: self._seen(found[child_id]) for index, child_id in enumerate(ids, start)}

    def _seen(self, record: JobRecord) -> Child:
        files = (
            ChildArtifact(one.name, one.content_type, one.size, f"artifact:{record.id}/{one.name}")
            for one in record.artifacts
        )
        stored = record.result
        return Child(
            record.id, record.status, record.error, tuple(files), lambda: self._result(stored)
        )

    def _result(self, stored: Stored | None) -> Any:
        if stored is None:
            return None
        if stored.text is not None:
            return decode_json(stored.text)
        with self._interrupts.shielded():
            text = fetch(self._system, stored, "The result of a child no longer exists.")
        return decode_json(text)
