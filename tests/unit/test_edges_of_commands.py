"""What a person may get wrong on this machine: a sentence, and nothing that is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local import install
from local import stage as local_stage
from ops.cli import stage as ops_stage
from tests.aws import ROOT


def test_an_environment_that_is_a_link_is_not_cleared(
    tmp_path: Path,
) -> None:
    elsewhere = tmp_path / "another checkout's"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    link = tmp_path / ".venv"
    link.symlink_to(elsewhere)
    with pytest.raises(install.Refusal, match="remove the link"):
        install.install(link, "requirements-dev.txt", "nothing")
    assert (elsewhere / "kept").exists()


@pytest.mark.parametrize("text", ["[]", '"overtime"', "null"])
def test_a_config_that_is_no_object_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice" / "config.json").write_text(text)
    for module in (local_stage, ops_stage):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match=r"config\.json.*must hold a JSON object"):
        local_stage.read_config()
    with pytest.raises(SystemExit, match=r"config\.json.*must hold a JSON object"):
        ops_stage.read_json(tmp_path / ".chalice" / "config.json")


def test_a_task_file_that_does_not_load_costs_locally_no_other_task(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("none_such")
    program = f"""
import os, chalicelib.tasks
from tests.aws import ENVIRONMENT
os.environ.update(ENVIRONMENT)
chalicelib.tasks.__path__.append({str(tmp_path)!r})
from local.project import load_app
load_app()
import app, chalicelib.tasks
print(*app.tasks(), sep="\\n")
print(*app.system().broken_tasks())
chalicelib.tasks.registered()
"""
    ran: Any = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True
    )
    assert {"fetch", "report", "thumbnails"} <= set(ran.stdout.splitlines())
    assert "broken.py, line 1: NameError" in ran.stdout
    assert ran.returncode == 1, "without leave to skip a file, as on Lambda, it raises"
    assert "BrokenTasks" in ran.stderr


@pytest.mark.parametrize("make", ["doctor", "redrive", "deploy", "tokens", "jobs", "cancel"])
def test_what_is_said_to_make_is_never_read_by_a_shell(make: str) -> None:
    shown = subprocess.run(
        ["make", "-n", make, "STAGE=dev; echo hi"], cwd=ROOT, capture_output=True, text=True
    )
    assert shown.returncode == 0, shown.stderr
    assert '"$STAGE"' in shown.stdout
    assert "echo hi" not in shown.stdout
