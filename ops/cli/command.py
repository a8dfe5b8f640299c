"""Runs a command, so that errors of AWS and Ctrl-C end in one sentence."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from chalicelib.domain.errors import Unavailable
from local.terminal import Terminal
from ops.cli.stage import Refusal, Stage


def asked(prog: str, purpose: str | None, arguments: list[str], **flags: str) -> argparse.Namespace:
    """Of a command that takes a stage and some flags, each with what it means."""
    parser = argparse.ArgumentParser(prog=prog, description=purpose)
    parser.add_argument("stage")
    for flag, meaning in flags.items():
        parser.add_argument(f"--{flag}", action="store_true", help=meaning)
    return parser.parse_args(arguments)


@contextmanager
def reaching(stage: Stage) -> Iterator[None]:
    """Raises Refusal, with the cause, where AWS does not answer what the block asks of a stage."""
    try:
        yield
    except Unavailable as error:
        if error.__cause__ is None:
            raise Refusal(str(error)) from None
        raise Refusal(
            f"The table {stage.table} does not answer: {error.__cause__}. Is the stage deployed,"
            " and do your AWS credentials reach it?"
        ) from None


def run(main: Callable[[list[str]], None], arguments: list[str]) -> None:
    """Lines appear as they are printed, into a pipe or a file, too. What the command prints, its
    last sentence included, has no control characters."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    sys.stdout, sys.stderr = Terminal(sys.stdout), Terminal(sys.stderr)
    try:
        main(arguments)
    except ClientError as error:
        raise Refusal(f"AWS answers: {error}") from None
    except NoCredentialsError:
        raise Refusal("No AWS credentials are set: export AWS_PROFILE, or keys.") from None
    except BotoCoreError as error:
        raise Refusal(f"AWS was not reached: {error}") from None
    except BrokenPipeError:  # `make jobs | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())  # type: ignore[union-attr]
        raise SystemExit(141) from None  # 128 + SIGPIPE, as a shell has it
    except KeyboardInterrupt:
        raise Refusal("\nStopped. CloudFormation continues what it has begun.") from None
