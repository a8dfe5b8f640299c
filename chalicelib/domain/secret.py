"""The secrets of third parties that a stage keeps for its tasks: names and values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

from chalicelib.domain.errors import PermanentError

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
NAME_RULE = "use a-z, 0-9, '.', '_' and '-', a letter or digit first, 64 characters at most"
VALUE_AT_MOST = 4 * 1024  # bytes: of a standard parameter ("Systems Manager endpoints and quotas")
SHORTEST_LINE = 8  # characters; shorter lines of a value reveal too little to be hidden


def not_set(stage: str, name: str) -> PermanentError:
    """The error for a secret that the stage does not have."""
    return PermanentError(
        f"The stage {stage} has no secret {name!r}. Set it with:"
        f" make secret STAGE={stage} NAME={name}"
    )


def without_secrets(text: str, secrets: Mapping[str, str]) -> str:
    """The text with each secret's value, plain or URL-encoded, replaced by the secret's name.

    `secrets` holds values by name. Each line of a multi-line value, such as a key, is replaced
    too.
    """
    found = [(form, name) for name, value in secrets.items() for form in _forms(value)]
    for form, name in sorted(found, key=lambda one: -len(one[0])):
        text = text.replace(form, f"[secret {name}]")
    return text


def _forms(value: str) -> set[str]:
    lines = {line for line in value.splitlines() if len(line) >= SHORTEST_LINE}
    texts = {value, *lines}
    return {form for text in texts for form in (text, quote(text, safe=""), quote_plus(text))}
