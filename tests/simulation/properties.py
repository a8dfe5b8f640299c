"""The six invariants, and what follows from them, checked at every write and at the end.

`Watch` keeps the whole story of every record, which no store does, and holds each write to it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from chalicelib.domain.internal import internal_job_id
from chalicelib.domain.job import TERMINAL, Entry, Hint, JobRecord, Status
from chalicelib.domain.transitions import TABLE
from chalicelib.domain.webhooks import TASK, wanted, webhook_job_ids
from chalicelib.domain.webhooks import TASK as WEBHOOK
from chalicelib.domain.writes import Verb, Write
from chalicelib.http.representation import job_page
from chalicelib.http.webhooks import webhook_body
from chalicelib.memory.stores import MemoryJobs
from tests.simulation.promises import require, sound
from tests.simulation.scheduler import Process

WORKERS_VERBS = frozenset(
    {
        Verb.HEARTBEAT,
        Verb.SUCCEED,
        Verb.FAIL,
        Verb.RETRY_LATER,
        Verb.CONTINUE,
        Verb.ACKNOWLEDGE_CANCEL,
        Verb.OPEN_MAP,
        Verb.SLEEP,
        Verb.SUSPEND,
        Verb.ABANDON,
    }
)
UNTOLD = frozenset(  # in the history
    {
        Verb.HEARTBEAT,
        Verb.REMIND,
        Verb.POSTPONE,
        Verb.ERASE,
        Verb.WATCH,
        Verb.OPEN_MAP,
        Verb.ADOPT,
    }
)
MESSAGES_AT_MOST = 200  # a job; a scenario's faults account for a few dozen


@dataclass
class Story:
    """Of one record, from its submit to its end."""

    verbs: list[tuple[str, Status]] = field(default_factory=list)
    holders: dict[str, Process] = field(default_factory=dict)  # by lease token
    attempts: int = 0  # claims that were not given back, in this generation
    messages: int = 0
    writes: int = 1  # the submit's


class Watch:
    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self.stories: defaultdict[tuple[str, str], Story] = defaultdict(Story)
        self.steps: dict[tuple[str, str, str], str] = {}
        self.promised: dict[tuple[str, str], JobRecord] = {}
        self.gone: set[tuple[str, str]] = set()
        self.late_objects: set[str] = set()
        self.bodies: dict[str, str] = {}  # that are to be delivered, by the delivery's id
        self.delivered: set[str] = set()
        self.cleared: set[str] = set()
        self._numbers: Counter[str] = Counter()

    def number(self, kind: str) -> int:
        self._numbers[kind] += 1
        return self._numbers[kind]

    # ── what is told by the ports ──

    def submitted(self, existed: JobRecord | None, record: JobRecord) -> None:
        if existed is None:
            self._follow(record, Verb.SUBMIT)
            sound(record, self._now())
        else:
            require(existed.uid == record.uid, "accepted is durable", "a submit replaced a job")

    def written(self, before: JobRecord, write: Write, after: JobRecord, process: Process) -> None:
        story = self.stories[_key(before)]
        row = TABLE[Verb(write.verb)]
        require(
            before.status in row.start and after.status in (row.end or {before.status}),
            "the table knows every transition",
            f"{write.verb} took a job from {before.status} to {after.status}",
        )
        if write.verb == Verb.WATCH:
            marked = replace(before, watched=True, nonce=after.nonce)
            require(after == marked, "a mark changes nothing else", f"{before} became {after}")
        elif before.status in TERMINAL:
            again = (
                write.verb == Verb.RETRY
                and before.status is not Status.SUCCEEDED
                and after.generation == before.generation + 1
            )
            require(
                again or write.verb in (Verb.ERASE, Verb.ADOPT),
                "terminal is final",
                f"{write.verb} changed a job that had {before.status}",
            )
        if write.verb in WORKERS_VERBS:
            holder = story.holders.get(before.lease_token or "")
            require(
                holder is process,
                "only the lease holder writes",
                f"{process.name} wrote {write.verb} under the lease of {holder and holder.name}",
            )
        if write.verb == Verb.CLAIM:
            token = after.lease_token or ""
            require(
                token not in story.holders, "only the lease holder writes", "a token came twice"
            )
            require(
                process.hint == Hint(before.id, before.generation),
                "messages are hints",
                f"{process.hint} claimed generation {before.generation}",
            )
            story.holders[token] = process
        if write.verb == Verb.SUCCEED and not after.internal:
            self._complete(after)
        if write.verb == Verb.SUCCEED and after.task == WEBHOOK:
            require(after.id in self.delivered, "a delivered webhook was received", after.id)
        self._in_time(before, write, after, process)
        story.writes += 1
        self._follow(after, Verb(write.verb))
        sound(after, self._now())
        self._seen_by_clients(before, write, after)

    def told(self, before: JobRecord, after: JobRecord, stored: Mapping[str, JobRecord]) -> None:
        """Of an end, to its webhook: with the very write that made it."""
        if before.finished or not after.finished:
            return
        delivery = stored.get(internal_job_id(after, TASK, after.generation))
        require(
            (delivery is not None) == wanted(after),
            "every end that is to be told is stored with its delivery, and no other",
            f"{after.id[-4:]} {after.status}, and its delivery is {delivery}",
        )
        if delivery is not None:
            params = json.loads(delivery.params.text or "")
            require(
                params == {"url": after.webhook and after.webhook.url, "body": webhook_body(after)},
                "a webhook tells of the job as it was at its end",
                f"{params} of {after}",
            )
            require(delivery.id not in self.bodies, "an end is told once", delivery.id)
            self.bodies[delivery.id] = params["body"]

    def received(self, webhook_id: str, body: bytes) -> None:
        require(
            self.bodies.get(webhook_id) == body.decode(),
            "however often a webhook comes, its id and its body are the same",
            f"{webhook_id[-4:]} came with {body!r}",
        )
        self.delivered.add(webhook_id)

    def refused(self, write: Write, current: JobRecord | None) -> None:
        require(
            current is None or current.nonce != write.nonce,
            "an author knows its own write",
            f"{write.verb} was refused by its own effect",
        )

    def step_stored(
        self, record: JobRecord, step: str, stored: str, current: JobRecord | None
    ) -> None:
        key = (record.id, record.uid, step)
        erasing = current is not None and current.status is Status.ERASING
        if erasing or _key(record) in self.gone:
            return  # by a zombie: what it stores late has a TTL, and nobody reads it
        first = self.steps.setdefault(key, stored)
        require(first == stored, "a step is stored once", f"{step} gave {first}, then {stored}")

    def sent(self, record: JobRecord) -> None:
        story = self.stories[_key(record)]
        story.messages += 1
        require(
            story.messages <= MESSAGES_AT_MOST,
            "no message loops for ever",
            f"{story.messages} messages for one job",
        )

    def put(self, key: str) -> None:
        if any(key.startswith(prefix) for prefix in self.cleared):
            self.late_objects.add(key)  # by a zombie: the bucket's lifecycle takes it

    def deleted(self, keys: Collection[str], records: Mapping[str, JobRecord]) -> None:
        named = {key for record in records.values() for key in objects_of(record)}
        require(
            named.isdisjoint(keys),
            "what a record names is there",
            f"{', '.join(named.intersection(keys))} was deleted",
        )

    def erased_payloads(self, prefix: str) -> None:
        self.cleared.add(prefix)

    def forgotten(self, record: JobRecord, jobs: MemoryJobs) -> None:
        require(
            record.status is Status.ERASING, "accepted is durable", f"a {record.status} job went"
        )
        require(
            record.prefix in self.cleared,
            "an erase leaves nothing behind",
            "the record went before its payloads",
        )
        require(
            not any(id in jobs.records for id in webhook_job_ids(record)),
            "an erase leaves nothing behind",
            "the record went before its webhooks' deliveries",
        )
        steps = [step for job_id, _, step in jobs.steps if job_id == record.id]
        lines, subscribers = (
            beside.get(_key(record)) for beside in (jobs.log_lines, jobs.subscriptions)
        )
        require(
            not (steps or lines or subscribers),
            "an erase leaves nothing behind",
            f"beside the record are {steps}, {lines}, {subscribers}",
        )
        self.gone.add(_key(record))

    def expired(self, record: JobRecord) -> None:
        require(record.status in TERMINAL, "accepted is durable", f"TTL took a {record.status} job")
        self.gone.add(_key(record))

    def accepted(self, record: JobRecord, stored: Mapping[str, JobRecord]) -> None:
        """A client has its 202."""
        self.promised[_key(record)] = record
        current = stored.get(record.id)
        require(
            _key(record) in self.gone or (current is not None and current.uid == record.uid),
            "accepted is durable",
            "a 202 left before the record was stored",
        )

    # ── what must hold ──

    def _follow(self, after: JobRecord, verb: Verb) -> None:
        story = self.stories[_key(after)]
        if verb not in UNTOLD:
            story.verbs.append((verb, after.status))
            told = [(entry.verb, entry.status) for entry in after.history]
            require(
                _is_told(after.history, story.verbs),
                "the history is the path that was taken",
                f"{told} tells of {story.verbs}",
            )
        match verb:
            case Verb.CLAIM:
                story.attempts += 1
            case Verb.CONTINUE | Verb.SUSPEND | Verb.SLEEP:
                story.attempts -= 1
            case Verb.RETRY:
                story.attempts = 0
        require(
            after.attempt == story.attempts,
            "an attempt is a run that was not handed on",
            f"the record says {after.attempt}, the story {story.attempts}",
        )

    def _in_time(self, before: JobRecord, write: Write, after: JobRecord, process: Process) -> None:
        """By the clock of the process that writes."""
        now = self._now() + process.skew
        match write.verb:
            case Verb.RESCUE:
                expired = (before.due_at or 0) <= now
                require(expired, "a worker within its lease is left alone", "it was rescued")
            case Verb.EXPIRE:
                require(before.deadline <= now, "a deadline is not early", "it had not passed")
            case Verb.CLAIM:
                its_time = before.not_before <= now
                require(its_time, "a job waits until its time", "it was claimed early")
            case Verb.RETRY:
                times = (after.not_before, after.deadline - after.time_limit)
                at_once = times == (after.updated_at, after.updated_at) or (
                    after.parent is not None and times[0] == after.updated_at >= times[1]
                )
                require(at_once, "a client's retry starts at once, with all its time", f"{times}")

    def _complete(self, record: JobRecord) -> None:
        """What a task attached is there, whichever of its attempts did it."""
        plan = json.loads(record.params.text or "")["plan"].partition("r")[0]
        attached = {f"file-{at}.txt" for at, letter in enumerate(plan) if letter == "a"}
        there = {artifact.name for artifact in record.artifacts}
        require(there == attached, "what was attached is there", f"{there} of {attached}")

    def _seen_by_clients(self, before: JobRecord, write: Write, after: JobRecord) -> None:
        if after.status is Status.ERASING:
            return
        replaced = before.artifacts != after.artifacts  # by a file of the same name and size
        shown = [job_page(replace(one, updated_at=0), "").etag for one in (before, after)]
        differs = replaced or shown[0] != shown[1]
        moved = write.applied_to(replace(before, updated_at=0)).updated_at != 0
        require(
            moved == differs,
            "updated_at moves exactly when what is visible changes",
            f"{write.verb}: visible {differs}, moved {moved}",
        )

    def undisturbed(self, record: JobRecord) -> None:
        """Of a job that nothing happened to but its run, and that showed nothing meanwhile."""
        story = self.stories[_key(record)]
        require(
            record.status is Status.SUCCEEDED and story.writes == 3 and story.messages == 1,
            "one write a step",
            f"{story.writes} writes and {story.messages} messages for submit, claim and finish",
        )

    def at_the_end(self, records: Mapping[str, JobRecord], objects: Mapping[str, bytes]) -> None:
        """Once faults have stopped and everything has come to rest."""
        for record in records.values():
            require(
                record.status in TERMINAL,
                "every accepted job comes to an end",
                f"{record.id[-4:]} is still {record.status} ({record.wait_reason})",
            )
        for key in self.promised:
            record_now = records.get(key[0])
            kept = record_now is not None and record_now.uid == key[1]
            require(kept or key in self.gone, "accepted is durable", f"{key[0][-4:]} is gone")
        for record in records.values():
            if record.webhook is not None and not record.internal:
                self._deliveries_at_the_end(record, records)
        for record in records.values():
            for name in objects_of(record):
                require(name in objects, "what a record names is there", f"{name} is not")
        for name in objects:
            cleared = any(name.startswith(prefix) for prefix in self.cleared)
            require(
                not cleared or name in self.late_objects,
                "an erase leaves nothing behind",
                f"{name} is still there",
            )

    def _deliveries_at_the_end(self, record: JobRecord, records: Mapping[str, JobRecord]) -> None:
        """Each was received, unless whoever receives it would not have it."""
        for id in webhook_job_ids(record):
            if id in self.bodies and id in records and records[id].status is not Status.SUCCEEDED:
                error = records[id].error
                wanted_no_more = error is not None and error.title == "answered 410"
                out_of_attempts = records[id].attempt == records[id].max_attempts
                require(
                    wanted_no_more or out_of_attempts,
                    "a webhook is delivered, whatever crashes",
                    f"{id[-4:]} is {records[id].status}: {error}",
                )


def _key(record: JobRecord) -> tuple[str, str]:
    return record.id, record.uid


def _is_told(history: tuple[Entry, ...], verbs: list[tuple[str, Status]]) -> bool:
    """Whether the kept entries are these verbs, but for those that they say fell out."""
    at = 0
    for entry in history:
        at += entry.left_out
        if at >= len(verbs) or verbs[at] != (entry.verb, entry.status):
            return False
        at += 1
    return at == len(verbs)


def objects_of(record: JobRecord) -> set[str]:
    """The keys that a record names, which exist as long as it does."""
    stored = (record.params, record.checkpoint, record.result, *record.artifacts)
    return {one.key for one in stored if one is not None and one.key is not None}
