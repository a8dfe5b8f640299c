"""Text from any source, made fit to be stored and shown."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with `?` for lone surrogates, which UTF-8, JSON and DynamoDB cannot encode. Python
    puts them into a file name that is not UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")
