"""Notices when the project's sources change, by looking at them: no watcher to lose an event."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from local.settings import ROOT

TEMPLATE = [ROOT / ".chalice" / f"{name}.json" for name in ("config", "lane", "resources")]
WATCHED = (ROOT / "app.py", ROOT / "chalicelib", *TEMPLATE)


class Sources:
    def __init__(self) -> None:
        self._known = self._latest = look()

    def changed(self) -> set[Path]:
        """The files that changed since they were last reported, once two looks see the same.

        An editor may write a file in steps, and a checkout many files: none is read half-written.
        """
        before, self._latest = self._latest, look()
        if self._latest != before or self._latest == self._known:
            return set()
        differences = self._known.items() ^ self._latest.items()
        self._known = self._latest
        return {path for path, _ in differences}


def look() -> dict[Path, tuple[int, int]]:
    """Time and size of every source."""
    seen = {}
    for path in _files():
        try:
            facts = path.stat()
        except FileNotFoundError:  # an editor was quicker
            continue
        seen[path] = (facts.st_mtime_ns, facts.st_size)
    return seen


def _files() -> Iterator[Path]:
    for root in WATCHED:
        if not root.is_dir():
            yield root
        for folder, folders, names in os.walk(root):
            if "__pycache__" in folders:
                folders.remove("__pycache__")
            for name in names:
                if not name.startswith(".") and not name.endswith("~"):  # editors' own files
                    yield Path(folder, name)
