"""The log groups of a stage that Chalice deploys, as far as it takes no care of them."""

from __future__ import annotations

import contextlib

from ops.cli.stage import Stage, read_config
from ops.template.policies import read_policies

DAYS = 30  # where log_retention_in_days is not set
API = "api_handler"
PREFIX = "/aws/lambda/"


def keep(stage: Stage) -> None:
    """Makes that of the API's function: Chalice makes it under another name than Lambda writes to,
    and the function may not make one itself."""
    logs, group = stage.client("logs"), PREFIX + stage.function(API)
    with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=group)
    days = read_config().get("log_retention_in_days", DAYS)
    logs.put_retention_policy(logGroupName=group, retentionInDays=days)


def left(stage: Stage) -> list[str]:
    """Those that there are; `chalice delete` leaves them all behind, to be kept for ever."""
    ours = {stage.function(API), *(f"{stage.stack}-{name}" for name in read_policies())}
    pages = (
        stage.client("logs")
        .get_paginator("describe_log_groups")
        .paginate(logGroupNamePrefix=PREFIX + stage.stack)
    )
    names = [group["logGroupName"] for page in pages for group in page["logGroups"]]
    return [name for name in names if name.removeprefix(PREFIX) in ours]


def forget(stage: Stage) -> None:
    for name in left(stage):
        stage.client("logs").delete_log_group(logGroupName=name)
