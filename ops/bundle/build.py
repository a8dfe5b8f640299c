"""Builds what is deployed, the zip and the template, into build/<stage>.

The zip holds bytecode beside the sources, so that a cold start compiles nothing, and depends on
nothing but its content: two builds of the same sources are the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ops.bundle.contents import collect
from ops.bundle.import_times import DEFER, heavy_imports
from ops.bundle.models import write_models
from ops.bundle.trial_import import HERE, lint, try_bundle
from ops.bundle.unused import leave_out_unused
from ops.cli.stage import ROOT, Refusal, Stage
from ops.template.compose import compose
from ops.template.declared import Template, promised_environment
from ops.template.push import template_by_default

LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say
LAMBDA_FOLDER = "/var/task"  # the folder of the code in tracebacks
FILE, READ_ONLY = 0o100000, 0o644


@dataclass(frozen=True)
class Bundle:
    """The template's functions name the zip in CodeUri, as a local file."""

    archive: Path
    sha256: str
    template: Template


def build(stage: Stage) -> Bundle:
    """Raises Refusal if the result could not run."""
    _refuse_open_access(stage)
    environment = promised_environment(stage, template_by_default(stage))
    out = ROOT / "build" / stage.name
    out.mkdir(parents=True, exist_ok=True)
    archive = out / "bundle.zip"
    with tempfile.TemporaryDirectory() as folder:
        generated = _generate(stage, environment, Path(folder) / "sam.json")
        architecture = generated["Resources"]["APIHandler"]["Properties"]["Architectures"][0]
        template = compose(stage, generated)
        code = Path(folder) / "code"
        auth = stage.environment["AUTH"]
        if unused := code_for(code, architecture, auth):
            print(f"  left out, since nothing imports them: {', '.join(unused)}")
        if sys.platform == "linux":
            tried = code
            if architecture != HERE:
                code_for(tried := Path(folder) / "tried", HERE, auth)
            try_bundle(tried, template, environment | stage.environment)
        else:
            print("  not imported here: Lambda's wheels are for Linux, which this is not")
        _pack(code, archive)
    for slow in heavy_imports():
        print(f"  {slow}. {DEFER}")
    _keep(json.dumps(template, indent=1), out / "template.json")
    return Bundle(archive, hashlib.sha256(archive.read_bytes()).hexdigest(), template)


def _refuse_open_access(stage: Stage) -> None:
    if stage.environment.get("AUTH", "open") == "open":
        raise Refusal(
            f"The stage {stage.name} would admit every caller: AUTH=open is only for `make run`."
            ' Set "AUTH": "tokens" (or jwt, iam) in environment_variables of .chalice/config.json.'
        )


def _generate(stage: Stage, environment: dict[str, str], file: Path) -> Template:
    shell = {"AWS_DEFAULT_REGION": "us-east-1"} | dict(os.environ)  # Chalice needs some region
    ran = subprocess.run(
        [sys.executable, "-m", "ops.bundle.generate", stage.name, str(file)],
        cwd=ROOT,
        env=shell | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if ran.returncode != 0:
        raise Refusal(f"{ran.stdout}{ran.stderr}\nChalice could not package the app; see above.")
    generated: Template = json.loads(file.read_text())
    return generated


def code_for(code: Path, architecture: str, auth: str) -> list[str]:
    """Fills the folder with what the zip of this architecture holds, and returns the names of the
    requirements that a stage with this AUTH does not need."""
    collect(code, architecture)
    unused = leave_out_unused(code, auth)
    write_models(code / "chalicelib" / "aws" / "trimmed")
    _compile(code)
    return unused


def _compile(code: Path) -> None:
    """Unchecked hashes: Python neither looks at the sources' times, which a zip does not keep, nor
    reads the sources."""
    for cache in list(code.rglob("__pycache__")):
        shutil.rmtree(cache)
    compiling = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode=unchecked-hash"]
    ran = subprocess.run(
        [*compiling, "-s", str(code), "-p", LAMBDA_FOLDER, str(code)],
        capture_output=True,
        text=True,
    )
    if ran.returncode != 0:
        raise Refusal(f"A source does not compile:\n{ran.stdout}{ran.stderr}")


def _keep(template: str, file: Path) -> None:
    """Writes a template that cfn-lint accepts. One that stands there already was accepted before:
    most deployments change the code alone, and need not wait for it again."""
    if file.is_file() and file.read_text() == template:
        return
    unchecked = file.with_suffix(".unchecked.json")
    unchecked.write_text(template)
    lint(unchecked)
    unchecked.replace(file)


def _pack(code: Path, archive: Path) -> None:
    files = sorted(path for path in code.rglob("*") if path.is_file())
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(code).as_posix(), LONG_AGO)
            entry.external_attr = (FILE | READ_ONLY) << 16
            entry.create_system = 3  # Unix, wherever this runs
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, path.read_bytes())
