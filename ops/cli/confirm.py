"""Asks before something is lost."""

from __future__ import annotations

import os
import sys

from ops.cli.stage import Refusal


def confirm(question: str, yes: bool, otherwise: str = "Nothing was changed.") -> None:
    """Returns on a yes, said in advance (`--yes`, or YES=1 to make) or now; else raises Refusal,
    saying how things stand `otherwise`."""
    if agreed(yes):
        return
    if not sys.stdin.isatty():
        raise Refusal(f"{question} Nobody is here to ask; say so in advance: YES=1. {otherwise}")
    if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
        raise Refusal(otherwise)


def agreed(yes: bool) -> bool:
    """Whether a yes was said in advance."""
    return yes or os.environ.get("YES") == "1"
