"""Checks what is in the bundle: every requirement, for Lambda's platform, and nothing else."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from ops.cli.stage import Refusal

OURS = {"app.py", "chalicelib", "chalice"}
BROUGHT_BY_LAMBDA = {"boto3", "botocore"}
MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}


def check_contents(code: Path, requirements: Path, architecture: str) -> None:
    """Raises Refusal. Chalice leaves out, without a word, what has no wheel for the platform."""
    found = {
        canonicalize_name(one.name): one
        for one in importlib.metadata.distributions(path=[str(code)])
    }
    for requirement in _needed(list(_declared(requirements)), found):
        one = found.get(canonicalize_name(requirement.name))
        if one is None:
            raise Refusal(
                f"{requirement} is not in the bundle: it has no wheel for Lambda's Python on"
                f" {architecture} (requirements.txt says which platforms fit)."
            )
        if one.version not in requirement.specifier:
            raise Refusal(f"The bundle has {one.name} {one.version}, and {requirement} is needed.")
        _check_platform(one, MACHINES[architecture])
    known = OURS | {
        file.parts[0] for one in found.values() for file in one.files or [] if file.parts
    }
    if strangers := sorted({path.name for path in code.iterdir()} - known - _vendored(code)):
        raise Refusal(
            f"The bundle has what belongs to no requirement: {', '.join(strangers)}. Only app.py,"
            " chalicelib, vendor and requirements.txt are to be deployed."
        )


def _declared(requirements: Path) -> Iterator[Requirement]:
    for line in requirements.read_text().splitlines():
        if text := line.partition("#")[0].strip():
            yield Requirement(text)


def _needed(
    open_: list[Requirement], found: Mapping[NormalizedName, importlib.metadata.Distribution]
) -> Iterator[Requirement]:
    """Those declared and all that they need in turn."""
    seen: set[str] = set()
    while open_:
        requirement = open_.pop()
        if str(requirement) in seen or requirement.name in BROUGHT_BY_LAMBDA:
            continue
        seen.add(str(requirement))
        yield requirement
        one = found.get(canonicalize_name(requirement.name))
        extras = requirement.extras or {""}
        for needed in map(Requirement, (one.requires or []) if one else []):
            marker = needed.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
                open_.append(needed)


def _check_platform(one: importlib.metadata.Distribution, machine: str) -> None:
    """A wheel built from source on this machine says `linux`, not `manylinux`: it may need a
    newer C library than Lambda has."""
    tags = [
        line.partition(":")[2].strip()
        for line in (one.read_text("WHEEL") or "").splitlines()
        if line.startswith("Tag:")
    ]
    if not any(tag.endswith("-any") or ("manylinux" in tag and machine in tag) for tag in tags):
        raise Refusal(
            f"{one.name} {one.version} in the bundle is made for {', '.join(tags) or 'nothing'},"
            f" not for Lambda (manylinux, {machine}): pin a version that has such a wheel."
        )


def _vendored(code: Path) -> set[str]:
    """Chalice unpacks vendor/ at the top of the bundle."""
    vendor = Path("vendor")
    return {path.name for path in vendor.iterdir()} if vendor.is_dir() else set()
