"""Bring virtual environments up to date with their locks; it takes no time when they are.

    python3 local/install.py app      .venv      from requirements-dev.txt
    python3 local/install.py run aws  .venv      from local/requirements-run.txt, unless it has more
                                      .venv-aws  from local/requirements.txt, at the same time
    python3 local/install.py bench    .venv-bench, what `make bench` compares with
    python3 local/install.py lock     the locks, from the *.in files that people edit

A lock that is older than its *.in files is made anew first, so a dependency that you add there is
installed by the next `make run`. uv does the work; where it is missing, pip installs it first.
Standard library only, and readable by older Pythons, so that those get a sentence and no traceback.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 11)  # the oldest Lambda runtime that the project supports
ENVIRONMENTS = {
    "app": (".venv", "requirements-dev.txt", "Overtime and its development tools"),
    "run": (".venv", "local/requirements-run.txt", "Overtime"),
    "aws": (".venv-aws", "local/requirements.txt", "the local AWS"),
    "bench": (".venv-bench", "bench/requirements.txt", "the peers of `make bench`"),
}
LOCKS = {
    "requirements.txt": ("requirements.in",),
    "requirements-dev.txt": ("requirements-dev.in", "requirements.in"),
    "local/requirements-run.txt": (
        "local/requirements-run.in",
        "requirements-dev.in",
        "requirements.in",
    ),
    "local/requirements.txt": ("local/requirements.in",),
    "tests/clients/mcp/requirements.txt": ("tests/clients/mcp/requirements.in",),
    "bench/requirements.txt": ("bench/requirements.in",),
}
CLIENT = ROOT / "client" / "python"  # .venv/bin/overtime runs it from its sources
SILENT_SECONDS = 3  # at most, while something is installed
OFFLINE = (
    "Is this machine online? Behind a proxy, set HTTPS_PROXY; for a mirror, UV_DEFAULT_INDEX."
    " Then run the same command again."
)


class Refusal(Exception):
    """Says what is wrong, and what to do."""


def main(arguments: list[str]) -> int:
    if sys.version_info < OLDEST_PYTHON:
        raise Refusal(
            f"Overtime needs Python 3.11 or newer, and {sys.executable} is"
            f" {sys.version_info[0]}.{sys.version_info[1]}."
            " Name another one, for example: make PYTHON=python3.12"
        )
    if not arguments or not {*ENVIRONMENTS, "lock"}.issuperset(arguments):
        raise Refusal("Say which environments: python3 local/install.py run aws (or app, or lock)")
    floor = os.open(ROOT, os.O_RDONLY)
    fcntl.flock(floor, fcntl.LOCK_EX)  # `make -j test check` must not install twice
    try:
        for lock, sources in LOCKS.items():
            if "lock" in arguments or digest_of(sources) not in header(lock):
                make_lock(lock, sources)
        if missing := [
            ENVIRONMENTS[name] for name in arguments if name != "lock" and not is_there(name)
        ]:
            uv()  # before two need it at once
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda one: install(ROOT / one[0], *one[1:]), missing))
        return 0
    finally:
        os.close(floor)


def digest_of(sources: tuple[str, ...]) -> str:
    content = b"\0".join((ROOT / source).read_bytes() for source in sources)
    return hashlib.sha256(content).hexdigest()[:16]


def header(lock: str) -> str:
    return "".join((ROOT / lock).read_text().splitlines(keepends=True)[:3])


def make_lock(lock: str, sources: tuple[str, ...]) -> None:
    """Keeps the versions that the lock has, where they still fit."""
    say(f"Locking what {sources[0]} names.")
    command = [uv(), "pip", "compile", "-q", "--universal", "--python-version", "3.11"]
    command += ["--no-annotate", "--generate-hashes", "-o", lock, sources[0]]
    command += ["--custom-compile-command", f"make lock (of {digest_of(sources)})"]
    if lock in (ENVIRONMENTS["run"][1], ENVIRONMENTS["bench"][1]):
        command += ["-c", ENVIRONMENTS["app"][1]]
    code, said = finish(command, f"locking {sources[0]}")
    if code != 0:
        raise Refusal(f"{said}\n{lock} could not be made from {sources[0]}. {OFFLINE}")


def fingerprint(lock: Path) -> str:
    """What an environment was made of: the lock's content, the Python and where it lies."""
    made_of = [lock.read_bytes(), sys.version.encode(), str(ROOT).encode()]
    made_of.append((CLIENT / "pyproject.toml").read_bytes())
    return hashlib.sha256(b"\0".join(made_of)).hexdigest()


