"""A bundle that could not run, or holds what does not belong, is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.bundle.contents import check_contents
from ops.cli.stage import Refusal

PURE, NATIVE = "py3-none-any", "cp311-cp311-manylinux_2_17_x86_64"


@pytest.fixture
def code(tmp_path: Path) -> Path:
    code = tmp_path / "code"
    for name in ("chalicelib", "chalice"):
        (code / name).mkdir(parents=True)
    (code / "app.py").write_text("")
    return code


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.txt"
    file.write_text("# what travels\nfast==1.0  # why\n")
    return file


def install(code: Path, name: str, version: str, tag: str = PURE, requires: str = "") -> None:
    info = code / f"{name}-{version}.dist-info"
    info.mkdir()
    (code / name).mkdir()
    (code / name / "__init__.py").touch()
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
    )
    (info / "WHEEL").write_text(f"Wheel-Version: 1.0\nTag: {tag}\n")
    (info / "RECORD").write_text(f"{name}/__init__.py,,\n{info.name}/METADATA,,\n")


def test_what_is_required_is_there(code: Path, requirements: Path) -> None:
    install(code, "fast", "1.0", NATIVE)
    check_contents(code, requirements, "x86_64")


def test_a_requirement_that_was_left_out_is_named(code: Path, requirements: Path) -> None:
    with pytest.raises(Refusal, match=r"fast==1\.0 is not in the bundle"):
        check_contents(code, requirements, "x86_64")


def test_so_is_a_requirement_of_a_requirement(code: Path, requirements: Path) -> None:
    install(code, "fast", "1.0", requires="slow>=2; python_version >= '3.8'")
    with pytest.raises(Refusal, match=r"slow>=2.* is not in the bundle"):
        check_contents(code, requirements, "x86_64")
    install(code, "slow", "2.1")
    check_contents(code, requirements, "x86_64")


@pytest.mark.parametrize(
    "requires", ["slow>=2; extra == 'more'", "slow>=2; python_version < '3'", "boto3>=1"]
)
def test_what_is_not_needed_here_may_be_missing(
    code: Path, requirements: Path, requires: str
) -> None:
    install(code, "fast", "1.0", requires=requires)
    check_contents(code, requirements, "x86_64")


def test_another_version_than_required_is_refused(code: Path, requirements: Path) -> None:
    install(code, "fast", "1.1")
    with pytest.raises(Refusal, match=r"has fast 1\.1, and fast==1\.0 is needed"):
        check_contents(code, requirements, "x86_64")


@pytest.mark.parametrize("tag", ["cp311-cp311-linux_x86_64", "cp311-cp311-macosx_11_0_arm64"])
def test_what_was_built_for_another_machine_is_refused(
    code: Path, requirements: Path, tag: str
) -> None:
    install(code, "fast", "1.0", tag)
    with pytest.raises(Refusal, match=r"not for Lambda \(manylinux, x86_64\)"):
        check_contents(code, requirements, "x86_64")


def test_an_arm64_stage_takes_arm64_wheels(code: Path, requirements: Path) -> None:
    install(code, "fast", "1.0", NATIVE)
    with pytest.raises(Refusal, match=r"not for Lambda \(manylinux, aarch64\)"):
        check_contents(code, requirements, "arm64")


@pytest.mark.parametrize("stranger", ["tests", "local", "ops", "notes.txt"])
def test_what_belongs_to_no_requirement_is_refused(
    code: Path, requirements: Path, stranger: str
) -> None:
    install(code, "fast", "1.0")
    (code / stranger).touch()
    with pytest.raises(Refusal, match=f"belongs to no requirement: {stranger}"):
        check_contents(code, requirements, "x86_64")
