"""The tokens of a stage with AUTH=tokens.

python -m ops.tokens issue STAGE OWNER [--expires 90d] [--label TEXT]
python -m ops.tokens list STAGE
python -m ops.tokens revoke STAGE ID
"""

from __future__ import annotations

import argparse
import functools
import logging
import secrets
import sys
import time

from chalicelib.aws.tokens_table import TokensTable
from chalicelib.domain.token import OWNER, Token, token_id
from chalicelib.identity.tokens import Tokens
from ops.cli.command import reaching, run
from ops.cli.duration import milliseconds, moment
from ops.cli.stage import LOCAL, Refusal, Stage, read_stage
from ops.cli.table import print_table

LONGEST_LABEL = 100


def main(arguments: list[str]) -> None:
    asked = _parser().parse_args(arguments)
    stage = read_stage(asked.stage)
    with reaching(stage):
        match asked.command:
            case "issue":
                issue(stage, asked.owner, asked.expires, asked.label)
            case "list":
                show(stage)
            case "revoke":
                revoke(stage, asked.token)


def issue(stage: Stage, owner: str, expires: str, label: str) -> None:
    if not OWNER.fullmatch(owner):
        raise Refusal(
            f"OWNER={owner} cannot be an owner. Use 1 to 128 letters, digits and signs, no spaces:"
            " OWNER=ada"
        )
    if len(label) > LONGEST_LABEL or not label.isprintable():
        raise Refusal(f"LABEL must be one line of at most {LONGEST_LABEL} characters.")
    token, text = tokens(stage).issue(owner, label, lifetime(expires))
    end = f"until {moment(token.expires_at)}" if token.expires_at else "until it is revoked"
    print(f"For {owner} on {stage.name}, {end}. It is shown this once:", file=sys.stderr)
    print(text)


def show(stage: Stage) -> None:
    head = ("ID", "OWNER", "CREATED", "EXPIRES", "LABEL")
    print_table(head, map(_row, tokens(stage).issued()))


def revoke(stage: Stage, named: str) -> None:
    """By its id, or by the token itself."""
    wanted = token_id(named) or named
    if not wanted:
        raise Refusal(f"TOKEN is missing. Use TOKEN=<id> from make tokens STAGE={stage.name}.")
    if not tokens(stage).revoke(wanted):
        raise Refusal(
            f"{stage.name} has no token {wanted}. List them with: make tokens STAGE={stage.name}"
        )
    kept = " If it was used in the last minute, it may work for a minute more."  # API Gateway
    print(f"Revoked {wanted}.{'' if stage.name == LOCAL else kept}")


def tokens(stage: Stage) -> Tokens:
    table = TokensTable(functools.partial(stage.client, "dynamodb"), stage.table)
    return Tokens(table, lambda: time.time_ns() // 1_000_000, lambda: secrets.token_hex(16))


def lifetime(text: str) -> int | None:
    """In milliseconds; None where nothing is said."""
    if not text:
        return None
    lasts = milliseconds("EXPIRES", text)
    if not lasts:
        raise Refusal(f"EXPIRES={text} must be more than zero, such as 90d, 12h or 30m.")
    return lasts


def _row(token: Token) -> tuple[str, str, str, str, str]:
    end = "never" if token.expires_at is None else moment(token.expires_at)
    return token.id, token.owner, moment(token.created_at), end, token.label


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ops.tokens", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    issue = commands.add_parser("issue", help="make a token and print it, this once")
    issue.add_argument("stage")
    issue.add_argument("owner", help="whose jobs are reached with it")
    issue.add_argument("--expires", default="", help="90d, 12h or 30m from now; else never")
    issue.add_argument("--label", default="", help="what it is for")
    commands.add_parser("list", help="what tokens there are").add_argument("stage")
    revoke = commands.add_parser("revoke", help="refuse it from now on")
    revoke.add_argument("stage")
    revoke.add_argument("token", help="its id")
    return parser


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # a refusal says what failed, once and in words
    run(main, sys.argv[1:])
