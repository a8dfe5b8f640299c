"""The world of a scenario: stores in memory behind ports that fail, a queue that misbehaves,
and the system's own code on top of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from chalicelib.domain.errors import ConditionFailed, Unavailable
from chalicelib.domain.job import HOUR, MINUTE, SECOND, Hint, JobRecord
from chalicelib.domain.response import HttpResponse
from chalicelib.domain.task import Task
from chalicelib.domain.values import encode
from chalicelib.http.webhooks import webhook_body
from chalicelib.memory.outbound import MemoryWeb
from chalicelib.memory.schedules import MemorySchedules
from chalicelib.memory.stores import (
    MemoryHeldRequests,
    MemoryJobs,
    MemoryLedgers,
    MemoryPayloads,
    MemorySecrets,
    MemorySigningSecrets,
    MemoryTaskSecrets,
)
from chalicelib.ports.runtime import Beats
from chalicelib.ports.system import Rules, System
from chalicelib.runtime.interrupts import PendingInterrupt
from chalicelib.runtime.parallel import in_order
from chalicelib.service.cascade import cancel_children
from chalicelib.service.sweeper import sweep
from chalicelib.service.webhook_task import send_webhook
from chalicelib.service.worker import process_messages
from tests.simulation.audience import Audience
from tests.simulation.clockwork import Clockwork
from tests.simulation.families import Families
from tests.simulation.faults import Scenario
from tests.simulation.properties import Watch
from tests.simulation.questions import Questions
from tests.simulation.scheduler import Process, Scheduler
from tests.simulation.store import Jobs, Ledgers, Schedules

T = TypeVar("T")

OWNER = "client"
SECRET = "whsec_c2ltdWxhdGlvbg=="
LEASE = 60 * SECOND
SWEEP_EVERY = 60 * SECOND
VISIBILITY_TIMEOUT = 30 * MINUTE
RECEIVES_AT_MOST = 5
RETENTION = 4 * HOUR
FAULTS_FOR = 300  # steps
PAUSES = (5 * SECOND, 30 * SECOND, LEASE + SECOND, 3 * LEASE)
SKEWS = (-3_000, -1_500, -200, 0, 0, 200, 1_500, 3_000)


@dataclass
class Message:
    body: str
    visible_at: int
    receives: int = 0


class World:
    def __init__(self, scenario: Scenario, trace: Callable[[str], None] | None = None) -> None:
        self.scenario = scenario
        self.scheduler = Scheduler(scenario.seed, trace)
        self.random = self.scheduler.random
        self.watch = Watch(lambda: self.scheduler.time)
        self.jobs = MemoryJobs()
        self.schedules = MemorySchedules(self.jobs)
        self.ledgers = MemoryLedgers()
        self.audience = Audience(self.jobs.records)
        self.families = Families(self)
        self.clockwork = Clockwork(self)
        self.questions = Questions(self)
        self.payloads = MemoryPayloads()
        self.signing_secrets = MemorySigningSecrets({OWNER: (SECRET, None, 0)})
        self.messages: list[Message] = []
        self.tasks: dict[str, Task] = {one.name: one for one in (send_webhook, cancel_children)}
        self.faults_stopped = scenario.rate == 0
        self.faults_stopped_at: int | None = None
        self.workers = 0
        self.next_sweep = self.scheduler.time + SWEEP_EVERY
        self._new_id = 0

    # ── faults ──

    def strikes(self, kind: str, rate: float | None = None) -> bool:
        """Whether this kind of fault happens here and now."""
        if self.faults_stopped or kind not in self.scenario.kinds:
            return False
        if self.random.random() >= (self.scenario.rate if rate is None else rate):
            return False
        self.scheduler.note(f"! {kind}")
        return True

    def call(self, name: str, effect: Callable[[], T], *, writes: str | None = None) -> T:
        """A port's call, with everything that may go wrong around it. `writes`: which job."""
        self._stand_still(writes)
        scheduler = self.scheduler
        scheduler.step()
        if self.strikes("crash_before"):
            scheduler.crash()
        if self.strikes("unavailable"):
            raise Unavailable("The simulated store is away.")
        scheduler.note(name)
        result = self._effect(effect)
        if self.strikes("repeated"):
            scheduler.step()
            scheduler.note(f"{name}, repeated by the SDK")
            result = self._effect(effect)
        if self.strikes("crash_after"):
            scheduler.crash()
        if self.strikes("lost_answer"):
            raise Unavailable("The simulated store did not answer.")
        return result

    def _stand_still(self, writes: str | None) -> None:
        process, now = self.scheduler.process, self.scheduler.time
        by_a_worker = process.hint is not None
        if self.strikes("pause"):
            process.paused_until = now + self.random.choice(PAUSES)
        elif by_a_worker and self.strikes("zombie"):
            longest = self.random.choice((2 * LEASE, 4 * LEASE))
            process.paused_until = now + self.random.randrange(LEASE, longest)
        elif writes and self.strikes("overtaken", None if by_a_worker else 0.5):
            process.paused_until = now + self.random.randrange(40 * SECOND)
            process.to_be_overtaken = writes

    def overtake(self, writer: Process, job: str) -> None:
        """What stands still before a write of this job goes on, now that what it read is old."""
        for process in self.scheduler.processes:
            if process is not writer and process.to_be_overtaken == job:
                process.paused_until, process.to_be_overtaken = self.scheduler.time, None

    def _effect(self, effect: Callable[[], T]) -> T:
        try:
            return effect()
        except ConditionFailed as failed:
            current = failed.current
            self.scheduler.note(f"   … refused: it is {current.status if current else 'gone'}")
            raise

    # ── the system that a process works with ──

    def process(self, name: str, **fields: Any) -> Process:
        skew = self.random.choice(SKEWS) if "skew" in self.scenario.kinds else 0
        return Process(name, skew=skew, **fields)

    def system(self, process: Process) -> System:
        return System(
            jobs=Jobs(self, process),
            ledgers=Ledgers(self),
            schedules=Schedules(self, process),
            messages=_Queue(self),
            payloads=_Payloads(self),
            web=_Web(self),
            clock=_Clock(self, process),
            new_id=self.new_id,
            random=self.random.random,
            tasks=self._registered,
            held=MemoryHeldRequests(),
            secrets=MemorySecrets(),
            answer_secrets=MemorySecrets(),
            signing_secrets=self.signing_secrets,
            task_secrets=MemoryTaskSecrets,
            in_parallel=in_order,
            interrupts=PendingInterrupt,  # raised at the task's next step
            beating=self._beating,
            webhook_body=webhook_body,
            rules=Rules(lease=LEASE, retention=RETENTION),
            pushing=self.audience.pushing(self),
        )

    def new_id(self) -> str:
        self._new_id += 1
        return f"{self._new_id:032x}"

    def _registered(self) -> Mapping[str, Task]:
        return {} if self.strikes("missing_task") else self.tasks

    @contextmanager
    def _beating(self, heartbeat: Beats) -> Iterator[None]:
        stopped = False
        skew = self.scheduler.process.skew

        def beat() -> None:
            while not stopped:
                at = heartbeat.next_at() - skew
                if at > self.scheduler.time:
                    self.scheduler.sleep_until(min(at, self.scheduler.time + SECOND))
                    continue
                heartbeat.beat()

        thread = self.scheduler.companion(beat)
        try:
            yield
        finally:
            stopped = True
            thread.wake_at = self.scheduler.time
            self.scheduler.join(thread)

    # ── what happens of itself ──

    def deliver(self, message: Message) -> None:
        """An invocation of the worker's function, as the event source mapping makes it."""
        message.receives += 1
        message.visible_at = self.scheduler.time + VISIBILITY_TIMEOUT
        if message.receives >= RECEIVES_AT_MOST:
            self.messages.remove(message)  # to the dead-letter queue after this one
        self.workers += 1
        name = f"worker-{self.watch.number('worker')}"
        process = self.process(
            name,
            ends_at=self.scheduler.time + self.scenario.timeout * SECOND,
            hint=msgspec.json.decode(message.body, type=Hint),
        )

        def done(error: Exception | None) -> None:
            if error is None and message in self.messages:
                self.messages.remove(message)

        process.ended = done
        system = self.system(process)
        ends_at = process.ends_at or 0
        self.scheduler.note(f"{name} is invoked with {message.body}")
        self.scheduler.start(
            process, lambda: process_messages(system, [message.body], ends_at + process.skew)
        )

    def sweep(self) -> None:
        self.next_sweep = self.scheduler.time + SWEEP_EVERY
        if self.strikes("no_sweep", 0.5):
            return
        if not self._is_anything_due():
            self.scheduler.steps += 1
            return
        process = self.process(
            f"sweep-{self.watch.number('sweep')}", ends_at=self.scheduler.time + MINUTE
        )
        system = self.system(process)
        ends_at = self.scheduler.time + MINUTE - 5 * SECOND + process.skew
        self.scheduler.start(process, lambda: sweep(system, ends_at))

    def _is_anything_due(self) -> bool:
        """A sweep that finds nothing only takes time, whatever happens to it."""
        if "stale_index" in self.scenario.kinds and not self.faults_stopped:
            return True
        soon = self.scheduler.time + max(SKEWS)
        due = [one.due_at for one in self.jobs.records.values()]
        due += [one.due_at for one in self.jobs.schedules.values()]
        return any(at is not None and at <= soon for at in due)

    def expire_records(self) -> None:
        """DynamoDB's TTL, which promises to delete some time after the time given."""
        for record in list(self.jobs.records.values()):
            expired = record.expires_at is not None and record.expires_at <= self.scheduler.time
            if expired and not self.strikes("late_ttl", 0.9):
                del self.jobs.records[record.id]
                self.watch.expired(record)


