"""The record of a job: everything known about it, immutable and without I/O.

Times are Unix epoch milliseconds everywhere but in HTTP, which writes RFC 3339.
"""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

ID = re.compile(r"[0-9a-f]{32}")
INTERNAL = "overtime."  # prefix of the service's own tasks; clients never see their jobs

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Status(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    ERASING = "erasing"  # hidden from every read; no verb leaves it


LIVE = frozenset({Status.QUEUED, Status.RUNNING})
TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELED})


class WaitReason(StrEnum):
    """Why a queued job waits."""

    BACKLOG = "backlog"
    SCHEDULED = "scheduled"
    BACKOFF = "backoff"
    CONTINUING = "continuing"
    RESCUED = "rescued"
    SLEEP = "sleep"
    ANSWER = "answer"
    CHILDREN = "children"


SUSPENDED = frozenset({WaitReason.ANSWER, WaitReason.CHILDREN})
"""These end by something that happens elsewhere: no message makes such a job run."""


class DuePartition(StrEnum):
    """The partitions of the due index, in the order that the sweeper works them: reminders for a
    backlog must not delay a rescue, and a long erasure must delay neither."""

    MUST = "must"
    REMIND = "remind"
    ERASE = "erase"


class Progress(msgspec.Struct, frozen=True):
    percent: float
    message: str


class Artifact(msgspec.Struct, frozen=True):
    """A file that a job attached. It exists because the record names its `key`."""

    name: str
    content_type: str
    size: int
    key: str


class Stored(msgspec.Struct, frozen=True):
    """A JSON value: its text if it is small, else the key of an object in S3."""

    text: str | None = None
    key: str | None = None


class Problem(msgspec.Struct, frozen=True):
    """An RFC 9457 problem stored with a job: why its last attempt failed."""

    type: str
    title: str
    detail: str


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One transition in a job's history. With its defaults, an ordinary job's record would exceed
    1 KB in JSON, and its last write would cost one unit more.

    `attempt` is None where the write could not know it (a claim reads nothing); the next entry
    has it. `left_out` counts the entries dropped before this one.
    """

    at: int
    verb: str
    status: Status
    attempt: int | None = None
    error: Problem | None = None  # why the attempt failed; its detail is cut short
    left_out: int = 0


class Wait(msgspec.Struct, frozen=True):
    """The step for which a job last stopped running. It stays on the record after it has come
    true, so that the next run knows which step it must reach.

    `until`: when a sleep ends, or when a question is no longer answered. `round`: which of the
    questions that were asked under this step, from 0.
    """

    step: str
    reason: WaitReason
    generation: int
    until: int | None = None
    prompt: str = ""
    round: int = 0


class Webhook(msgspec.Struct, frozen=True):
    """The URL to call when the job ends, and with which statuses. Links in the body begin with
    `base`."""

    url: str
    events: tuple[Status, ...]
    base: str


class Parent(msgspec.Struct, frozen=True, array_like=True):
    """The job that submitted this one by `job.map`. Written as an array: every write of a child
    pays for it."""

    id: str
    uid: str
    generation: int  # of the parent
    step: str
    index: int  # of this child's item
    kept_until: int  # the root's deadline plus its retention
    share: int  # of descendants that this child may have
    wakes: bool  # its failure wakes the parent, while others still run


class OpenMap(msgspec.Struct, frozen=True, array_like=True):
    """A step of `job.map`, on the record before its first child is stored: so each end of the job
    knows that there are children."""

    step: str
    task: str
    share: int  # of descendants, for each child
    wakes: bool  # the first failure wakes the job
    generation: int  # of the job; the following three are about it
    stored: int  # all children before this index are stored
    total: int | None  # None until all items are submitted
    done: bool  # all have ended
    reach: int  # no generation has stored a child at this index or a later one
    digest: str  # of the items; empty until all are submitted


class ScheduleRef(msgspec.Struct, frozen=True):
    """The schedule that submitted a job; `run_at` is the moment."""

    name: str
    uid: str


class JobRecord(msgspec.Struct, frozen=True, kw_only=True):
    # What never changes.
    id: str
    uid: str  # tells this record from an erased one with the same id
    owner: str
    task: str
    lane: str
    created_at: int
    params: Stored
    request_digest: str  # of the submitted body, by value
    run_at: int | None = None
    time_limit: int  # milliseconds from the start of a generation to its deadline
    retention: int  # milliseconds that the record is kept once finished
    webhook: Webhook | None = None
    parent: Parent | None = None  # the parent's next generation replaces it
    base: str | None = None  # what the API's URLs begin with, where any task asks
    schedule: ScheduleRef | None = None

    # Where it stands.
    nonce: str  # of the last write
    status: Status
    wait_reason: WaitReason | None = None
    generation: int = 0
    attempt: int = 0
    max_attempts: int
    not_before: int
    deadline: int
    cancel_requested: bool = False
    lease_token: str | None = None
    due: DuePartition | None = None
    due_at: int | None = None  # for a running job: the end of its lease
    reminders: int = 0
    watched: bool = False  # it has, or had, subscribers
    wait: Wait | None = None

    # What it has produced so far.
    updated_at: int
    started_at: int | None = None
    finished_at: int | None = None
    expires_at: int | None = None
    progress: Progress | None = None
    checkpoint: Stored | None = None
    result: Stored | None = None
    artifacts: tuple[Artifact, ...] = ()
    maps: tuple[OpenMap, ...] | None = None  # None: it has no children
    error: Problem | None = None
    history: tuple[Entry, ...] = ()

    @property
    def finished(self) -> bool:
        return self.status in TERMINAL

    @property
    def suspended(self) -> bool:
        return self.status is Status.QUEUED and self.wait_reason in SUSPENDED

    @property
    def position(self) -> str:
        """Orders an owner's jobs by age; sorts as text."""
        return f"{self.created_at:015d}-{self.id}"

    @property
    def internal(self) -> bool:
        return self.task.startswith(INTERNAL)

    @property
    def listed(self) -> bool:
        """Among its owner's jobs. Children are listed below their parent."""
        return not self.internal and self.parent is None

    @property
    def kept_until(self) -> int:
        """Of all its descendants."""
        return self.parent.kept_until if self.parent else self.deadline + self.retention

    def visible(self, now: int) -> bool:
        """False once it is being erased, or has expired and waits for TTL to delete it."""
        expired = self.expires_at is not None and self.expires_at <= now
        return self.status is not Status.ERASING and not expired

    @property
    def beside_until(self) -> int:
        """Items beside the record outlive it, or they would be missing after a client's retry."""
        return self.deadline + self.retention + DAY

    @property
    def prefix(self) -> str:
        """Of the keys of all this job's objects in the bucket."""
        return payload_prefix(self.id, self.uid)


class Hint(msgspec.Struct, frozen=True):
    """What a message carries: only what cannot become out of date."""

    job: str
    generation: int


def payload_prefix(job_id: str, uid: str) -> str:
    return f"jobs/{job_id}/{uid}/"
