"""The Python client as it would be published: built, and tried in environments of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from local.install import uv
from overtime import __version__
from tests.aws import ROOT

CLIENT = ROOT / "client" / "python"
PROJECT = tomllib.loads((CLIENT / "pyproject.toml").read_text())["project"]


def run(*command: str, code: int = 0, **environment: str) -> str:
    kept = {name: one for name, one in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, env=kept | environment)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("dist")
    run(uv(), "build", "-q", "--python", sys.executable, "--out-dir", str(folder), str(CLIENT))
    [wheel], [sdist] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return {"wheel": wheel, "sdist": sdist}


def empty_environment(folder: Path) -> Path:
    run(uv(), "venv", "-q", "--python", sys.executable, str(folder))
    return folder / "bin"


def test_the_wheel_holds_the_package_its_types_and_its_license(built: dict[str, Path]):
    assert built["wheel"].name == f"overtime_client-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(built["wheel"]) as wheel:
        names = set(wheel.namelist())
        about = wheel.read(f"overtime_client-{__version__}.dist-info/METADATA").decode()
    sources = CLIENT / "src"
    wanted = {str(one.relative_to(sources)) for one in sources.rglob("*.py")}
    assert wanted | {"overtime/py.typed"} <= names
    assert f"overtime_client-{__version__}.dist-info/licenses/LICENSE" in names
    assert "License-Expression: Apache-2.0" in about
    assert "# overtime-client" in about


def test_the_sdist_holds_what_builds_the_wheel_and_nothing_else(built: dict[str, Path]):
    with tarfile.open(built["sdist"]) as sdist:
        top = {name.split("/")[1] for name in sdist.getnames()}
    assert top <= {
        *("src", "README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", "PKG-INFO"),
        ".gitignore",
    }
    assert (CLIENT / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_what_was_built_runs_a_job_in_an_empty_environment(
    built: dict[str, Path], kind: str, tmp_path: Path, service: str
):
    bin_folder = empty_environment(tmp_path / "env")
    python, overtime = str(bin_folder / "python"), str(bin_folder / "overtime")
    run(uv(), "pip", "install", "-q", "--python", python, f"{built[kind]}[cli]")
    assert "Submit slow work" in run(overtime, "--help")
    assert run(overtime, "--version").strip() == __version__
    (tmp_path / "a.csv").write_text("carrier\nAA\nUA\n")
    shown = run(
        *(overtime, "run", "report", "-p", "group_by=carrier", "-p", "metrics=count"),
        *("-f", f"source={tmp_path}/a.csv", "-o", str(tmp_path / "out"), "--url", service),
    )
    assert json.loads(shown)["rows"] == 2
    assert (tmp_path / "out" / "report.csv").read_text() == "carrier,count\nAA,1\nUA,1\n"


def test_without_the_extra_the_library_works_and_the_command_says_what_to_install(
    built: dict[str, Path], tmp_path: Path, service: str
):
    bin_folder = empty_environment(tmp_path / "env")
    python = str(bin_folder / "python")
    run(uv(), "pip", "install", "-q", "--python", python, str(built["wheel"]))
    look = f"import overtime; print([one.name for one in overtime.Client({service!r}).tasks()])"
    assert "'report'" in run(python, "-c", look)
    assert "pip install 'overtime-client[cli]'" in run(str(bin_folder / "overtime"), code=2)


def test_the_project_tests_the_client_with_all_that_it_needs():
    """So that their licenses are checked, and their versions locked."""
    lines = (ROOT / "requirements-dev.txt").read_text().splitlines()
    locked = {line.partition("==")[0].lower() for line in lines if "==" in line}
    extras = PROJECT["optional-dependencies"].values()
    needed = [*PROJECT["dependencies"], *(one for extra in extras for one in extra)]
    assert {Requirement(one).name for one in needed} <= locked
