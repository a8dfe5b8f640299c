"""Measures what task files import: python -m ops.bundle.import_times

Every function loads every task file when it starts. A heavy package at the top of one slows each
cold start, also of the API.
"""

from __future__ import annotations

import builtins
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ops.cli.stage import ROOT

HEAVY = 0.05  # seconds of CPU
PLACE = "chalicelib.tasks."
DEFER = (
    "Import it in the function that uses it, in place of at the top of the file: then only the"
    " first such job of a worker loads it."
)


@dataclass(frozen=True)
class HeavyImport:
    package: str
    seconds: float
    """Of CPU, on this machine."""
    files: list[str]

    def __str__(self) -> str:
        files = " and ".join(self.files)
        took = f"{self.seconds * 1_000:.0f} ms of CPU"
        return f"{self.package} takes {took} in every cold start: it is imported by {files}"


def heavy_imports() -> list[HeavyImport]:
    """What files in chalicelib/tasks import at their top and takes over 50 ms, slowest first."""
    ran = subprocess.run(
        [sys.executable, "-m", __name__],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return heavy(json.loads(ran.stdout.splitlines()[-1]))


def heavy(measured: Iterable[tuple[str, str, float]]) -> list[HeavyImport]:
    """Of imports as (file, package, CPU seconds): who imports a package first pays for all."""
    files: defaultdict[str, list[str]] = defaultdict(list)
    seconds: defaultdict[str, float] = defaultdict(float)
    for file, package, took in measured:
        seconds[package] += took
        if file not in files[package]:
            files[package].append(file)
    slowest = sorted(seconds, key=lambda package: -seconds[package])
    return [HeavyImport(one, seconds[one], files[one]) for one in slowest if seconds[one] > HEAVY]


def measure() -> list[tuple[str, str, float]]:
    """Each import that a task file makes while it is loaded."""
    import chalicelib.tasks

    found: list[tuple[str, str, float]] = []
    builtin: Any = builtins
    load, within = builtin.__import__, False

    def timing(name: str, scope: Any = None, *rest: Any, **named: Any) -> Any:
        nonlocal within
        importer = str((scope or {}).get("__name__"))
        package = name.partition(".")[0]
        if within or not importer.startswith(PLACE) or package in ("", "chalicelib"):
            return load(name, scope, *rest, **named)
        within, began = True, time.process_time()
        try:
            return load(name, scope, *rest, **named)
        finally:
            within = False
            file = importer.replace(".", "/") + (".py" if "__path__" not in scope else "")
            found.append((file, package, time.process_time() - began))

    builtin.__import__ = timing
    try:
        chalicelib.tasks.registered(skip_broken=True)
    finally:
        builtin.__import__ = load
    return found


if __name__ == "__main__":
    print(json.dumps(measure()))
