"""A bundle lacks the large packages that nothing in it imports, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.bundle.unused import leave_out_unused


def package(code: Path, name: str, module: str, *requires: str) -> None:
    about = code / f"{name}-1.0.dist-info"
    about.mkdir()
    lines = [f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {one}" for one in requires)]
    (about / "METADATA").write_text("\n".join(lines) + "\n")
    (code / module / "inner").mkdir(parents=True)
    files = [f"{module}/__init__.py", f"{module}/inner/code.py", f"{about.name}/METADATA"]
    for file in files[:2]:
        (code / file).touch()
    files.append(f"{about.name}/RECORD")
    (about / "RECORD").write_text("".join(f"{file},,\n" for file in files))


@pytest.fixture
def code(tmp_path: Path) -> Path:
    package(tmp_path, "PyJWT", "jwt", "cryptography>=3.4; extra == 'crypto'")
    package(tmp_path, "cryptography", "cryptography", "cffi>=2.0")
    package(tmp_path, "cffi", "cffi", "pycparser")
    package(tmp_path, "pycparser", "pycparser")
    package(tmp_path, "pillow", "PIL")
    package(tmp_path, "openpyxl", "openpyxl")  # which pandas loads, and no task names
    for folder in ("chalicelib/identity", "chalicelib/tasks"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "app.py").write_text("import json\n")
    (tmp_path / "chalicelib/identity/oidc.py").write_text("from jwt import PyJWTError\n")
    return tmp_path


def task(code: Path, source: str) -> None:
    (code / "chalicelib" / "tasks" / "mine.py").write_text(source)


def test_what_nothing_imports_is_left_out_with_what_only_it_requires(code: Path) -> None:
    gone = leave_out_unused(code, "tokens")
    assert gone == ["PyJWT", "cffi", "cryptography", "pillow", "pycparser"]
    assert sorted(path.name for path in code.iterdir()) == [
        *("app.py", "chalicelib", "openpyxl", "openpyxl-1.0.dist-info")
    ]


def test_a_stage_with_openid_connect_keeps_what_checks_its_tokens(code: Path) -> None:
    assert leave_out_unused(code, "jwt") == ["pillow"]
    assert (code / "cffi" / "inner" / "code.py").exists()


@pytest.mark.parametrize(
    "source",
    [
        "import PIL.Image\n",
        "def run(job):\n    from PIL import Image\n",
        "import importlib\nimage = importlib.import_module('PIL.Image')\n",
        "image = __import__('PIL')\n",
    ],
)
def test_what_a_task_imports_stays_however_it_does(code: Path, source: str) -> None:
    task(code, source)
    assert "pillow" not in leave_out_unused(code, "tokens")


def test_what_a_task_imports_keeps_what_that_requires(code: Path) -> None:
    task(code, "import jwt\n")
    assert leave_out_unused(code, "tokens") == ["pillow"]


def test_what_another_package_may_use_stays(code: Path) -> None:
    package(code, "qrcode", "qrcode", 'pillow>=9.1.0; extra == "pil"')
    task(code, "import qrcode\n")
    assert "pillow" not in leave_out_unused(code, "tokens")


def test_what_a_left_out_package_requires_stays_where_a_task_imports_it(code: Path) -> None:
    task(code, "import cffi\n")
    assert leave_out_unused(code, "tokens") == ["PyJWT", "cryptography", "pillow"]
