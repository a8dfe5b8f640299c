"""Asks before something is lost."""

from __future__ import annotations

import os
import sys

from ops.stage import Refusal


def confirm(question: str, yes: bool) -> None:
    """Returns on a yes, said in advance (`--yes`, or YES=1 to make) or now; else raises Refusal."""
    if yes or os.environ.get("YES") == "1":
        return
    if not sys.stdin.isatty():
        raise Refusal(f"{question} Nobody is here to ask; say so in advance: YES=1.")
    if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
        raise Refusal("Nothing was changed.")
