from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import MalformedRequest
from chalicelib.http.cursors import seal, unseal

SECRET = (b"stage",)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCOPE = st.lists(TEXT, max_size=4).map(tuple)


@given(SCOPE, TEXT)
def test_what_is_sealed_can_be_unsealed(scope: tuple[str, ...], position: str) -> None:
    cursor = seal(SECRET, scope, position)
    assert unseal(SECRET, scope, cursor) == position
    assert cursor.replace("-", "a").replace("_", "a").isalnum() and cursor.isascii()  # noqa: PT018


@given(SCOPE, SCOPE, TEXT)
def test_a_cursor_is_good_in_its_own_scope_only(
    scope: tuple[str, ...], other: tuple[str, ...], position: str
) -> None:
    if scope != other:
        with pytest.raises(MalformedRequest):
            unseal(SECRET, other, seal(SECRET, scope, position))


@pytest.mark.parametrize(
    ("one", "other"), [(("a", "b"), ("ab",)), (("a", ""), ("a",)), (("", "a"), ("a", ""))]
)
def test_scopes_that_read_alike_when_joined_are_kept_apart(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    with pytest.raises(MalformedRequest):
        unseal(SECRET, other, seal(SECRET, one, "p"))


def test_the_end_of_a_scope_cannot_pass_for_the_beginning_of_a_position() -> None:
    with pytest.raises(MalformedRequest):
        unseal(SECRET, ("a", "b"), seal(SECRET, ("a",), "bp"))


def test_another_secret_seals_otherwise() -> None:
    with pytest.raises(MalformedRequest):
        unseal(SECRET, ("a",), seal((b"another stage",), ("a",), "p"))


@given(st.text())
def test_nothing_else_is_a_cursor(text: str) -> None:
    with pytest.raises(MalformedRequest):
        unseal(SECRET, ("a",), text)


@given(st.data())
def test_not_one_character_of_a_cursor_can_be_changed(data: st.DataObject) -> None:
    cursor = seal(SECRET, ("a",), "2027-x")
    place = data.draw(st.integers(0, len(cursor) - 1))
    other = data.draw(st.characters().filter(lambda character: character != cursor[place]))
    with pytest.raises(MalformedRequest):
        unseal(SECRET, ("a",), cursor[:place] + other + cursor[place + 1 :])
    for longer in (cursor + "=", cursor + "A", " " + cursor, cursor + "\n"):
        with pytest.raises(MalformedRequest):
            unseal(SECRET, ("a",), longer)