class _Clock:
    def __init__(self, world: World, process: Process) -> None:
        self._scheduler, self._process = world.scheduler, process

    def now(self) -> int:
        return self._scheduler.time + self._process.skew

    def sleep(self, seconds: float) -> None:
        self._scheduler.sleep_until(self._scheduler.time + round(seconds * SECOND))


class _Queue:
    """Implements ports.MessageQueue: messages are lost, doubled and late."""

    def __init__(self, world: World) -> None:
        self._world = world

    def send(self, record: JobRecord, delay_seconds: int) -> None:
        name = f"queue.send {record.id[-4:]} in {delay_seconds} s"
        self._world.call(name, lambda: self._sent(record, delay_seconds))

    def send_many(self, records: Sequence[JobRecord]) -> None:
        def effect() -> None:
            for record in records:
                self._sent(record, 0)

        self._world.call(f"queue.send_many {', '.join(one.id[-4:] for one in records)}", effect)

    def _sent(self, record: JobRecord, delay_seconds: int) -> None:
        world = self._world
        world.watch.sent(record)
        if world.strikes("lost_message", 0.3):
            return
        for _ in range(2 if world.strikes("duplicate_message", 0.3) else 1):
            late = (
                world.random.choice((LEASE, 3 * LEASE)) if world.strikes("late_message", 0.3) else 0
            )
            jitter = world.random.choice((0, 5, 400, 2_000))  # and so, other orders
            visible_at = world.scheduler.time + delay_seconds * SECOND + late + jitter
            body = encode(Hint(record.id, record.generation))
            world.messages.append(Message(body, visible_at))

    def waiting(self, lane: str) -> int:
        def effect() -> int:
            """Those that a worker has received are not counted, as SQS does not."""
            now = self._world.scheduler.time
            return sum(not one.receives or one.visible_at <= now for one in self._world.messages)

        return self._world.call("queue.waiting", effect)


