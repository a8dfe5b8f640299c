"""The URLs of questions: what one seals, no other text unseals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.answer_urls import seal_question, unseal_question
from chalicelib.domain.job import HOUR
from chalicelib.domain.seals import seal
from chalicelib.domain.steps import ASK, Opened, Question
from chalicelib.http.operations import PATH
from tests.records import NOW, queued

SECRETS = (b"newest", b"before")
RECORD = queued()
STEPS = st.from_regex(r"[a-z0-9_-]{1,64}", fullmatch=True)


def sealed(step: str = "publish", round: int = 0, until: int = NOW + HOUR) -> str:
    return seal_question(SECRETS, RECORD, Question(step, round, Opened(ASK, 0, until)))


@given(STEPS, st.integers(0, 1_000), st.integers(0, 2**43))
def test_a_url_names_its_question_and_fits_the_path(step: str, round: int, until: int) -> None:
    text = sealed(step, round, until)
    named = unseal_question(SECRETS, text)
    assert named is not None
    assert (named.job, named.uid) == (RECORD.id, RECORD.uid)
    assert (named.step, named.round, named.until) == (step, round, until)
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert len(text) <= 1_000
    assert "1,1000" in PATH["sealed"]["pattern"]


def test_a_url_is_valid_while_one_of_the_secrets_is() -> None:
    text = sealed()
    assert unseal_question((b"newer", b"newest"), text) is not None
    assert unseal_question((b"newer",), text) is None


@given(st.integers(0, len(sealed()) - 1), st.characters(codec="utf-8"))
def test_no_other_character_anywhere_unseals(at: int, other: str) -> None:
    text = sealed()
    damaged = text[:at] + other + text[at + 1 :]
    assert (unseal_question(SECRETS, damaged) is None) is (damaged != text)


@pytest.mark.parametrize("scope", [("ticket",), ("answers",), ()])
def test_what_is_sealed_for_something_else_is_no_question(scope: tuple[str, ...]) -> None:
    text = f'["{RECORD.id}","{RECORD.uid}","publish",0,{NOW}]'
    assert unseal_question(SECRETS, seal(SECRETS, scope, text)) is None
    assert unseal_question(SECRETS, seal(SECRETS, ("answer",), text)) is not None
