"""Asks before something is lost."""

from __future__ import annotations

import os
import sys

from local.terminal import shown
from ops.cli.stage import Refusal


def confirm(question: str, yes: bool, otherwise: str = "Nothing was changed.") -> None:
    """Returns after a yes, in advance (`--yes`, or YES=1 to make) or now. Without one, raises a
    Refusal that ends with `otherwise`."""
    if yes or os.environ.get("YES") == "1":
        return
    if not sys.stdin.isatty():
        raise Refusal(f"{question} No terminal to confirm on. Pass YES=1 to proceed. {otherwise}")
    # input() writes its prompt past sys.stdout, and so past its Terminal
    if input(f"{shown(question)} [y/N] ").strip().lower() not in ("y", "yes"):
        raise Refusal(otherwise)
