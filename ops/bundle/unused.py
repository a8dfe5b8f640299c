"""Leaves out of a bundle the large packages that nothing in it imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

LARGE = {"cryptography", "pillow", "pyjwt"}
"""What only some stages need. A package that you require yourself may be imported by another
package without a word in its metadata, so no other is left out."""
OPENID_CONNECT = "chalicelib/identity/oidc.py"  # imported only where AUTH is jwt


def leave_out_unused(code: Path, auth: str) -> list[str]:
    """Removes them, and what only they require, from the unpacked bundle. Returns their names.

    Call it while `code` holds only what requirements.txt locks and the project's own sources.
    """
    installed = {_name(one.metadata["Name"]): one for one in distributions(path=[str(code)])}
    files = {
        name: [code / str(file) for file in one.files or ()] for name, one in installed.items()
    }
    packaged = {file for listed in files.values() for file in listed}
    own = [path for path in code.rglob("*.py") if path not in packaged]
    if auth != "jwt":
        own = [path for path in own if path != code / OPENID_CONNECT]
    imported = {module for path in own for module in _imports(path)}
    unused = {name for name, one in installed.items() if imported.isdisjoint(_modules(one))}
    gone: set[str] = set()
    while leaving := {
        name
        for name in unused - gone
        if (name in LARGE or _required_by(name, installed, gone))
        and not _required_by(name, installed, installed.keys() - gone)
    }:
        gone |= leaving
    named = sorted(installed[name].metadata["Name"] for name in gone)
    for name in gone:
        _remove(code, files[name])
    return named


def _required_by(name: str, installed: dict[str, Distribution], by: set[str]) -> bool:
    """Whether one of these packages requires it, be it for an extra that may not be used."""
    return any(
        _name(re.split(r"[^\w.-]", text, maxsplit=1)[0]) == name
        for one in by
        for text in installed[one].requires or ()
    )


def _name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()  # PEP 503


def _modules(package: Distribution) -> set[str]:
    return {file.parts[0].partition(".")[0] for file in package.files or ()}


def _imports(path: Path) -> Iterator[str]:
    """The packages that a file imports, at its top or later."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        match node:
            case ast.Import(names=names):
                yield from (one.name.partition(".")[0] for one in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(module)), *_],
            ):
                yield module.partition(".")[0]


def _remove(code: Path, files: list[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
    for folder in sorted({file.parent for file in files}, reverse=True):
        while folder.is_relative_to(code) and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent
