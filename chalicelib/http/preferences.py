"""Request headers with a grammar of their own.

Callers may send anything, so matching must take time linear in the header's length: no two parts
of a pattern can match the same text (possessive quantifiers, `*+`).

The patterns are text: `re` compiles and keeps one when a request first has its header, so that a
cold start does not pay for all of them.
"""

from __future__ import annotations

import re

from chalicelib.domain.errors import MalformedRequest
from chalicelib.domain.job import DAY, HOUR, MINUTE, SECOND

KEY_AT_MOST = 255  # characters
SHORTEST_DEADLINE = 5 * SECOND
LONGEST_DEADLINE = 30 * DAY

_QUOTED = r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*+)"'  # RFC 9651, 3.3.3
_BARE = r"[\x21\x23-\x7e]+"
_DURATION = r"(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,8})s)?"

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"  # RFC 9110, 5.6.2
_WORD = rf'(?:{_TOKEN}|"(?:[^"\\]|\\.)*+")'
_PARAMETER = rf";[ \t]*+(?:{_TOKEN}[ \t]*+(?:=[ \t]*+{_WORD}?+[ \t]*+)?+)?+"
_PREFERENCE = (  # RFC 7240, 2; up to the comma
    rf"[ \t]*+({_TOKEN})[ \t]*+(?:=[ \t]*+({_WORD})?+[ \t]*+)?+(?:{_PARAMETER})*+(?:,|$)"
)

_TAG = r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*+)"'  # RFC 9110, 8.8.3
_TAGS = rf"[ \t,]*+{_TAG}(?:[ \t]*+,[ \t,]*+(?:{_TAG})?+)*+"


# What proxies append to the tag of a body that they compressed: Apache "-gzip", Jetty "--gzip".
_SUFFIX = r"--?(?:gzip|br|zstd|deflate)\Z"
_MEDIA_TYPE = (  # RFC 9110, 8.3.1
    rf"{_TOKEN}/{_TOKEN}(?:[ \t]*+;[ \t]*+(?:{_TOKEN}={_WORD})?+)*+"
)


def idempotency_key(value: str) -> str:
    """A quoted string, or the bare form that most clients send."""
    if quoted := re.fullmatch(_QUOTED, value):
        key = _unescaped(quoted[1])
    elif re.fullmatch(_BARE, value):
        key = value
    else:
        raise MalformedRequest(
            'Idempotency-Key must be visible ASCII characters, best in quotes: "8e03978e-40d5".'
        )
    if not 1 <= len(key) <= KEY_AT_MOST:
        raise MalformedRequest(f"Idempotency-Key must have 1 to {KEY_AT_MOST} characters.")
    return key


def prefer(value: str) -> dict[str, str]:
    """The preferences of a Prefer header, by lowercase name. As RFC 7240 says, the first of each
    name counts, and unknown or malformed ones are ignored."""
    preferences: dict[str, str] = {}
    pattern, position = re.compile(_PREFERENCE), 0
    while position < len(value):
        if match := pattern.match(value, position):
            word = match[2] or ""
            if word.startswith('"'):
                word = _unescaped(word[1:-1])
            preferences.setdefault(match[1].lower(), word)
            position = match.end()
        else:
            position = (value.find(",", position) + 1) or len(value)
    return preferences


def wait_seconds(preferences: dict[str, str], longest: int) -> int:
    """The seconds of `wait=N`, up to `longest`; 0 if it is missing or not a number."""
    asked = preferences.get("wait", "")
    if not re.fullmatch(r"[0-9]+", asked):
        return 0
    return min(int(asked.lstrip("0")[:9] or "0"), longest)  # int() refuses very long ones


def cancel_after(value: str) -> int:
    """`30s`, `5m`, `1h30m` in milliseconds."""
    match = re.fullmatch(_DURATION, value)
    if match is None or not any(match.groups()):
        raise MalformedRequest("Cancel-After must be a duration such as 30s, 5m or 1h30m.")
    hours, minutes, seconds = (int(group or 0) for group in match.groups())
    duration = hours * HOUR + minutes * MINUTE + seconds * SECOND
    if not SHORTEST_DEADLINE <= duration <= LONGEST_DEADLINE:
        raise MalformedRequest("Cancel-After must be at least 5s and at most 30 days (720h).")
    return duration


def matches(value: str, tag: str) -> bool:
    """Whether an If-Match or If-None-Match header names this entity tag.

    The comparison is weak (RFC 9110, 8.8.3.2), for If-Match too: a proxy that compresses makes a
    tag weak, and these tags identify the state of a job, not bytes.
    """
    if value == "*":
        return True
    if not re.fullmatch(_TAGS, value):
        raise MalformedRequest('An entity tag is a quoted string such as "5f0c2a", or *.')
    named = {re.sub(_SUFFIX, "", one) for one in re.findall(_TAG, value)}
    return tag.removeprefix("W/").strip('"') in named


def is_media_type(value: str) -> bool:
    """Whether it is a media type such as `text/csv; charset=utf-8`, in printable ASCII."""
    return value.isascii() and value.isprintable() and bool(re.fullmatch(_MEDIA_TYPE, value))


def _unescaped(quoted: str) -> str:
    return re.sub(r"\\(.)", r"\1", quoted)
