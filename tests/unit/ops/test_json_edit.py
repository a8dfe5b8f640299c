"""A file that people write keeps every character that the edit is not about."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.json_edit import with_value

WRITTEN = """{
  "version": "2.0",
  "lambda_functions": {
    "sweep": {"lambda_timeout": 55,   "lambda_memory_size": 512}
  },
  "stages": {
    "local": {
      "environment_variables": {"STAGE": "local"}
    }
  }
}
"""


def test_a_new_member_is_added_at_the_end_and_nothing_else_moves() -> None:
    edited = with_value(WRITTEN, ("stages", "dev", "environment_variables"), {"STAGE": "dev"})
    added = """,
    "dev": {
      "environment_variables": {
        "STAGE": "dev"
      }
    }"""
    before, after = edited.split(added)
    assert before + after == WRITTEN


def test_a_member_that_is_there_is_replaced_in_its_place() -> None:
    edited = with_value(WRITTEN, ("stages", "local", "environment_variables"), "none")
    assert edited == WRITTEN.replace('{"STAGE": "local"}', '"none"')


def test_an_empty_object_gets_its_first_member() -> None:
    assert with_value("{}", ("a",), 1) == '{\n  "a": 1\n}'
    assert json.loads(with_value('{"stages": { }}', ("stages", "dev"), 1)) == {"stages": {"dev": 1}}


def test_what_is_no_object_cannot_be_entered() -> None:
    with pytest.raises(ValueError, match=r"put dev\.environment_variables into"):
        with_value('{"stages": []}', ("stages", "dev", "environment_variables"), {})


json_objects = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=4), json_objects), st.text(max_size=4), json_objects)
def test_it_does_what_assigning_does(document: dict[str, object], name: str, value: object) -> None:
    for indent in (None, 3):
        edited = with_value(json.dumps(document, indent=indent), (name,), value)
        assert list(json.loads(edited).items()) == list({**document, name: value}.items())


@given(st.dictionaries(st.text(max_size=4), st.dictionaries(st.text(max_size=4), json_objects)))
def test_it_does_so_one_level_down(document: dict[str, dict[str, object]]) -> None:
    edited = json.loads(with_value(json.dumps(document), ("x", "y"), 1))
    assert edited == {**document, "x": {**document.get("x", {}), "y": 1}}
