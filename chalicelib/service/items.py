"""The items of a `job.map`: checked, and the same in every run."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from chalicelib.domain.errors import InvalidRequest, PermanentError
from chalicelib.domain.job import OpenMap
from chalicelib.domain.params import decode
from chalicelib.domain.task import Task
from chalicelib.domain.values import decode_json, digest
from chalicelib.ports.system import System
from chalicelib.service.stash import json_text
from chalicelib.service.uploads import MISSING, missing, named_in

FAULTS_SHOWN = 5  # of an item


class Items:
    """`counted` is their number; None for an iterator, which is read once, as it is stored."""

    def __init__(self, step: str, task: Task, items: Any) -> None:
        if not isinstance(items, Iterable) or isinstance(items, (str, bytes, Mapping)):
            raise TypeError(
                f"items is {type(items).__name__}; it must be a list or another iterable of params"
            )
        self.step, self.task, self._items = step, task, items
        self.counted = len(items) if isinstance(items, Collection) else None
        self.digest = ""  # of all items, once they were read
        self._uploads: dict[str, int] = {}  # not looked for yet, and the first index of each
        self._found: set[str] = set()

    def texts(self) -> Iterator[str]:
        """Each as JSON text. Raises PermanentError for the first that does not fit the task."""
        read = hashlib.sha256()
        for index, item in enumerate(self._items):
            text = json_text(item, f"item {index} of {self.step!r}")
            value = decode_json(text)
            try:
                decode(self.task.params_type, value, f"/{index}")
            except InvalidRequest as error:
                shown = error.errors[:FAULTS_SHOWN]
                faults = "; ".join(f"{fault.pointer}: {fault.detail}" for fault in shown)
                raise PermanentError(
                    f"job.map: item {index} of {self.step!r} does not fit the task"
                    f" {self.task.name}: {faults or error}"
                ) from None
            for upload in named_in(text) - self._found:
                self._uploads.setdefault(upload, index)
            read.update(digest(value).encode())
            yield text
        self.digest = read.hexdigest()[:32]

    def pass_over(self) -> None:
        """The items that were just read are stored already: their uploads were looked for."""
        self._uploads.clear()

    @property
    def needs_upload(self) -> int | None:
        """The first index read so far that names an upload that was not looked for."""
        return next(iter(self._uploads.values()), None)

    def require_uploads(self, system: System, owner: str, at_most: int) -> None:
        """Look for so many of them. Raises PermanentError if one does not exist."""
        some = dict(itertools.islice(self._uploads.items(), at_most))
        if gone := missing(system, owner, some):
            first = min(gone, key=some.__getitem__)
            raise PermanentError(
                f"job.map: item {some[first]} of {self.step!r} names {first}. {MISSING}"
            )
        self._found.update(some)
        for one in some:
            del self._uploads[one]

    def examine(self, known: OpenMap | None) -> None:
        """Check all, and that they are those of an earlier run."""
        count = sum(1 for _ in self.texts())
        if known is not None:
            self.require_same(known, count)

    def require_same(self, known: OpenMap, count: int) -> None:
        """Raises PermanentError if an earlier run had other items. `count` were read now."""
        if count < known.stored or known.digest not in ("", self.digest):
            raise PermanentError(
                f"job.map: {self.step!r} has other items than in an earlier run: make them of what"
                " does not change, such as the params or the result of a `once`."
            )
