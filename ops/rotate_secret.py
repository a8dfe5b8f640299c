"""Replaces the secret that a stage seals cursors and tickets with, or that of answer URLs.

python -m ops.rotate_secret STAGE [--answers] [--overlap 24h] [--yes]

No new one is shown: only the stage's own functions use it.
"""

from __future__ import annotations

import argparse
import functools
import logging
import secrets
import sys
import time

from chalicelib.aws.secrets import ANSWER_SECRET, STAGE_SECRET, Secrets
from chalicelib.domain.seals import SECRET_BYTES
from ops.cli.command import reaching, run
from ops.cli.duration import moment, overlap
from ops.cli.stage import Refusal, Stage, read_stage

CURSORS, ANSWER_URLS = "cursors and tickets", "answer URLs"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m ops.rotate_secret", description=__doc__)
    parser.add_argument("stage")
    parser.add_argument(
        "--answers", action="store_true", help="the secret that seals the URLs of job.answer_url"
    )
    parser.add_argument(
        "--overlap", default="24h", help="how long the old secret stays valid: 0m, 30m, 24h or 30d"
    )
    parser.add_argument(
        "--yes", action="store_true", help="even if the secret before the old one is still valid"
    )
    asked = parser.parse_args(arguments)
    stage = read_stage(asked.stage)
    with reaching(stage):
        rotate(stage, overlap(asked.overlap), sure=asked.yes, answers=asked.answers)


def rotate(stage: Stage, overlap: int, *, sure: bool, answers: bool = False) -> None:
    fresh = functools.partial(secrets.token_bytes, SECRET_BYTES)
    place, sealed = (ANSWER_SECRET, ANSWER_URLS) if answers else (STAGE_SECRET, CURSORS)
    client = functools.partial(stage.client, "dynamodb")
    store = Secrets(client, stage.table, fresh, _now, place)
    old = store.read()
    if old is None:
        raise Refusal(f"{stage.name} has no secret yet: the first request that needs one makes it.")
    if len(old.for_seals(_now())) > 1 and not sure:
        raise Refusal(
            f"The last rotation is not over: {sealed} of the secret before it are valid"
            f" until {moment(old.before_until)}. Another rotation would make them invalid at once."
            " Wait, or pass YES=1 to proceed."
        )
    new = store.rotate(fresh(), overlap, over=old)
    if new is None:
        raise Refusal("Another command has just rotated the secret. Nothing was changed.")
    print(
        f"{stage.stack} seals {sealed} with a new secret from {moment(new.newest_from)} on. Those"
        f" of the old one are valid until {moment(new.before_until)}."
    )


def _now() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # a refusal says what failed, once and in words
    run(main, sys.argv[1:])
