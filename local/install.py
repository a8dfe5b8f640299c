"""Create a virtual environment from its lock, or do nothing when it is up to date.

    python3 local/install.py app    .venv      from requirements-dev.txt
    python3 local/install.py aws    .venv-aws  from local/requirements.txt

Standard library only, and readable by older Pythons, so that those get a sentence and no traceback.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 11)  # the oldest Lambda runtime that the project supports
ENVIRONMENTS = {
    "app": (".venv", "requirements-dev.txt", "Overtime and its development tools"),
    "aws": (".venv-aws", "local/requirements.txt", "the local AWS"),
}


def main(arguments: list[str]) -> int:
    if sys.version_info < OLDEST_PYTHON:
        return refuse(
            f"Overtime needs Python 3.11 or newer, and {sys.executable} is"
            f" {sys.version_info[0]}.{sys.version_info[1]}."
            " Name another one, for example: make PYTHON=python3.12"
        )
    if len(arguments) != 1 or arguments[0] not in ENVIRONMENTS:
        return refuse("Say which environment: python3 local/install.py app (or aws)")
    folder, lock, purpose = ENVIRONMENTS[arguments[0]]
    environment, wanted = ROOT / folder, fingerprint(ROOT / lock)
    if is_complete(environment, wanted):
        return 0
    with_the_floor = os.open(ROOT, os.O_RDONLY)
    fcntl.flock(with_the_floor, fcntl.LOCK_EX)  # `make -j test check` must not install twice
    try:
        return 0 if is_complete(environment, wanted) else install(environment, lock, purpose)
    finally:
        os.close(with_the_floor)


def fingerprint(lock: Path) -> str:
    """What an environment was made of: the lock's content, the Python and where it lies."""
    made_of = [lock.read_bytes(), sys.version.encode(), str(ROOT).encode()]
    return hashlib.sha256(b"\0".join(made_of)).hexdigest()


def stamp_of(environment: Path) -> Path:
    return environment / ".made-of"


def is_complete(environment: Path, wanted: str) -> bool:
    """The stamp is written last: an environment without it was interrupted half way."""
    try:
        stamp = stamp_of(environment).read_text()
    except OSError:
        return False
    # the interpreter is a link, dead once the Python that it points to has been removed
    return stamp == wanted and (environment / "bin" / "python").exists()


def install(environment: Path, lock: str, purpose: str) -> int:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    say(f"Installing {purpose} into {environment.name} (Python {version}; it can take a minute).")
    if environment.is_symlink():
        return refuse(
            f"{environment.name} is a link to {environment.resolve()}, which may be another's:"
            " remove the link, and it is made here."
        )
    stamp_of(environment).unlink(missing_ok=True)
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(environment)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if made.returncode != 0:
        return refuse(
            f"Python could not make {environment.name}:\n{last_lines(made.stdout)}\n"
            "On Debian and Ubuntu its venv module is a package of its own:"
            " apt-get install python3-venv"
        )
    returncode, output = run_pip(environment, ROOT / lock)
    if returncode != 0:
        return refuse(
            f"pip could not install {lock}:\n{last_lines(output)}\n"
            "Is this machine online? Behind a proxy, set HTTPS_PROXY; for a mirror, PIP_INDEX_URL."
            " Then run the same command again."
        )
    stamp_of(environment).write_text(fingerprint(ROOT / lock))
    say(f"{environment.name} is ready.")
    return 0


def run_pip(environment: Path, lock: Path) -> tuple[int, str]:
    """pip's exit code and output; on a terminal, one line tells how far it is."""
    command = [str(environment / "bin" / "python"), "-m", "pip", "install"]
    command += ["--disable-pip-version-check", "--no-input", "--progress-bar=off"]
    lines: list[str] = []
    collected, total = 0, sum(1 for line in lock.open() if "==" in line)
    with subprocess.Popen(
        [*command, "-r", str(lock)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            lines.append(line.rstrip())
            collected += line.startswith("Collecting ")
            if sys.stdout.isatty():
                step = "unpacking" if line.startswith("Installing") else "fetching"
                print(f"\r\033[K  {step}, {collected} of {total}", end="", flush=True)
    if sys.stdout.isatty():
        print("\r\033[K", end="", flush=True)
    return pip.returncode, "\n".join(lines)


def last_lines(output: str) -> str:
    """The lines that matter: pip's own errors, or else how its output ends."""
    lines = output.splitlines()
    errors = [line for line in lines if line.lower().lstrip().startswith("error")]
    return "\n".join("    " + line for line in (errors or lines)[-6:])


def say(sentence: str) -> None:
    print(sentence, flush=True)


def refuse(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(refuse("\nStopped half way; the next run starts over."))
