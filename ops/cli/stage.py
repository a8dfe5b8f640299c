"""A stage as the commands see it: the names of what belongs to it, and clients of its AWS."""

from __future__ import annotations

import functools
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session

ROOT = Path(__file__).resolve().parent.parent.parent
CONFIG = ROOT / ".chalice" / "config.json"
# With these lengths the longest name, of the bucket of what is deployed, has 63 characters at most.
APP = re.compile(r"[a-z][a-z0-9-]{1,15}")
NAME = re.compile(r"[a-z][a-z0-9]{1,12}")  # with a '-', dev-sweep would be a function of dev
LOCAL = "local"


class Refusal(SystemExit):
    """The command cannot continue. The message is one plain sentence, and is printed."""


@dataclass(frozen=True)
class Stage:
    """`app` and `name` make the name of everything: a table is `overtime-dev-jobs`."""

    app: str
    name: str

    @property
    def stack(self) -> str:
        return f"{self.app}-{self.name}"

    @property
    def resources_stack(self) -> str:
        """Of a stage whose functions and API `chalice deploy` makes."""
        return f"{self.stack}-resources"

    @property
    def table(self) -> str:
        return f"{self.stack}-jobs"

    @property
    def bucket(self) -> str:
        return f"{self.stack}-{self.account}-{self.region}"

    @property
    def artifacts(self) -> str:
        """The bucket of what is deployed, apart from the one of the jobs' data."""
        return f"{self.stack}-code-{self.account}-{self.region}"

    @property
    def secrets_path(self) -> str:
        """What the names of its tasks' secrets in Parameter Store begin with."""
        return f"/{self.stack}/secrets/"

    def queue(self, lane: str) -> str:
        return f"{self.stack}-{lane}"

    def function(self, name: str) -> str:
        """The Lambda function's name, as `chalice deploy` makes it: the API's is the bare one."""
        return self.stack if name == "api_handler" else f"{self.stack}-{name}"

    def declared(self, key: str) -> dict[str, Any]:
        """An object of .chalice/config.json: that of all stages, and over it the stage's own."""
        config = read_config()
        own: dict[str, Any] = config.get("stages", {}).get(self.name, {})
        return {**config.get(key, {}), **own.get(key, {})}

    @property
    def environment(self) -> dict[str, str]:
        """What .chalice/config.json declares for its functions."""
        return self.declared("environment_variables")

    @property
    def region(self) -> str:
        """Raises Refusal where neither the environment nor the profile names one."""
        region: str | None = self.client("sts").meta.region_name
        assert region is not None  # _client has seen to it
        return region

    @property
    def account(self) -> str:
        return _account(self.name == LOCAL)

    def client(self, service: str, endpoint: str | None = None) -> Any:
        """Of the AWS account that the shell's environment names; of the local AWS for `local`."""
        return _client(service, self.name == LOCAL, endpoint)


def read_stage(name: str) -> Stage:
    """Raises Refusal for a name that no resource could have."""
    if not NAME.fullmatch(name):
        raise Refusal(
            f"STAGE={name} cannot name a stage: use 2 to 13 of a-z and 0-9, a letter first."
        )
    app = read_config().get("app_name", "")
    if not APP.fullmatch(app):
        raise Refusal(
            f"app_name in .chalice/config.json is {app!r}. Use 2 to 16 of a-z, 0-9 and '-', a"
            " letter first."
        )
    return Stage(app, name)


def read_json(path: Path) -> dict[str, Any]:
    """Raises Refusal, naming the file, where it cannot be read."""
    try:
        found: Any = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Refusal(f"{path.relative_to(ROOT)} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise Refusal(f"{path.relative_to(ROOT)} must hold a JSON object.")
    return found


@functools.cache
def read_config() -> dict[str, Any]:
    return read_json(CONFIG)


@functools.cache
def _account(locally: bool) -> str:
    account: str = _client("sts", locally).get_caller_identity()["Account"]
    return account


@functools.cache
def _client(service: str, locally: bool, endpoint: str | None = None) -> Any:
    session = botocore.session.get_session()
    if not locally:
        region = session.get_config_variable("region") or os.environ.get("AWS_REGION")
        if not region:
            raise Refusal(
                "No region is set: export AWS_DEFAULT_REGION=eu-central-1, or another. For the"
                " stage of `make run`: STAGE=local"
            )
        return session.create_client(service, region_name=region, endpoint_url=endpoint)
    from local.settings import running

    return session.create_client(
        service,
        region_name="us-east-1",
        endpoint_url=endpoint or running().aws_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
