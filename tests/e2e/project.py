"""A copy of the project as a user's checkout would be: with tasks of their own."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.aws import ROOT


def copy_with(tasks: Path, folder: Path) -> Path:
    home = folder / "overtime"
    skipped = shutil.ignore_patterns("__pycache__", "deployments", "deployed", "rendered")
    for name in ("chalicelib", "local", "ops", ".chalice"):
        shutil.copytree(ROOT / name, home / name, ignore=skipped)
    for file in ("app.py", "requirements.txt"):
        shutil.copy(ROOT / file, home)
    shutil.copy(tasks, home / "chalicelib" / "tasks")
    return home
