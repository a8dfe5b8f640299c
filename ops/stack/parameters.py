"""The secrets that a stage keeps for its tasks, in Parameter Store; locally, in a file."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws.errors import code
from chalicelib.runtime.secrets_file import SecretsFile
from ops.cli.stage import LOCAL, Refusal, Stage


def put(stage: Stage, name: str, value: str) -> bool:
    """Whether it took the place of another value."""
    if stage.name == LOCAL:
        file = SecretsFile(stage.name)
        secrets = file.all()
        file.write({**secrets, name: value})
        return name in secrets
    try:
        answer: Any = stage.client("ssm").put_parameter(
            Name=stage.secrets_path + name, Value=value, Type="SecureString", Overwrite=True
        )
    except ClientError as error:  # its message may show the value
        raise Refusal(f"Parameter Store did not store {name}: {code(error)}") from None
    return int(answer["Version"]) > 1


def delete(stage: Stage, name: str) -> bool:
    """Whether there was one."""
    if stage.name == LOCAL:
        file = SecretsFile(stage.name)
        secrets = file.all()
        file.write({one: value for one, value in secrets.items() if one != name})
        return name in secrets
    client = stage.client("ssm")
    try:
        client.delete_parameter(Name=stage.secrets_path + name)
    except client.exceptions.ParameterNotFound:
        return False
    return True


def set_on(stage: Stage) -> dict[str, str]:
    """By name, the day on which its value was set; of the local stage that is not kept."""
    if stage.name == LOCAL:
        return dict.fromkeys(sorted(SecretsFile(stage.name).all()), "")
    path = stage.secrets_path
    within = {"Key": "Path", "Option": "OneLevel", "Values": [path.rstrip("/")]}
    pages = (
        stage.client("ssm").get_paginator("describe_parameters").paginate(ParameterFilters=[within])
    )
    found = {
        one["Name"].removeprefix(path): f"{one['LastModifiedDate']:%Y-%m-%d}"
        for page in pages
        for one in page["Parameters"]
    }
    return dict(sorted(found.items()))
