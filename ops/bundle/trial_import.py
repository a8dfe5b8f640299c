"""Tries the bundle: the template by cfn-lint, the code by importing it as Lambda will."""

from __future__ import annotations

import importlib.util
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from ops.cli.stage import Refusal
from ops.template.declared import Template
from ops.template.functions import FUNCTION

# what Lambda's own runtime brings along
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")

TRIAL = """
import importlib, importlib.machinery, json, os, sys
code, runtime, handlers = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
sys.path[:0] = [code]
sys.path.append(runtime)
sys.dont_write_bytecode = True

def compiling(self, data, path, *rest, **named):
    if path.startswith(code):
        raise SystemExit(f"{path[len(code) + 1:]} has no bytecode in the bundle")
    return source_to_code(self, data, path, *rest, **named)

source_to_code = importlib.machinery.SourceFileLoader.source_to_code
importlib.machinery.SourceFileLoader.source_to_code = compiling

import botocore.session
def building(self, service, *rest, **named):
    raise SystemExit(f"importing app.py builds an AWS client ({service}); wiring.py builds them"
        " when they are first needed")
botocore.session.Session.create_client = building

for handler in handlers:
    module, _, name = handler.partition(".")
    if not callable(getattr(importlib.import_module(module), name, None)):
        raise SystemExit(f"there is no function {handler}")

if os.environ["AUTH"] == "jwt":
    importlib.import_module("chalicelib.identity.oidc")

if lines := importlib.import_module("chalicelib.tasks").broken_files():
    raise SystemExit("\\n".join(lines))
declarations = importlib.import_module("chalicelib.service.declarations")
if lines := declarations.refused(importlib.import_module("app").system()):
    raise SystemExit("\\n".join(lines))
"""


HERE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
"""This machine's architecture, as Lambda names it."""


def try_bundle(code: Path, template: Template, environment: dict[str, str]) -> None:
    """With nothing but `code`, the unpacked bundle, Python and boto3 to import from. Raises
    Refusal with what the import said."""
    handlers = sorted(
        resource["Properties"]["Handler"]
        for resource in template["Resources"].values()
        if resource["Type"] == FUNCTION
    )
    with tempfile.TemporaryDirectory() as runtime:
        runtime_in(Path(runtime))
        ran = subprocess.run(
            # -I -S: no site-packages, no environment of Python's, no current folder
            [sys.executable, "-I", "-S", "-c", TRIAL, str(code), runtime, json.dumps(handlers)],
            env=environment | {"AWS_DEFAULT_REGION": "us-east-1", "PATH": ""},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    if ran.returncode != 0:
        raise Refusal(
            f"{ran.stderr.strip()}\nThe bundle cannot be imported as Lambda does it; see above."
        )


def runtime_in(folder: Path) -> Path:
    """Fills the folder with links to what Lambda's own runtime brings along."""
    for name in RUNTIME:
        origin = Path(_origin(name))
        (folder / origin.name).symlink_to(origin)
    return folder


def lint(template: Path) -> None:
    """Raises Refusal with what cfn-lint finds."""
    linter = Path(sys.executable).with_name("cfn-lint")  # it has no `python -m` of its own
    command = [str(linter), "--format", "parseable", str(template)]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if ran.returncode != 0:
        raise Refusal(f"{ran.stdout}{ran.stderr}\nThe template has errors; see above.")


def _origin(name: str) -> str:
    """The folder of a package, the file of a module."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise Refusal(f"{name} is not installed here: make app")
    if spec.submodule_search_locations:
        return next(iter(spec.submodule_search_locations))
    return spec.origin