class _Payloads(MemoryPayloads):
    def __init__(self, world: World) -> None:
        super().__init__(world.payloads.objects)
        self._world = world

    def put(self, key: str, body: Any, content_type: str) -> int:
        def effect() -> int:
            self._world.watch.put(key)
            return super(_Payloads, self).put(key, body, content_type)

        return self._world.call(f"bucket.put {key[38:]}", effect)

    def get(self, key: str) -> bytes:
        return self._world.call(f"bucket.get {key[38:]}", lambda: super(_Payloads, self).get(key))

    def delete(self, keys: Sequence[str]) -> None:
        def effect() -> None:
            self._world.watch.deleted(keys, self._world.jobs.records)
            super(_Payloads, self).delete(keys)

        self._world.call("bucket.delete", effect)

    def erase(self, prefix: str, at_most: int) -> bool:
        def effect() -> bool:
            finished = super(_Payloads, self).erase(prefix, at_most)
            if finished:
                self._world.watch.erased_payloads(prefix)
            return finished

        return self._world.call("bucket.erase", effect)


class _Web(MemoryWeb):
    """Who receives webhooks: somebody who is away at times, or does not get to answer."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: float,
        max_bytes: int,
    ) -> HttpResponse:
        def effect() -> HttpResponse:
            if self._world.strikes("bad_receiver", 0.5):
                status = self._world.random.choice((302, 410, 429, 503))
                return HttpResponse(status, {}, b"")
            self._world.watch.received(headers["webhook-id"], body or b"")
            if self._world.strikes("bad_receiver", 0.3):
                raise OSError("it hung up")
            return HttpResponse(204, {}, b"")

        return self._world.call(f"web.{method} {headers['webhook-id'][-4:]}", effect)
