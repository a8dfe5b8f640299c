"""The secrets that tasks read: SecureString parameters of Systems Manager's Parameter Store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws.errors import code, unavailable
from chalicelib.domain.job import MINUTE
from chalicelib.domain.secret import not_set

KEPT = 5 * MINUTE  # ms; then a process reads the value again
KEPT_AT_MOST = 100  # values in one process


@dataclass(frozen=True)
class TaskSecrets:
    """Implements ports.TaskSecrets. A process caches values in memory for five minutes."""

    client: Callable[[], Any]
    path: str
    """The prefix of the stage's parameters, such as `/overtime-dev/secrets/`."""
    stage: str
    _kept: dict[str, tuple[str, int]] = field(default_factory=dict, init=False, repr=False)

    def read(self, name: str, now: int) -> str:
        value, until = self._kept.pop(name, ("", 0))
        if not now < until <= now + KEPT:
            value, until = self._ask(name), now + KEPT
        while len(self._kept) >= KEPT_AT_MOST:
            del self._kept[next(iter(self._kept))]  # the least recently used
        self._kept[name] = (value, until)
        return value

    def _ask(self, name: str) -> str:
        with unavailable("Parameter Store"):
            try:
                answer = self.client().get_parameter(Name=self.path + name, WithDecryption=True)
            except ClientError as error:
                if code(error) != "ParameterNotFound":
                    raise
                raise not_set(self.stage, name) from None
        return str(answer["Parameter"]["Value"])
