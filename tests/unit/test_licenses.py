"""Every package that the project installs comes under open source terms that anyone may use."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import Distribution, distributions

import pytest

from tests.aws import ROOT

# SPDX identifiers, and what packages that declare none call the same licenses.
PERMISSIVE = {
    *("MIT", "MIT-0", "MIT-CMU", "MIT License", "MIT license"),
    *("BSD-2-Clause", "BSD-3-Clause", "BSD", "BSD License"),
    *("ISC", "ISC License (ISCL)"),
    *("Apache-2.0", "Apache Software License"),
    *("PSF-2.0", "CNRI-Python", "Python Software Foundation License"),
}
# Their own files stay under the Mozilla Public License. No bundle holds them.
MOZILLA = {"certifi", "hypothesis", "jinxed", "pathspec"}


def declared(package: Distribution) -> list[str]:
    """A package may be used where each of these terms allows it."""
    about = package.metadata
    if "License-Expression" in about:
        return [about["License-Expression"]]
    kinds = [str(one) for one in about.get_all("Classifier", []) if one.startswith("License ::")]
    return [kind.rpartition(" :: ")[2] for kind in kinds] or about.get_all("License", ["none"])


def allowed(terms: str) -> bool:
    """Whether one choice of an SPDX expression is allowed whole. Parentheses are not read."""
    return any(PERMISSIVE.issuperset(choice.split(" AND ")) for choice in terms.split(" OR "))


@pytest.mark.parametrize("environment", [".venv", ".venv-aws"])
def test_anyone_may_use_what_is_installed(environment: str) -> None:
    [packages] = (ROOT / environment).glob("lib/python*/site-packages")
    found = {one.metadata["Name"]: declared(one) for one in distributions(path=[str(packages)])}
    assert len(found) > 20
    others = {name: terms for name, terms in found.items() if not all(map(allowed, terms))}
    assert {name: terms for name, terms in others.items() if name not in MOZILLA} == {}
    assert all("MPL" in " ".join(terms) for terms in others.values())


def test_no_bundle_holds_files_under_the_mozilla_license() -> None:
    requirements = (ROOT / "requirements.txt").read_text().lower()
    assert [name for name in MOZILLA if name in requirements] == []


def test_what_the_console_brings_along_is_as_published_and_under_such_terms() -> None:
    folder = ROOT / "chalicelib" / "console"
    vendored = json.loads((folder / "vendored.json").read_text())
    for name, about in vendored.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == about["sha256"]
        assert all(map(allowed, about["licenses"].values()))
        assert all((folder / notice).is_file() for notice in about["licenses"])


@pytest.mark.parametrize(
    ("terms", "may"),
    [
        ("MIT", True),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("MIT AND (GPL-3.0-only OR MIT)", False),
        ("none", False),
    ],
)
def test_of_two_licenses_both_or_one_must_be_allowed(terms: str, may: bool) -> None:
    assert allowed(terms) is may
