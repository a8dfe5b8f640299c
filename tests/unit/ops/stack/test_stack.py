"""A stack is changed by a change set that can be looked at first, and says why it failed."""

from __future__ import annotations

from typing import Any

import pytest

from ops.cli.stage import Refusal
from ops.stack.stack import Change, ChangeSet, Stack
from tests.unit.ops.cloudformation import CloudFormation

PROPOSED = ChangeSet("arn:change-set", ())


def stack_of(cloud: CloudFormation) -> Stack:
    looks = iter(range(20))  # a command that would wait for ever fails instead

    def no_waiting(seconds: float) -> None:
        assert 0 < seconds <= 5
        next(looks)

    return Stack(cloud, "overtime-dev", no_waiting)  # type: ignore[arg-type]


def resource_change(action: str, kind: str, replacement: str | None = None) -> dict[str, Any]:
    change = {"Action": action, "LogicalResourceId": "It", "ResourceType": kind}
    return {"ResourceChange": change | ({"Replacement": replacement} if replacement else {})}


# ── what endangers data ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue"])
@pytest.mark.parametrize(
    ("action", "replacement", "endangered"),
    [
        ("Add", "", False),
        ("Import", "", False),
        ("Modify", "False", False),
        ("Modify", "True", True),
        ("Modify", "Conditional", True),
        ("Remove", "", True),
    ],
)
def test_replacing_or_removing_what_holds_data_endangers_it(
    kind: str, action: str, replacement: str, endangered: bool
) -> None:
    assert Change(action, "It", kind, replacement).endangers_data is endangered


def test_replacing_what_holds_none_does_not() -> None:
    assert not Change("Modify", "It", "AWS::Lambda::Permission", "True").endangers_data
    assert not Change("Remove", "It", "AWS::IAM::Role", "").endangers_data


# ── proposing ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "arguments", "kind"),
    [
        (None, {}, "CREATE"),
        ("REVIEW_IN_PROGRESS", {}, "CREATE"),
        ("UPDATE_COMPLETE", {}, "UPDATE"),
        (None, {"ResourcesToImport": []}, "IMPORT"),
    ],
)
def test_a_change_set_is_of_the_type_that_the_stack_needs(
    status: str | None, arguments: dict[str, Any], kind: str
) -> None:
    cloud = CloudFormation(status)
    stack_of(cloud).propose({"Stage": "dev"}, TemplateURL="https://…", **arguments)
    [(_, sent)] = cloud.calls
    assert sent["ChangeSetType"] == kind
    assert sent["Parameters"] == [{"ParameterKey": "Stage", "ParameterValue": "dev"}]


def test_what_would_change_is_told_before_it_does() -> None:
    cloud = CloudFormation("UPDATE_COMPLETE")
    cloud.change_set["Changes"] = [
        resource_change("Modify", "AWS::DynamoDB::Table", "True"),
        resource_change("Add", "AWS::IAM::Role"),
    ]
    proposed = stack_of(cloud).propose({})
    assert proposed is not None
    assert proposed.changes == (
        Change("Modify", "It", "AWS::DynamoDB::Table", "True"),
        Change("Add", "It", "AWS::IAM::Role", ""),
    )
    assert cloud.called == ["create_change_set"]


def test_nothing_to_change_leaves_nothing_behind() -> None:
    cloud = CloudFormation("UPDATE_COMPLETE")
    reason = "The submitted information didn't contain changes. Submit different information."
    cloud.change_set = {"Status": "FAILED", "StatusReason": reason}
    assert stack_of(cloud).propose({}) is None
    assert cloud.called == ["create_change_set", "delete_change_set"]


def test_a_template_that_is_not_taken_says_why_and_leaves_no_empty_stack() -> None:
    cloud = CloudFormation()
    reason = "Validation failed. Use the DescribeEvents API"
    cloud.change_set = {"Status": "FAILED", "StatusReason": reason}
    cloud.validation = [
        {"LogicalResourceId": "Bucket", "ValidationStatusReason": "exists already"},
        {"LogicalResourceId": "overtime-dev", "ResourceStatus": "CREATE_FAILED"},
    ]
    with pytest.raises(Refusal, match=r"Validation failed.*\n  Bucket: exists already$"):
        stack_of(cloud).propose({})
    assert cloud.called == ["create_change_set", "delete_change_set", "delete_stack"]


# ── carrying out ──────────────────────────────────────────────────────────────────────────


def test_progress_is_told_as_it_comes(capsys: pytest.CaptureFixture[str]) -> None:
    cloud = CloudFormation("REVIEW_IN_PROGRESS")
    cloud.coming = [
        [("overtime-dev", "CREATE_IN_PROGRESS", ""), ("JobsTable", "CREATE_IN_PROGRESS", "")],
        [("JobsTable", "CREATE_COMPLETE", "")],
        [("overtime-dev", "CREATE_COMPLETE", "")],
    ]
    stack_of(cloud).carry_out(PROPOSED)
    told = [line.split()[2:] for line in capsys.readouterr().out.splitlines()]
    assert told == [["CREATE_COMPLETE", "JobsTable"], ["CREATE_COMPLETE", "overtime-dev"]]


