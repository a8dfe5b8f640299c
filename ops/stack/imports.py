"""Table and bucket outlive their stack (`make destroy` keeps them): a new one takes them over."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from ops.cli.stage import Stage
from ops.stack.stack import Stack
from ops.template.declared import Template

MISSING = ("404", "NoSuchBucket", "ResourceNotFoundException")


def take_over(stage: Stage, stack: Stack, template: Template) -> None:
    """Imports them into a new stack. Raises Refusal if it failed and was rolled back."""
    if not (left := imports_of_what_is_left(stage)):
        return
    names = " and ".join(name for one in left for name in one["ResourceIdentifier"].values())
    print(f"An earlier stage {stage.name} left {names}: taken over, with all that is in it.")
    proposed = stack.propose(
        {"App": stage.app, "Stage": stage.name},
        ResourcesToImport=left,
        TemplateBody=json.dumps(template_of(left, template)),
    )
    assert proposed is not None  # a new stack is a change
    stack.carry_out(proposed)


def imports_of_what_is_left(stage: Stage) -> list[dict[str, Any]]:
    """As an import change set names them; empty where nothing is left of an earlier stack."""
    left = []
    if table_exists(stage, stage.table):
        left.append(_import("JobsTable", "AWS::DynamoDB::Table", "TableName", stage.table))
    if bucket_exists(stage, stage.bucket):
        left.append(_import("Bucket", "AWS::S3::Bucket", "BucketName", stage.bucket))
    return left


def template_of(imports: list[dict[str, Any]], template: Template) -> Template:
    """An import takes nothing else along: the rest follows as an update."""
    names = [one["LogicalResourceId"] for one in imports]
    parameters = {name: template["Parameters"][name] for name in ("App", "Stage")}
    resources = {name: template["Resources"][name] for name in names}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": parameters,
        "Resources": resources,
    }


def table_exists(stage: Stage, name: str) -> bool:
    return _answers(stage.client("dynamodb").describe_table, TableName=name)


def bucket_exists(stage: Stage, name: str) -> bool:
    return _answers(stage.client("s3").head_bucket, Bucket=name)


def _import(logical_id: str, kind: str, name_property: str, name: str) -> dict[str, Any]:
    return {
        "LogicalResourceId": logical_id,
        "ResourceType": kind,
        "ResourceIdentifier": {name_property: name},
    }


def _answers(call: Any, **arguments: str) -> bool:
    try:
        call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] in MISSING:
            return False
        raise
    return True
