"""A secret that tasks read by job.secret("NAME"): set it, replace it, or delete it.

python -m ops.secret STAGE NAME [--delete]

The value is asked for without showing it; without a terminal it is read from standard input.
"""

from __future__ import annotations

import argparse
import getpass
import sys

from chalicelib.domain.errors import PermanentError
from chalicelib.domain.secret import NAME, NAME_RULE, VALUE_AT_MOST
from chalicelib.runtime.secrets_file import SecretsFile
from ops.cli.command import run
from ops.cli.stage import LOCAL, Refusal, Stage, read_stage
from ops.stack import parameters


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m ops.secret", description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("name", help="what tasks call it")
    parser.add_argument("--delete", action="store_true", help="delete it")
    chosen = parser.parse_args(arguments)
    stage = read_stage(chosen.stage)
    if not NAME.fullmatch(chosen.name):
        raise Refusal(f"NAME={chosen.name} cannot name a secret: {NAME_RULE}.")
    try:
        if chosen.delete:
            delete(stage, chosen.name)
        else:
            put(stage, chosen.name, read_value(f"Value of {chosen.name} on {stage.name}: "))
    except PermanentError as error:
        raise Refusal(str(error)) from None


def put(stage: Stage, name: str, value: str) -> None:
    replaced = parameters.put(stage, name, value)
    when = " Workers that know the old value use it for up to five minutes." if replaced else ""
    print(
        f"{'Replaced' if replaced else 'Set'} the secret {name} of the stage {stage.name}, in"
        f" {_place(stage, name)}.{'' if stage.name == LOCAL else when}"
    )


def delete(stage: Stage, name: str) -> None:
    if not parameters.delete(stage, name):
        there = ", ".join(parameters.set_on(stage)) or "none"
        raise Refusal(f"The stage {stage.name} has no secret {name}. It has: {there}.")
    print(f"Deleted the secret {name} of the stage {stage.name}, from {_place(stage, name)}.")


def read_value(prompt: str) -> str:
    """A line of the terminal; else all of standard input but a line feed at its end. Raises
    Refusal, without the value, where it cannot be stored."""
    try:
        value = getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.read()
    except (UnicodeDecodeError, EOFError):
        raise Refusal("The value must be text in UTF-8. Nothing was changed.") from None
    value = value.removesuffix("\n").removesuffix("\r")
    size = len(value.encode("utf-8", "surrogatepass"))
    if not value.strip():
        raise Refusal("The value is empty. Nothing was changed; to delete a secret: DELETE=1.")
    if size > VALUE_AT_MOST:
        raise Refusal(f"The value has {size} bytes; {VALUE_AT_MOST} are allowed.")
    return value


def _place(stage: Stage, name: str) -> str:
    if stage.name == LOCAL:
        return SecretsFile(stage.name).path.name
    return f"{stage.secrets_path}{name} of Parameter Store in {stage.region}"


if __name__ == "__main__":
    run(main, sys.argv[1:])
