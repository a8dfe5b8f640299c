"""A bundle holds exactly what the lock names, as wheels for Lambda; else it is refused."""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from ops.bundle import contents
from ops.bundle.contents import collect
from ops.cli.stage import Refusal

ABI = f"cp{sys.version_info.major}{sys.version_info.minor}"
PURE, NATIVE = "py3-none-any", f"{ABI}-{ABI}-manylinux_2_17_x86_64"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose requirements come from the folder `wheels` alone."""
    project = tmp_path / "project"
    (project / "chalicelib").mkdir(parents=True)
    (project / "chalicelib" / "__init__.py").touch()
    (project / "app.py").touch()
    (project / "tests").mkdir()
    (project / "wheels").mkdir()
    (project / "requirements.txt").touch()
    monkeypatch.setattr(contents, "ROOT", project)
    monkeypatch.setenv("UV_FIND_LINKS", str(project / "wheels"))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return project


def wheel(project: Path, name: str, tag: str = PURE, requires: str = "") -> str:
    """Makes one, and returns its line in a lock."""
    info = f"{name}-1.0.dist-info"
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    file = project / "wheels" / f"{name}-1.0-{tag}.whl"
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr(f"{name}/__init__.py", "")
        packed.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}"
        )
        packed.writestr(
            f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n"
        )
        packed.writestr(f"{info}/RECORD", "")
    return locked(name, file)


def source(project: Path, name: str) -> str:
    file = project / "wheels" / f"{name}-1.0.tar.gz"
    with tarfile.open(file, "w:gz") as packed:
        made = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()
        member = tarfile.TarInfo(f"{name}-1.0/PKG-INFO")
        member.size = len(made)
        packed.addfile(member, io.BytesIO(made))
    return locked(name, file)


def locked(name: str, file: Path) -> str:
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}\n"


def bundle(project: Path, *lock: str, architecture: str = "x86_64") -> set[str]:
    """What lies at the top of it."""
    (project / "requirements.txt").write_text("".join(lock))
    code = project / "code"
    collect(code, architecture)
    return {path.name for path in code.iterdir()}


APP = {"app.py", "chalicelib", "chalice"}


def test_a_bundle_holds_the_app_and_what_the_lock_names(project: Path) -> None:
    lock = (wheel(project, "fast", NATIVE, requires="slow>=1"), wheel(project, "slow"))
    named = {"fast", "fast-1.0.dist-info", "slow", "slow-1.0.dist-info"}
    assert bundle(project, *lock) == APP | named


def test_what_lies_in_vendor_is_at_the_top_of_the_bundle(project: Path) -> None:
    (project / "vendor" / "ours").mkdir(parents=True)
    assert bundle(project) == APP | {"ours"}


def test_the_bundle_has_no_more_of_chalice_than_its_runtime(project: Path) -> None:
    bundle(project)
    runtime = {path.name for path in (project / "code" / "chalice").iterdir()}
    assert runtime == {"__init__.py", "app.py"}


@pytest.mark.parametrize("platform", ["macosx_11_0_arm64", "manylinux_2_39_x86_64"])
def test_a_wheel_for_another_platform_is_refused(project: Path, platform: str) -> None:
    lock = wheel(project, "fast", f"{ABI}-{ABI}-{platform}")
    with pytest.raises(Refusal, match=r"requirements\.txt does not give what Lambda's Python"):
        bundle(project, lock)


def test_an_arm64_stage_takes_no_x86_64_wheel(project: Path) -> None:
    lock = wheel(project, "fast", NATIVE)
    with pytest.raises(Refusal, match="aarch64-manylinux"):
        bundle(project, lock, architecture="arm64")


def test_what_would_have_to_be_built_from_source_is_refused(project: Path) -> None:
    with pytest.raises(Refusal, match="no usable wheels"):
        bundle(project, source(project, "fast"))


def test_a_file_with_another_hash_than_the_lock_has_is_refused(project: Path) -> None:
    lock = wheel(project, "fast")
    wheel(project, "fast", requires="slow; extra == 'more'")
    with pytest.raises(Refusal, match="Hash mismatch"):
        bundle(project, lock)


def test_a_requirement_without_a_hash_is_refused(project: Path) -> None:
    lock = wheel(project, "fast").partition(" ")[0]
    with pytest.raises(Refusal, match=r"After a change of requirements\.in: make lock"):
        bundle(project, lock)


def test_what_a_requirement_requires_must_be_in_the_lock_too(project: Path) -> None:
    lock = wheel(project, "fast", requires="slow")
    wheel(project, "slow")
    with pytest.raises(Refusal, match="slow"):
        bundle(project, lock)
