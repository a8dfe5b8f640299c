"""The state folder of `make run`: this user's alone, unknown to git, and never another's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from local.__main__ import claim
from local.settings import Refusal


def mode(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


def test_it_is_made_for_this_user_alone(tmp_path: Path) -> None:
    claim(tmp_path / "new" / "state")
    assert mode(tmp_path / "new" / "state") == 0o700


def test_one_that_others_could_read_is_closed(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(0o755)
    (state / "lock").touch()
    (state / "state").mkdir()
    claim(state)
    assert mode(state) == 0o700


def test_git_sees_nothing_of_it_wherever_it_lies(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    claim(tmp_path / "anywhere")
    (tmp_path / "anywhere" / "jobs.json").touch()
    status = ["git", "-C", str(tmp_path), "status", "--porcelain", "--untracked-files=all"]
    assert subprocess.run(status, check=True, capture_output=True).stdout == b""


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "app.py").touch()
    with pytest.raises(Refusal, match="holds other files"):
        claim(tmp_path)
    assert mode(tmp_path) == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["app.py"]


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refusal, match="cannot be used"):
        claim(tmp_path / "file")
