"""Request headers with a grammar of their own."""

from __future__ import annotations

import re

from chalicelib.domain.errors import MalformedRequest
from chalicelib.domain.job import DAY, HOUR, MINUTE, SECOND

KEY_AT_MOST = 255  # characters
SHORTEST_DEADLINE = 5 * SECOND
LONGEST_DEADLINE = 365 * DAY

_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')  # RFC 9651, 3.3.3
_BARE = re.compile(r"[\x21\x23-\x7e]+")
_PREFERENCE = re.compile(
    r'\s*([!#$%&\'*+.^_`|~\w-]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*))?\s*(?:;[^,]*)?'
)
_DURATION = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?", re.ASCII)
_TAG = re.compile(r'\s*((?:W/)?"[\x21\x23-\x7e\x80-\xff]*")\s*')  # RFC 9110, 8.8.3


def idempotency_key(value: str) -> str:
    """A quoted string, or the bare form that most clients send."""
    if quoted := _QUOTED.fullmatch(value):
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    elif _BARE.fullmatch(value):
        key = value
    else:
        raise MalformedRequest(
            'Idempotency-Key must be a string of visible ASCII, best in quotes: "8e03978e-40d5".'
        )
    if not 1 <= len(key) <= KEY_AT_MOST:
        raise MalformedRequest(f"Idempotency-Key must have 1 to {KEY_AT_MOST} characters.")
    return key


def prefer(value: str) -> dict[str, str]:
    """The preferences of a Prefer header (RFC 7240), names in lower case; the first of a name
    counts, as the RFC has it. What is not understood is ignored, as it has it, too."""
    preferences: dict[str, str] = {}
    for part in re.findall(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+', value):
        if match := _PREFERENCE.fullmatch(part):
            preferences.setdefault(match[1].lower(), (match[2] or "").strip('"'))
    return preferences


def wait_seconds(preferences: dict[str, str], longest: int) -> int | None:
    """What `wait=N` comes to here; None if it was not asked for, or is not a number."""
    asked = preferences.get("wait", "")
    return min(int(asked[:9]), longest) if re.fullmatch(r"[0-9]+", asked) else None


def cancel_after(value: str) -> int:
    """`30s`, `5m`, `1h30m` in milliseconds."""
    match = _DURATION.fullmatch(value.strip())
    if match is None or not any(match.groups()):
        raise MalformedRequest("Cancel-After must be a duration such as 30s, 5m or 1h30m.")
    hours, minutes, seconds = (int(group or 0) for group in match.groups())
    duration = hours * HOUR + minutes * MINUTE + seconds * SECOND
    if not SHORTEST_DEADLINE <= duration <= LONGEST_DEADLINE:
        raise MalformedRequest("Cancel-After must be at least 5s and at most 365 days (8760h).")
    return duration


def matches(value: str, tag: str) -> bool:
    """Whether an If-Match or If-None-Match header names this entity tag. Compared weakly
    (RFC 9110, 8.8.3.2): proxies that compress make a tag weak on its way."""
    if value.strip() == "*":
        return True
    tags = [
        match[1] for match in map(_TAG.fullmatch, re.findall(r'(?:[^,"]|"[^"]*")+', value)) if match
    ]
    if not tags:
        raise MalformedRequest('An entity tag is a quoted string such as "5f0c2a", or *.')
    return tag.removeprefix("W/") in (one.removeprefix("W/") for one in tags)
