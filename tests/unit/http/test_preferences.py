"""The grammars of request headers, and that no header takes long to read."""

from __future__ import annotations

import re
import time
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.domain.errors import MalformedRequest
from chalicelib.domain.job import DAY
from chalicelib.http.preferences import (
    cancel_after,
    idempotency_key,
    matches,
    prefer,
    wait_seconds,
)

VISIBLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=255)
TOKEN = st.text("!#$%&'*+-.^_`|~09AZaz", min_size=1)


def quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


# ── Idempotency-Key ──


@given(VISIBLE)
def test_any_visible_text_can_be_a_key_in_quotes(key: str) -> None:
    assert idempotency_key(quoted(key)) == key


@given(st.text())
def test_a_header_is_a_key_or_refused(value: str) -> None:
    try:
        key = idempotency_key(value)
    except MalformedRequest:
        return
    assert 1 <= len(key) <= 255
    assert all(" " <= character <= "~" for character in key)


def test_an_escape_does_not_count_twice_towards_the_length() -> None:
    assert idempotency_key(quoted('"' * 255)) == '"' * 255
    with pytest.raises(MalformedRequest):
        idempotency_key(quoted('"' * 256))


# ── Prefer ──


@given(st.dictionaries(TOKEN.map(str.lower), st.text(st.characters(codec="ascii"))))
def test_whatever_is_preferred_in_quotes_is_understood(wanted: dict[str, str]) -> None:
    value = ", ".join(f"{name}={quoted(text)}; a=b" for name, text in wanted.items())
    assert prefer(value) == wanted


@given(st.text())
def test_no_prefer_header_is_an_error(value: str) -> None:
    prefer(value)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("", {}),
        ("a", {"a": ""}),
        ("a, b=1", {"a": "", "b": "1"}),
        ("a=1, A=2", {"a": "1"}),
        ("a=", {"a": ""}),
        ('a=""', {"a": ""}),
        ("a = 1 ; x = y", {"a": "1"}),
        ('a; x="1, b=2", c', {"a": "", "c": ""}),
        ("a b, c", {"c": ""}),
        ("@, c", {"c": ""}),
        ('a="b, c', {"c": ""}),
        ("a\n, c", {"c": ""}),
    ],
)
def test_the_preferences_of_a_header(value: str, found: dict[str, str]) -> None:
    assert prefer(value) == found


@pytest.mark.parametrize(
    ("asked", "longest", "seconds"),
    [
        *(("0", 25, 0), ("7", 25, 7), ("26", 25, 25), ("007", 25, 7), ("0" * 5_000, 25, 0)),
        *(("0" * 12 + "7", 25, 7), ("9" * 5_000, 25, 25), ("1" + "0" * 20, 25, 25), ("5", 0, 0)),
    ],
)
def test_a_wait_is_at_most_what_is_allowed(asked: str, longest: int, seconds: int) -> None:
    assert wait_seconds({"wait": asked}, longest) == seconds


@pytest.mark.parametrize("asked", ["", "-1", "1.0", "1s", " 1", "1\n", "٣", "1_0", "+1", "²"])
def test_a_wait_that_is_no_number_is_none(asked: str) -> None:
    assert wait_seconds({"wait": asked}, 25) == 0


# ── Cancel-After ──


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [("5s", 5_000), ("1m5s", 65_000), ("90m", 5_400_000), ("720h", 30 * DAY), ("0h0m5s", 5_000)],
)
def test_durations(value: str, milliseconds: int) -> None:
    assert cancel_after(value) == milliseconds


@pytest.mark.parametrize("value", ["", "h", "5S", "5s ", "5s\n", "1m1h", "720h1s", "9" * 99 + "s"])
def test_what_is_no_duration(value: str) -> None:
    with pytest.raises(MalformedRequest):
        cancel_after(value)


# ── entity tags ──


@given(st.lists(st.sampled_from(['"a"', 'W/"a"', '"b"', '"a,b"', '""']), min_size=1), st.data())
def test_a_list_of_tags_names_a_tag_if_one_of_them_is_it(
    tags: list[str], data: st.DataObject
) -> None:
    comma = data.draw(st.sampled_from([",", ", ", " ,", " , , "]))
    found = comma.join(tags)
    assert matches(found, '"a"') is any(tag.removeprefix("W/") == '"a"' for tag in tags)
    assert matches(found, 'W/"a"') is matches(found, '"a"')


def test_a_tag_is_not_found_inside_another() -> None:
    assert not matches('"xa"', '"a"')
    assert not matches('"a-x"', '"a"')
    assert not matches('"x,a,"', '"a"')
    assert not matches('"A"', '"a"')


def tags_in(value: str) -> set[str] | None:
    """By hand: commas and blanks, and between two tags a comma; None for anything else."""
    found, position, comma = set(), 0, True
    while position < len(value):
        if value[position] in " \t,":
            comma = comma or value[position] == ","
            position += 1
            continue
        position += 2 if value[position : position + 2] == "W/" else 0
        opened, end = value[position : position + 1], value.find('"', position + 1)
        tag = value[position + 1 : end]
        if not comma or opened != '"' or end < 0 or " " in tag or "\t" in tag:
            return None
        found.add(tag)
        position, comma = end + 1, False
    return found or None


PIECES = [*'aW/"*, \t', '"a"', 'W/"b"', '"a,b"', ", "]
VALUES = st.lists(st.sampled_from(PIECES)).map("".join).map(lambda value: value.strip(" \t"))


@settings(max_examples=1_000)
@given(VALUES)
@example("*")
@example('"a""b"')
@example(',,"a" ,\t, W/"b",')
def test_a_header_is_a_list_of_tags_or_is_refused(value: str) -> None:
    if value == "*":
        assert matches(value, '"a"')
    elif (tags := tags_in(value)) is None:
        with pytest.raises(MalformedRequest):
            matches(value, '"a"')
    else:
        assert {tag for tag in ("a", "b", "a,b", "W/", "") if matches(value, f'"{tag}"')} == (
            tags & {"a", "b", "a,b", "W/", ""}
        )


# ── time ──


LENGTH = 20_000  # twice what API Gateway lets through
HOSTILE = [
    *(
        " " * LENGTH + "x",
        "a" + " " * LENGTH + "x",
        "a=" + " " * LENGTH + '!"',
        "a;" * LENGTH + '"',
    ),
    *("a; " * LENGTH + '"', "a=;" * LENGTH + '"', '"' * LENGTH, '"' * (LENGTH + 1)),
    *('"' + '\\"' * LENGTH, ',x="' * LENGTH, 'x="\\",' * LENGTH, "," * LENGTH + "x"),
    *('"a",' * LENGTH + "x", '"a"' + " , " * LENGTH + "x", ',"a' * LENGTH, 'W/"' * LENGTH),
    *("1h" * LENGTH, "1" * LENGTH, "1" * LENGTH + "h"),
]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_no_header_takes_long_to_read(value: str) -> None:
    """Time may grow with the length, not with its square, which would be seconds here."""
    began = time.process_time()
    prefer(value)
    for parse in (idempotency_key, cancel_after, lambda value: matches(value, '"a"')):
        with suppress(MalformedRequest):
            parse(value)
    assert time.process_time() - began < 0.5  # seconds of computing, whatever else runs here


@pytest.mark.parametrize("suffix", ["-gzip", "--gzip", "-br", "-zstd", "-deflate"])
def test_a_tag_that_a_proxy_suffixed_still_matches(suffix: str) -> None:
    assert matches(f'"x", W/"a{suffix}"', '"a"')
    assert not matches(f'"b{suffix}"', '"a"')
