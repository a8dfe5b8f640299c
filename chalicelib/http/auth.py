"""Who is asking. Every job belongs to an owner; the mode is set per stage."""

from __future__ import annotations

LOCAL_OWNER = "local"


def owner_of(mode: str) -> str:
    """The owner of the current request's jobs. `open` knows but one; settings.py allows it on
    the local stage alone."""
    assert mode == "open", mode
    return LOCAL_OWNER
