"""Everything the use cases work with, in one value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import msgspec

from chalicelib.domain.job import JobRecord
from chalicelib.domain.task import Tasks
from chalicelib.ports.outbound import Web
from chalicelib.ports.push import Pushing
from chalicelib.ports.runtime import Beats, Clock, InParallel, Interrupts
from chalicelib.ports.schedules import ScheduleStore
from chalicelib.ports.stores import (
    HeldRequests,
    JobStore,
    Ledgers,
    MessageQueue,
    PayloadStore,
    SecretStore,
    SigningSecrets,
    TaskSecrets,
)


class Rules(msgspec.Struct, frozen=True):
    """What a stage may set. Times are in milliseconds."""

    lease: int = 60_000
    retention: int = 30 * 86_400_000
    held_at_most: int = 20  # requests of one owner at once
    public_url: str | None = None  # what the API's URLs begin with, if that is set
    ending_margin: int = 20_000  # for a task to stop before Lambda ends the invocation
    schedule_owner: str | None = None  # of declared schedules that name none; None: they must


class System(msgspec.Struct, frozen=True):
    """Everything the use cases work with; wiring.py builds it."""

    jobs: JobStore
    ledgers: Ledgers
    messages: MessageQueue
    payloads: PayloadStore
    web: Web
    clock: Clock
    new_id: Callable[[], str]  # an unguessable id, nonce or token: 32 hex digits
    random: Callable[[], float]  # from [0, 1)
    tasks: Tasks
    held: HeldRequests
    secrets: SecretStore
    answer_secrets: SecretStore  # seal the URLs of `job.answer_url`: workers may read only these
    signing_secrets: SigningSecrets
    task_secrets: Callable[[], TaskSecrets]  # built when a task first reads a secret
    in_parallel: InParallel
    schedules: ScheduleStore
    interrupts: Callable[[], Interrupts]
    beating: Callable[[Beats], AbstractContextManager[None]]
    webhook_body: Callable[[JobRecord], str]  # a webhook's body about this job, as JSON text
    rules: Rules = Rules()
    pushing: Pushing | None = None  # None on a stage without push
    broken_tasks: Callable[[], Sequence[str]] = tuple  # a sentence for each skipped task file
