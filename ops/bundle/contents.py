"""Puts together what the zip holds: the app, Chalice's runtime, and what requirements.txt locks.

Chalice's own packager builds a package without a wheel from source, and leaves out with exit 0 what
it cannot build. Here uv takes only wheels for Lambda's platform, each with its hash, or refuses.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import chalice

from ops.cli.stage import ROOT, Refusal

MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
# Amazon Linux 2 has glibc 2.26; from Python 3.12 on Lambda runs on Amazon Linux 2023, with 2.34
GLIBC = "manylinux2014" if sys.version_info < (3, 12) else "manylinux_2_34"
CHALICE_RUNTIME = ("__init__.py", "app.py")  # what Chalice's own packager takes of it


def collect(code: Path, architecture: str) -> None:
    """Fills the folder `code`. Raises Refusal where a requirement has no wheel that fits, no hash,
    or another one."""
    _install(code, f"{MACHINES[architecture]}-{GLIBC}")
    (code / "chalice").mkdir()
    for name in CHALICE_RUNTIME:
        shutil.copy(Path(chalice.__file__).with_name(name), code / "chalice")
    shutil.copy(ROOT / "app.py", code)
    shutil.copytree(ROOT / "chalicelib", code / "chalicelib")
    if (vendor := ROOT / "vendor").is_dir():  # as Chalice does
        shutil.copytree(vendor, code, dirs_exist_ok=True)


def _install(code: Path, platform: str) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable]
    command += ["--python-version", version, "--python-platform", platform]
    command += ["--only-binary", ":all:", "--require-hashes", "--target", str(code)]
    ran = subprocess.run(
        [*command, "-r", str(ROOT / "requirements.txt")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if ran.returncode != 0:
        raise Refusal(
            f"{ran.stderr.strip()}\nrequirements.txt does not give what Lambda's Python {version}"
            f" on {platform} needs; see above. After a change of requirements.in: make lock"
        )
    (code / ".lock").unlink()
    shutil.rmtree(code / "bin", ignore_errors=True)  # commands, which no function calls