def test_the_status_of_before_is_not_taken_for_the_outcome(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cloud = CloudFormation("UPDATE_COMPLETE")
    cloud.coming = [
        [],  # CloudFormation has not begun yet
        [("overtime-dev", "UPDATE_IN_PROGRESS", "")],
        [("overtime-dev", "UPDATE_ROLLBACK_COMPLETE", "")],
    ]
    with pytest.raises(Refusal, match="UPDATE_ROLLBACK_COMPLETE"):
        stack_of(cloud).carry_out(PROPOSED)


def test_a_failure_names_its_causes_and_not_what_they_stopped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cloud = CloudFormation("REVIEW_IN_PROGRESS")
    cloud.coming = [
        [
            ("APIHandler", "CREATE_FAILED", "Function already exist: overtime-dev"),
            ("Bucket", "CREATE_FAILED", "Resource creation cancelled"),
            ("overtime-dev", "ROLLBACK_IN_PROGRESS", "failed to create: [APIHandler]"),
        ],
        [("overtime-dev", "ROLLBACK_COMPLETE", "")],
    ]
    with pytest.raises(Refusal) as refused:
        stack_of(cloud).carry_out(PROPOSED)
    said = str(refused.value)
    assert said.startswith("overtime-dev is ROLLBACK_COMPLETE, because of:\n")
    assert "APIHandler (AWS::Some::Thing): Function already exist: overtime-dev" in said
    assert "Bucket" not in said


# ── what may be in the way ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"])
def test_what_a_failed_creation_left_is_deleted(
    status: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud = CloudFormation(status)
    cloud.coming = [[("overtime-dev", "DELETE_COMPLETE", "")]]
    stack_of(cloud).clear_the_way()
    assert cloud.called == ["delete_stack"]
    assert f"overtime-dev is {status}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("UPDATE_IN_PROGRESS", "another change is running"),
        ("DELETE_IN_PROGRESS", "another change is running"),
        ("IMPORT_ROLLBACK_FAILED", "delete-stack --stack-name overtime-dev"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name overtime-dev"),
    ],
)
def test_a_stack_that_an_operator_must_fix_is_left_alone(status: str, sentence: str) -> None:
    cloud = CloudFormation(status)
    with pytest.raises(Refusal, match=sentence):
        stack_of(cloud).clear_the_way()
    assert cloud.calls == []


def test_an_import_that_failed_leaves_an_empty_stack_that_is_deleted() -> None:
    cloud = CloudFormation("IMPORT_ROLLBACK_COMPLETE")
    cloud.coming = [[("overtime-dev", "DELETE_COMPLETE", "")]]
    stack_of(cloud).clear_the_way()
    assert cloud.called == ["delete_stack"]


def test_one_that_has_more_than_was_to_be_imported_goes_on() -> None:
    cloud = CloudFormation("IMPORT_ROLLBACK_COMPLETE")
    cloud.resources = {"JobsTable": "overtime-dev-jobs"}
    stack_of(cloud).clear_the_way()
    assert cloud.calls == []


@pytest.mark.parametrize(
    ("status", "new"),
    [
        (None, True),
        ("REVIEW_IN_PROGRESS", True),
        ("CREATE_COMPLETE", False),
        ("ROLLBACK_COMPLETE", False),
    ],
)
def test_a_stack_whose_change_set_was_never_carried_out_is_a_new_one(
    status: str | None, new: bool
) -> None:
    assert stack_of(CloudFormation(status)).is_new is new


@pytest.mark.parametrize("status", [None, "REVIEW_IN_PROGRESS", "CREATE_COMPLETE"])
def test_else_nothing_is_in_the_way(status: str | None) -> None:
    cloud = CloudFormation(status)
    stack_of(cloud).clear_the_way()
    assert cloud.calls == []


def test_what_could_not_be_deleted_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    cloud = CloudFormation("CREATE_COMPLETE")
    cloud.coming = [
        [
            ("Bucket", "DELETE_FAILED", "The bucket is not empty"),
            ("overtime-dev", "DELETE_FAILED", ""),
        ]
    ]
    with pytest.raises(Refusal, match=r"is DELETE_FAILED[^$]*Bucket .*: The bucket is not empty"):
        stack_of(cloud).delete()


# ── drift ─────────────────────────────────────────────────────────────────────────────────


def test_drift_is_read_to_the_last_page_once_it_is_detected() -> None:
    class Drifting:
        asked: list[Any] = []
        status = iter(["DETECTION_IN_PROGRESS", "DETECTION_IN_PROGRESS", "DETECTION_FAILED"])

        def detect_stack_drift(self, **asked: str) -> dict[str, str]:
            return {"StackDriftDetectionId": "d-1"}

        def describe_stack_drift_detection_status(self, **asked: str) -> dict[str, str]:
            return {"DetectionStatus": next(self.status)}

        def describe_stack_resource_drifts(self, **asked: Any) -> dict[str, Any]:
            assert list(self.status) == []  # no sooner
            self.asked.append(asked.get("NextToken"))
            more = {"NextToken": "2"} if len(self.asked) == 1 else {}
            return {"StackResourceDrifts": [{"LogicalResourceId": f"It{len(self.asked)}"}], **more}

    stack = stack_of(CloudFormation("UPDATE_COMPLETE"))
    stack.client = Drifting()
    assert [one["LogicalResourceId"] for one in stack.drift()] == ["It1", "It2"]
    assert Drifting.asked == [None, "2"]
