"""What webhooks are signed with: made once, replaced by whoever knows the one that is good."""

from __future__ import annotations

from chalicelib.ports.stores import SigningSecrets
from tests.contract.conftest import Stores
from tests.records import NOW

DAY = 86_400_000


def test_an_owner_has_none_before_the_first_is_made(signing: SigningSecrets) -> None:
    assert signing.of("ada", NOW) == ()
    assert signing.replace("ada", None, "whsec_1", NOW)
    assert signing.of("ada", NOW) == ("whsec_1",)
    assert signing.of("grace", NOW) == ()


def test_while_one_replaces_another_both_sign(signing: SigningSecrets) -> None:
    signing.replace("ada", None, "whsec_1", NOW)
    assert signing.replace("ada", "whsec_1", "whsec_2", NOW + DAY)
    assert signing.of("ada", NOW + DAY - 1) == ("whsec_2", "whsec_1")
    assert signing.of("ada", NOW + DAY) == ("whsec_2",)


def test_a_third_takes_the_place_of_the_first(signing: SigningSecrets) -> None:
    signing.replace("ada", None, "whsec_1", NOW)
    signing.replace("ada", "whsec_1", "whsec_2", NOW + DAY)
    assert signing.replace("ada", "whsec_2", "whsec_3", NOW + DAY)
    assert signing.of("ada", NOW) == ("whsec_3", "whsec_2")


def test_of_two_replacements_at_once_the_second_is_refused(signing: SigningSecrets) -> None:
    assert signing.replace("ada", None, "whsec_1", NOW)
    assert not signing.replace("ada", None, "whsec_other", NOW)
    assert signing.replace("ada", "whsec_1", "whsec_2", NOW)
    assert not signing.replace("ada", "whsec_1", "whsec_other", NOW)
    assert signing.of("ada", NOW) == ("whsec_2",)


def test_a_write_whose_answer_was_lost_may_be_asked_for_again(signing: SigningSecrets) -> None:
    for _ in range(2):
        assert signing.replace("ada", None, "whsec_1", NOW)
    for _ in range(2):
        assert signing.replace("ada", "whsec_1", "whsec_2", NOW + DAY)
    assert signing.of("ada", NOW) == ("whsec_2", "whsec_1")


def test_one_is_not_made_out_of_nothing(signing: SigningSecrets) -> None:
    assert not signing.replace("ada", "whsec_0", "whsec_1", NOW)
    assert signing.of("ada", NOW) == ()


def test_they_have_no_end_and_no_read_of_jobs_meets_them(tables: Stores) -> None:
    tables.signing.replace("job", None, "whsec_1", NOW)
    [item] = tables.table_client.scan(TableName=tables.table)["Items"]
    assert item.keys() == {"pk", "sk", "current"}
    assert tables.jobs.owned("job", None, 10) == []
