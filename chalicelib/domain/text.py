"""Text that comes from anywhere, as it can be stored and shown."""

from __future__ import annotations


def printable(text: str) -> str:
    """With `?` for the lone surrogates that UTF-8, and so JSON and DynamoDB, cannot carry: a
    file name that is not UTF-8 holds such."""
    return text.encode("utf-8", "replace").decode("utf-8")