def stamp_of(environment: Path) -> Path:
    return environment / ".made-of"


def is_there(name: str) -> bool:
    """What develops the project runs it, too."""
    names = ("app", name) if name == "run" else (name,)
    wanted = [ENVIRONMENTS[one] for one in names]
    return any(is_complete(ROOT / folder, fingerprint(ROOT / lock)) for folder, lock, _ in wanted)


def is_complete(environment: Path, wanted: str) -> bool:
    """The stamp is written last: an environment without it was interrupted half way."""
    try:
        stamp = stamp_of(environment).read_text()
    except OSError:
        return False
    # the interpreter is a link, dead once the Python that it points to has been removed
    return stamp == wanted and (environment / "bin" / "python").exists()


def install(environment: Path, lock: str, purpose: str) -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if environment.is_symlink():
        raise Refusal(
            f"{environment.name} is a link to {environment.resolve()}, which may be another's:"
            " remove the link, and it is made here."
        )
    say(f"Installing {purpose} into {environment.name} (Python {version}).")
    stamp_of(environment).unlink(missing_ok=True)
    python = environment / "bin" / "python"
    if made_by(python) != version:
        run_venv(environment)
    # what a smaller lock lacks may stay: uv itself, for one
    way = ["install", "-r"] if lock == ENVIRONMENTS["run"][1] else ["sync"]
    command = [uv(), "pip", way[0], "--python", str(python), "--require-hashes", *way[1:], lock]
    code, said = finish(command, f"installing {purpose}")
    if code != 0:
        raise Refusal(f"{said}\n{lock} could not be installed. {OFFLINE}")
    if environment.name == ".venv":
        command = [uv(), "pip", "install", "-q", "--python", str(python), "--no-deps"]
        command += ["--no-build-isolation", "--editable", str(CLIENT)]  # needs no network
        code, said = finish(command, "installing the command overtime")
        if code != 0:
            raise Refusal(f"{said}\n{CLIENT} could not be installed.")
    stamp_of(environment).write_text(fingerprint(ROOT / lock))


def made_by(python: Path) -> str | None:
    """The version of an environment's interpreter; None where it does not run."""
    says = "import sys; print(f'{sys.version_info[0]}.{sys.version_info[1]}')"
    try:
        ran = subprocess.run([str(python), "-c", says], stdout=subprocess.PIPE, text=True)
    except OSError:
        return None
    return ran.stdout.strip()


def run_venv(environment: Path, *options: str) -> None:
    """Without pip, which takes seconds to install and which uv does not need."""
    command = [sys.executable, "-m", "venv", "--clear", *(options or ["--without-pip"])]
    code, said = finish([*command, str(environment)], f"making {environment.name}")
    if code != 0:
        raise Refusal(
            f"Python could not make {environment.name}:\n{said}\n"
            "On Debian and Ubuntu its venv module is a package of its own:"
            " apt-get install python3-venv"
        )


def uv() -> str:
    """The path of uv: the machine's, or the one in .venv, which pip puts there if need be."""
    environment = ROOT / ".venv"
    own = environment / "bin" / "uv"
    if found := shutil.which("uv"):
        return found
    if not own.exists():
        say("Installing uv, which installs the rest.")
        if not (environment / "bin" / "pip").exists():
            run_venv(environment, "--symlinks")
        pinned = re.search(r"^uv==[\w.]+", (ROOT / "requirements-dev.txt").read_text(), re.M)
        python = str(environment / "bin" / "python")
        quietly = ["-q", "--disable-pip-version-check", "--no-input"]
        command = [python, "-m", "pip", "install", *quietly, pinned[0] if pinned else "uv"]
        code, said = finish(command, "installing uv")
        if code != 0:
            raise Refusal(f"{said}\npip could not install uv. {OFFLINE}")
    return str(own)


def finish(command: list[str], doing: str) -> tuple[int, str]:
    """Its exit code and what it printed. Says every few seconds that it is still at work."""
    began = time.monotonic()
    pipe, together = subprocess.PIPE, subprocess.STDOUT
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=pipe, stderr=together) as process:
        while True:
            try:
                said, _ = process.communicate(timeout=SILENT_SECONDS)
                return process.returncode, said.strip()
            except subprocess.TimeoutExpired:
                say(f"  still {doing} ({time.monotonic() - began:.0f} s)")


def say(sentence: str) -> None:
    print(sentence, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Refusal as refusal:
        sys.exit(str(refusal))
    except KeyboardInterrupt:
        sys.exit("\nStopped half way; the next run starts over.")
