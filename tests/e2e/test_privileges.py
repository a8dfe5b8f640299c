"""Least privilege: no function may do anything that nothing needs.

On a stage of its own, deployed with a user's own tasks, each single permission is taken away from
the deployed role, and what needs it has to fail; put back, it has to work.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.domain.task import LANES
from ops.cli.stage import Stage
from ops.template.policies import rendered
from tests.e2e.deployed import Deployed
from tests.e2e.lab import FAILURES, SECRET, Lab
from tests.e2e.permissions import ANYWHERE, Permission, permissions, without
from tests.e2e.third_party import ThirdParty
from tests.e2e.works import work_that_needs

# What AWS asks for with the function's role, and the local AWS does not.
NOT_ENFORCED = {
    # "Permission to upload logs to CloudWatch" (Lambda Developer Guide, "Lambda execution role", of
    # AWSLambdaBasicExecutionRole). Its CreateLogGroup is not given: the stack makes the groups.
    "OwnLogs": ("logs:CreateLogStream", "logs:PutLogEvents"),
    # "The Lambda execution role must include the following permissions: sqs:DeleteMessage,
    # sqs:GetQueueAttributes, sqs:ReceiveMessage" (SQS Developer Guide, "Configuring an Amazon SQS
    # queue to trigger an AWS Lambda function").
    "Trigger": ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
    # "If you have the s3:ListBucket permission on the bucket, Amazon S3 returns an HTTP status code
    # 404 (Not Found) error", and else 403 (S3 API Reference, HeadObject): a worker would take an
    # upload that is gone for a bucket that does not answer, and try again.
    "TellMissingFromForbidden": ("s3:ListBucket",),
}

ENFORCED = [one for one in permissions() if one.sid not in NOT_ENFORCED]
EXEMPT = [one for one in permissions() if one.sid in NOT_ENFORCED]


@pytest.fixture(scope="module")
def lab(user_stage: Deployed, third_party: ThirdParty) -> Iterator[Lab]:
    client = user_stage.owner("eve")
    user_stage.command("ops.webhook_secret", user_stage.stage.name, "eve")
    user_stage.command("ops.secret", user_stage.stage.name, "third-party", piped=SECRET)
    with user_stage.standing_still(*LANES), user_stage.unscheduled("sweep"):
        yield Lab(user_stage, client, third_party)


@pytest.mark.parametrize("permission", ENFORCED, ids=str)
def test_what_a_permission_is_for_fails_without_it(lab: Lab, permission: Permission) -> None:
    prepare = work_that_needs(permission)
    act = prepare(lab)
    with without(lab.stage, permission), lab.in_vain(), pytest.raises(FAILURES):
        act()
    prepare(lab)()


def test_nothing_else_is_exempt() -> None:
    assert {(one.sid, one.action) for one in EXEMPT} == {
        (sid, action) for sid, actions in NOT_ENFORCED.items() for action in actions
    }


@pytest.mark.parametrize("permission", EXEMPT, ids=str)
def test_what_is_exempt_is_about_the_functions_own(permission: Permission) -> None:
    stage = Stage(ANYWHERE["App"], ANYWHERE["Stage"])
    name = rendered(permission.resource, ANYWHERE).rpartition(":log-group:")[2].split(":")
    match permission.sid:
        case "OwnLogs":  # `:*`, as log groups are named in policies
            assert name == [f"/aws/lambda/{stage.function(permission.function)}", "*"]
        case "Trigger":
            assert permission.function == f"{permission.place}_worker"
        case "TellMissingFromForbidden":
            assert permission.place == "bucket"


def test_what_is_exempt_is_really_not_asked_for_here(lab: Lab) -> None:
    """Else it belongs to the others."""
    lab.forget_messages("default")
    gone = lab.upload()
    job = lab.submit("read", source=gone)
    lab.lose_uploads()
    with without(lab.stage, *EXEMPT):
        lab.stage.take_up(True, "default")
        try:
            assert lab.client.finished(job)["error"]["type"] == "/problems/permanent-error"
        finally:
            lab.stage.take_up(False, "default")
    assert lab.stage.log("default_worker", job["id"])
