"""JSON by value: what is equal, where two differ, and where in it a thing is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.values import (
    Place,
    _decoder,
    _float,
    decode_json,
    differences,
    digest,
    encode,
    escape,
    strings_in,
)
from tests.unit.harness import peak_bytes

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("ab/~"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~"), inner, max_size=3),
    max_leaves=12,
)


def shuffled(value: Any) -> Any:
    """Equal by value, but with its members in another order."""
    if isinstance(value, dict):
        return {name: shuffled(value[name]) for name in reversed(value)}
    if isinstance(value, list):
        return [shuffled(item) for item in value]
    return value


@given(JSON)
def test_equal_values_have_equal_digests_and_no_differences(value: Any) -> None:
    assert digest(value) == digest(shuffled(value))
    assert list(differences(value, shuffled(value))) == []


@given(JSON, JSON)
def test_values_differ_where_their_digests_do(one: Any, other: Any) -> None:
    assert (digest(one) == digest(other)) is (list(differences(one, other)) == [])


@pytest.mark.parametrize(
    ("old", "new", "pointers"),
    [
        (1, 2, [""]),
        (1, True, [""]),
        (0, False, [""]),
        (None, False, [""]),
        ("1", 1, [""]),
        ({"a": 1}, {"a": 2, "b": 1}, ["/a", "/b"]),
        ({"a": None}, {}, ["/a"]),
        ({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 3}]}}, ["/a/b/1/c"]),
        ({"a": [1]}, {"a": [1, 2]}, ["/a"]),
        ({"a": {}}, {"a": []}, ["/a"]),
        ({"a/b": 1, "m~n": 1}, {}, ["/a~1b", "/m~0n"]),
        ({"": 1}, {"": 2}, ["/"]),
        ([[True]], [[1]], ["/0/0"]),
    ],
)
def test_differences_are_pointers_to_the_outermost_members(
    old: Any, new: Any, pointers: list[str]
) -> None:
    assert [str(place) for place in differences(old, new)] == pointers
    assert [str(place) for place in differences(new, old)] == pointers


def test_a_digest_does_not_lengthen_long_numbers() -> None:
    """As an integer 1e308 has 309 digits."""
    numbers = [1e308] * 100_000
    assert peak_bytes(lambda: digest(numbers)) < 20 * len(numbers)


# ── pointers ──


@pytest.mark.parametrize(
    ("name", "token"), [("", ""), ("a/b", "a~1b"), ("m~n", "m~0n"), ("~1", "~01"), ("c%d", "c%d")]
)
def test_names_are_escaped_as_rfc_6901_has_it(name: str, token: str) -> None:
    assert escape(name) == token
    assert token.replace("~1", "/").replace("~0", "~") == name


def test_strings_are_found_with_their_places_names_included() -> None:
    value = {"a/b": ["x", {"c": "y"}], "n": 1}
    assert [(str(place), text) for place, text in strings_in(value, "/params")] == [
        ("/params/a~1b", "a/b"),
        ("/params/a~1b/0", "x"),
        ("/params/a~1b/1/c", "c"),
        ("/params/a~1b/1/c", "y"),
        ("/params/n", "n"),
    ]


def test_places_below_a_long_name_do_not_repeat_it() -> None:
    value = {"x" * 1_000_000: [""] * 500}
    assert peak_bytes(lambda: sum(1 for _ in strings_in(value, "/params"))) < 100_000


def test_a_place_is_a_pointer_once_it_is_text() -> None:
    assert str(Place(Place("/params", "a/b"), 0)) == "/params/a~1b/0"


# ── reading ──


@given(JSON)
def test_written_json_is_read_back_unchanged(value: Any) -> None:
    assert decode_json(encode(value)) == value


def test_floats_are_read_by_python_and_none_becomes_an_infinity() -> None:
    assert _decoder.float_hook is _float  # 400,000 of 1e308 take it 0.2 s, and msgspec 4
    for text in ("1e400", "[-1e400]", '{"a": 1e999999999}'):
        with pytest.raises(msgspec.ValidationError, match="out of range"):
            decode_json(text)
