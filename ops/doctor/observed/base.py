"""The base of all readers: a part is read when a check first needs it.

A part that cannot be read raises CannotBeRead; one that does not exist is None or empty.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from ops.cli.stage import LOCAL, Stage
from ops.doctor.findings import CannotBeRead

T = TypeVar("T")
R = TypeVar("R", bound="Reading")
NOT_KEPT = "the local AWS does not keep this setting"


def part(read: Callable[[R], T]) -> functools.cached_property[T]:
    """A property that is read once, and whose failures say why it could not be."""

    @functools.wraps(read)
    def reading(observed: R) -> T:
        try:
            return read(observed)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise CannotBeRead(f"{error.operation_name}: {code}") from None
        except BotoCoreError as error:
            raise CannotBeRead(str(error).splitlines()[0]) from None
        except KeyError as missing:
            raise CannotBeRead(f"the answer has no {missing}") from None

    return functools.cached_property(reading)


class Reading:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.today: date = datetime.now(UTC).date()
        self.local = stage.name == LOCAL
        self.emulated = self.local or bool(os.environ.get("AWS_ENDPOINT_URL"))

    def require_functions(self) -> None:
        if self.local:
            raise CannotBeRead("`make run` has no Lambda: it runs the functions as processes")

    def kept(self, value: T) -> T:
        if self.emulated and not value:
            raise CannotBeRead(NOT_KEPT)
        return value


def pages(client: Any, operation: str, **arguments: Any) -> Any:
    return client.get_paginator(operation).paginate(**arguments)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
