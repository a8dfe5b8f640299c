"""What is installed, here and in Lambda, is pinned whole, with hashes."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement

from local import install
from tests.aws import ROOT

LOCKS = tuple(install.LOCKS)


def declared(name: str) -> list[Requirement]:
    """The requirements of a lock, or of the file that it was made of."""
    lines = (ROOT / name).read_text().replace("\\\n", "").splitlines()
    texts = [line.partition("#")[0].partition("--hash")[0].strip() for line in lines]
    return [Requirement(text) for text in texts if text and not text.startswith("-")]


def pins(name: str) -> set[tuple[str, str]]:
    return {(one.name.lower(), str(one.specifier)) for one in declared(name)}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_each_requirement_with_its_hashes(lock: str) -> None:
    for line in (ROOT / lock).read_text().replace("\\\n", "").splitlines():
        if not line.startswith("#"):
            assert "==" in line, line
            assert "--hash=sha256:" in line, line


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_what_its_source_names(lock: str) -> None:
    source = Path(lock).with_suffix(".in").as_posix()
    locked = {one.name.lower(): one for one in declared(lock)}
    for one in declared(source):
        pinned = str(locked[one.name.lower()].specifier).removeprefix("==")
        assert pinned in one.specifier, f"{one} is not in {lock}: make lock"


def test_tests_run_on_the_versions_that_are_deployed() -> None:
    assert pins("requirements.txt") <= pins("requirements-dev.txt")


def test_make_run_has_the_versions_that_are_developed_with() -> None:
    assert pins("local/requirements-run.txt") <= pins("requirements-dev.txt")


def test_the_peers_of_the_benchmark_have_the_botocore_that_ours_has() -> None:
    [theirs] = [pin for pin in pins("bench/requirements.txt") if pin[0] == "botocore"]
    assert theirs in pins("requirements-dev.txt"), "make lock"


def test_a_runtime_dependency_says_why_it_is_one() -> None:
    for line in (ROOT / "requirements.in").read_text().splitlines():
        assert line.startswith("#") or "  # " in line, line


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_the_state_of_its_sources(lock: str) -> None:
    assert install.digest_of(install.LOCKS[lock]) in install.header(lock), "make lock"
