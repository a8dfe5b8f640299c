"""Chalice's command line, as the local AWS needs it:

python -m tests.deploy.chalice_on_local_aws deploy --stage dev
"""

from __future__ import annotations

from typing import Any

from chalice import cli
from chalice.awsclient import TypedAWSClient

SOON = {"Delay": 0.2}  # seconds between two looks, in place of 5: nothing takes long there


def keep_the_routes(self: Any, rest_api_id: str, swagger_document: Any) -> None:
    """In place of PutRestApi, which it does not know: a second deployment of the same app has the
    routes of the first."""


def wait_for_active(self: Any, name: str) -> None:
    waiter = self._client("lambda").get_waiter("function_active")
    waiter.wait(FunctionName=name, WaiterConfig=SOON)


def wait_for_update(self: Any, name: str) -> None:
    waiter = self._client("lambda").get_waiter("function_updated")
    waiter.wait(FunctionName=name, WaiterConfig=SOON)


if __name__ == "__main__":
    patched: Any = TypedAWSClient
    patched.update_api_from_swagger = keep_the_routes
    patched._wait_for_active = wait_for_active
    patched._wait_for_function_update = wait_for_update
    cli.main()
