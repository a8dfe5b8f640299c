"""The log groups of a stage that Chalice deploys, as far as it takes no care of them."""

from __future__ import annotations

import contextlib

from ops.policies import read_policies
from ops.stage import Stage, read_config

DAYS = 30  # where log_retention_in_days is not set
API = "api_handler"


def keep(stage: Stage) -> None:
    """Makes that of the API's function: Chalice makes it under another name than Lambda writes to,
    and the function may not make one itself."""
    logs, group = stage.client("logs"), f"/aws/lambda/{stage.function(API)}"
    with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=group)
    days = read_config().get("log_retention_in_days", DAYS)
    logs.put_retention_policy(logGroupName=group, retentionInDays=days)


def forget(stage: Stage) -> None:
    """`chalice delete` leaves them all behind, to be kept for ever."""
    logs = stage.client("logs")
    functions = [stage.function(API), *(f"{stage.stack}-{name}" for name in read_policies())]
    for function in functions:
        with contextlib.suppress(logs.exceptions.ResourceNotFoundException):
            logs.delete_log_group(logGroupName=f"/aws/lambda/{function}")
