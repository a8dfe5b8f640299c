"""A rotated secret: nothing that is in flight breaks, in any process, at any time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.job import DAY, MINUTE
from chalicelib.domain.seals import REREAD_AFTER, StageSecret, seal, unseal

ROTATED = DAY  # when, in these tests
OLD, NEW = StageSecret(b"old"), StageSecret(b"old").rotated(b"new", ROTATED, DAY)
SCOPE = ("ticket",)
CLOCKS_APART = MINUTE // 2


def known(read_at: int) -> StageSecret:
    """To a process that read the secret then."""
    return OLD if read_at < ROTATED else NEW


AGES = st.sampled_from((0, REREAD_AFTER - 1)) | st.integers(0, REREAD_AFTER - 1)
"""Of what a process has read."""
SKEWS = st.sampled_from((-CLOCKS_APART, 0, CLOCKS_APART))


@given(st.integers(-MINUTE, 10 * MINUTE), AGES, AGES, SKEWS, SKEWS)
def test_every_process_unseals_what_another_sealed_at_once(
    later: int, age: int, other_age: int, skew: int, other_skew: int
) -> None:
    now = ROTATED + later
    sealed = seal(known(now - age).for_seals(now + skew), SCOPE, "ada")
    assert unseal(known(now - other_age).for_seals(now + other_skew), SCOPE, sealed) == "ada"


@given(st.integers(-DAY, 2 * DAY), AGES, st.integers(0, DAY), AGES)
def test_sealed_text_stays_valid_for_the_overlap(
    later: int, age: int, passed: int, other_age: int
) -> None:
    now = ROTATED + later
    sealed = seal(known(now - age).for_seals(now), SCOPE, "ada")
    then = now + passed
    if then < NEW.before_until:
        assert unseal(known(then - other_age).for_seals(then), SCOPE, sealed) == "ada"


def test_after_the_overlap_the_old_secret_opens_nothing() -> None:
    sealed = seal((b"old",), SCOPE, "ada")
    assert unseal(NEW.for_seals(NEW.before_until - 1), SCOPE, sealed) == "ada"
    assert unseal(NEW.for_seals(NEW.before_until), SCOPE, sealed) is None


def test_without_overlap_the_old_secret_ends_when_the_new_one_begins_to_seal() -> None:
    at_once = OLD.rotated(b"new", ROTATED, 0)
    assert at_once.for_seals(at_once.newest_from - 1) == (b"old", b"new")
    assert at_once.for_seals(at_once.newest_from) == (b"new",)


def test_a_second_rotation_keeps_what_seals_now() -> None:
    """Also before the first one's new secret has sealed anything."""
    soon = NEW.rotated(b"newer", ROTATED + MINUTE, DAY)
    assert soon.for_seals(ROTATED + MINUTE) == (b"old", b"newer")
    later = NEW.rotated(b"newer", ROTATED + DAY // 2, DAY)
    assert later.for_seals(ROTATED + DAY // 2) == (b"new", b"newer")
    assert soon.for_ids == later.for_ids == b"old"
