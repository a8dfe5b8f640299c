"""Who is asking, by what API Gateway tells; and what the authorizer tells API Gateway."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.errors import Forbidden, Unauthorized, Unavailable
from chalicelib.http.auth import Refused, admit, owner_of
from chalicelib.settings import Auth

ACCOUNT = "arn:aws:iam::123456789012"
SESSIONS = "arn:aws:sts::123456789012"


def known(text: str) -> str:
    if text != "good":
        raise Unauthorized("not good")
    return "ada"


@pytest.mark.parametrize("header", ["Bearer good", "bearer good", "BEARER   good"])
def test_a_bearer_token_is_looked_at(header: str) -> None:
    assert admit(header, known).principal_id == "ada"


@pytest.mark.parametrize(
    "header",
    [
        *("", "good", "Bearer", "Bearer ", "Bearergood", " Bearer good", "Bearer good "),
        *("Basic Z29vZA==", "Bearer go od", "Bearer good, Bearer good", "Bearer good\n"),
        *("Bearer\tgood", "Bearer göod", "Bearer bad", "AWS4-HMAC-SHA256 Credential=good"),
    ],
)
def test_any_other_header_is_refused_in_the_words_of_api_gateway(header: str) -> None:
    """It answers 401 to this message alone; anything else would be a 500."""
    with pytest.raises(Refused) as refusal:
        admit(header, known)
    assert str(refusal.value) == "Unauthorized"


def test_a_failed_check_is_not_a_refusal() -> None:
    def away(text: str) -> str:
        raise Unavailable("The jobs table did not answer.")

    with pytest.raises(Unavailable):
        admit("Bearer good", away)


@pytest.mark.parametrize("auth", [Auth.TOKENS, Auth.JWT])
def test_the_owner_comes_from_the_authorizer(auth: Auth) -> None:
    assert owner_of(auth, {"authorizer": {"principalId": "ada", "integrationLatency": 3}}) == "ada"


@pytest.mark.parametrize("auth", [Auth.TOKENS, Auth.JWT])
@pytest.mark.parametrize(
    "context", [{}, {"authorizer": None}, {"authorizer": {}}, {"authorizer": {"principalId": ""}}]
)
def test_without_an_authorizers_answer_a_request_is_refused(
    auth: Auth, context: dict[str, Any]
) -> None:
    with pytest.raises(Unauthorized):
        owner_of(auth, {**context, "identity": {"userArn": f"{ACCOUNT}:user/eve"}})


@pytest.mark.parametrize(
    ("arn", "owner"),
    [
        (f"{ACCOUNT}:user/ada", f"{ACCOUNT}:user/ada"),
        (f"{ACCOUNT}:user/staff/eu/ada", f"{ACCOUNT}:user/staff/eu/ada"),
        (f"{ACCOUNT}:root", f"{ACCOUNT}:root"),
        (f"{SESSIONS}:assumed-role/Reports/i-0abc", f"{SESSIONS}:assumed-role/Reports"),
        (f"{SESSIONS}:assumed-role/Reports/ada@example.com", f"{SESSIONS}:assumed-role/Reports"),
        (f"{SESSIONS}:federated-user/ada", f"{SESSIONS}:federated-user/ada"),
        (
            "arn:aws-cn:sts::123456789012:assumed-role/Reports/x",
            "arn:aws-cn:sts::123456789012:assumed-role/Reports",
        ),
    ],
)
def test_an_aws_callers_owner_is_its_arn_without_the_session(arn: str, owner: str) -> None:
    assert owner_of(Auth.IAM, {"identity": {"userArn": arn, "caller": "AIDA:x"}}) == owner


def test_roles_of_one_name_in_two_accounts_are_two_owners() -> None:
    owners = {
        owner_of(
            Auth.IAM, {"identity": {"userArn": f"arn:aws:sts::{account}:assumed-role/Reports/x"}}
        )
        for account in ("111111111111", "222222222222")
    }
    assert len(owners) == 2


def test_a_session_name_cannot_make_one_role_look_like_another() -> None:
    tricky = f"{SESSIONS}:assumed-role/Guests/x:assumed-role/Reports"
    assert owner_of(Auth.IAM, {"identity": {"userArn": tricky}}).endswith("/Guests")


@pytest.mark.parametrize("context", [{}, {"identity": None}, {"identity": {"userArn": None}}])
def test_without_a_checked_signature_a_request_is_refused(context: dict[str, Any]) -> None:
    with pytest.raises(Forbidden):
        owner_of(Auth.IAM, {**context, "authorizer": {"principalId": "eve"}})


def test_callers_that_share_a_role_by_an_identity_pool_are_not_taken_for_one() -> None:
    identity = {
        "userArn": f"{SESSIONS}:assumed-role/Guests/CognitoIdentityCredentials",
        "cognitoIdentityId": "eu-central-1:5e9ab",
    }
    with pytest.raises(Forbidden):
        owner_of(Auth.IAM, {"identity": identity})


def test_on_an_open_stage_all_callers_are_one_owner() -> None:
    assert owner_of(Auth.OPEN, {"identity": {"userArn": "arn"}, "authorizer": {}}) == "local"
