"""Everything the use cases work with, in one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from chalicelib.domain.job import JobRecord
from chalicelib.domain.task import Task
from chalicelib.ports.outbound import Web
from chalicelib.ports.push import Pushing
from chalicelib.ports.runtime import Beats, Clock, Interrupts
from chalicelib.ports.stores import (
    HeldRequests,
    JobStore,
    MessageQueue,
    PayloadStore,
    SecretStore,
    SigningSecrets,
    TaskSecrets,
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a stage may set. Milliseconds, unless the name says otherwise."""

    lease: int = 60_000
    retention: int = 30 * 86_400_000
    held_at_most: int = 20  # requests of one owner at once
    ending_margin: int = 20_000  # what a task gets to stop before Lambda stops it


@dataclass(frozen=True, slots=True)
class System:
    """All that the use cases work with; wiring.py puts it together."""

    jobs: JobStore
    messages: MessageQueue
    payloads: PayloadStore
    web: Web
    clock: Clock
    new_id: Callable[[], str]  # an id, nonce or token nobody can guess: 32 hex digits
    random: Callable[[], float]  # from [0, 1)
    tasks: Callable[[], Mapping[str, Task]]
    held: HeldRequests
    secrets: SecretStore
    signing_secrets: SigningSecrets
    task_secrets: Callable[[], TaskSecrets]  # built where a task first asks
    interrupts: Callable[[], Interrupts]
    beating: Callable[[Beats], AbstractContextManager[None]]
    webhook_body: Callable[[JobRecord], str]  # how a job looks in a webhook; JSON text
    rules: Rules = Rules()
    pushing: Pushing | None = None  # None: this stage does not
    broken_tasks: Callable[[], Sequence[str]] = tuple  # a sentence each, where they are skipped
