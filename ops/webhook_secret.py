"""Creates or replaces the secret that signs an owner's webhooks.

python -m ops.webhook_secret STAGE OWNER [--overlap 24h] [--yes]
"""

from __future__ import annotations

import argparse
import base64
import functools
import logging
import secrets
import sys
import time

from chalicelib.aws.signing_secrets import SigningSecrets
from ops.cli.command import reaching, run
from ops.cli.duration import moment, overlap
from ops.cli.stage import Refusal, Stage, read_stage

LONGEST_OWNER = 1_024  # bytes: DynamoDB's limit on a sort key
SECRET_BYTES = 32  # Standard Webhooks: 24 to 64


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m ops.webhook_secret", description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("owner", help="whose webhooks are signed with it")
    parser.add_argument(
        "--overlap", default="24h", help="how long the old one signs beside it: 30m, 24h or 2d"
    )
    parser.add_argument(
        "--yes", action="store_true", help="although the one before the old one still signs"
    )
    asked = parser.parse_args(arguments)
    stage = read_stage(asked.stage)
    with reaching(stage):
        make(stage, asked.owner, overlap(asked.overlap), sure=asked.yes)


def make(stage: Stage, owner: str, overlap: int, *, sure: bool) -> None:
    """Prints the secret, the only time that it is shown."""
    if not (owner.isprintable() and 0 < len(owner.encode()) <= LONGEST_OWNER):
        raise Refusal(f"OWNER={owner!r} cannot be an owner. Use an owner as it is in the log.")
    store = SigningSecrets(functools.partial(stage.client, "dynamodb"), stage.table)
    now = time.time_ns() // 1_000_000
    old = store.of(owner, now)
    if len(old) > 1 and not sure:
        raise Refusal(
            f"The secret before {owner}'s last one still signs, and would stop now. If every"
            " receiver has the last one, pass YES=1 to proceed."
        )
    new = f"whsec_{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"
    if not store.replace(owner, old[0] if old else None, new, now + overlap):
        raise Refusal(f"Another command has just replaced {owner}'s secret. Nothing was changed.")
    beside = f" The old one signs beside it until {moment(now + overlap)}."
    also = "" if not old else beside if overlap else " The old one is void."
    print(f"Signs {owner}'s webhooks on {stage.name}; shown this once.{also}", file=sys.stderr)
    print(new)


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # a refusal says what failed, once and in words
    run(main, sys.argv[1:])
