"""What the tests of /mcp with public clients need: a service, and the clients as npm and PyPI have
them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import install
from tests.aws import ROOT
from tests.clients.running import running
from tests.clients.test_clients import run
from tests.deploy.project import Project

HERE = Path(__file__).parent
TASKS = "conformance_tasks.py"
CONFORMANCE = "node_modules/@modelcontextprotocol/conformance/dist/index.js"


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of a service that has the tasks of this folder beside its own. It holds a call
    for a second at most, so that a task which takes a second is answered with its handle."""
    folder = tmp_path_factory.mktemp("mcp")
    project = Project(folder / "project")
    shutil.copy(HERE / TASKS, project.path(f"chalicelib/tasks/{TASKS}"))
    (project.folder / ".venv-aws").symlink_to((ROOT / ".venv-aws").resolve())
    with running(folder / "state", project.folder, MAX_WAIT_SECONDS="1") as service:
        yield f"{service}/mcp"


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages of package.json, and a Node that is new enough for all of them."""
    made = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json", "agent.mjs"):
        shutil.copy(HERE / name, made)
    run("npm", "ci", "--no-audit", "--no-fund", cwd=made)
    return made


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with the packages of requirements.txt."""
    made = tmp_path_factory.mktemp("pypi")
    run(sys.executable, "-m", "venv", "--without-pip", str(made), cwd=made)
    found = made / "bin" / "python"
    lock = str(HERE / "requirements.txt")
    run(
        install.uv(),
        "pip",
        "sync",
        "-q",
        "--require-hashes",
        "--python",
        str(found),
        lock,
        cwd=made,
    )
    return found
