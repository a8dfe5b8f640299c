"""A stage as the commands see it: the names of what belongs to it, and clients of its AWS."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / ".chalice" / "config.json"
NAME = re.compile(r"[a-z][a-z0-9-]{1,15}")
LOCAL = "local"


class Refusal(SystemExit):
    """It cannot go on; the message is one plain sentence, and a process that dies of it says it."""


@dataclass(frozen=True)
class Stage:
    """`app` and `name` make the name of everything: a table is `overtime-dev-jobs`."""

    app: str
    name: str

    @property
    def stack(self) -> str:
        return f"{self.app}-{self.name}"

    @property
    def table(self) -> str:
        return f"{self.stack}-jobs"

    def queue(self, lane: str) -> str:
        return f"{self.stack}-{lane}"

    @property
    def environment(self) -> dict[str, str]:
        """What .chalice/config.json declares for it; empty where it has no section there."""
        stages = _config().get("stages", {})
        declared: dict[str, str] = stages.get(self.name, {}).get("environment_variables", {})
        return declared

    def client(self, service: str) -> Any:
        """Of the AWS account that the shell's environment names; of the local AWS for `local`."""
        return _client(service, self.name == LOCAL)


def read_stage(name: str) -> Stage:
    """Raises Refusal for a name that no resource could have."""
    if not NAME.fullmatch(name):
        raise Refusal(
            f"STAGE={name} cannot name a stage: 2 to 16 of a-z, 0-9 and '-', a letter first."
        )
    return Stage(_config()["app_name"], name)


@functools.cache
def _config() -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads(CONFIG.read_text())
    except (OSError, ValueError) as error:
        raise Refusal(f".chalice/config.json cannot be read: {error}") from None
    return config


@functools.cache
def _client(service: str, locally: bool) -> Any:
    session = botocore.session.get_session()
    if not locally:
        return session.create_client(service)
    from local.settings import read_settings

    return session.create_client(
        service,
        region_name="us-east-1",
        endpoint_url=read_settings().aws_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
