"""Deliberate defects: each a piece of the source put in the place of another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mutant:
    name: str
    file: str
    old: str
    new: str


MUTANTS = (
    Mutant(
        "a continuation that counts as an attempt",
        "domain/verbs.py",
        '"attempt": record.attempt - 1}',
        '"attempt": record.attempt}',
    ),
    Mutant(
        "a rescue that overlooks a cancel",
        "domain/verbs.py",
        "    if record.cancel_requested:\n        return finish(Verb.RESCUE",
        "    if False:\n        return finish(Verb.RESCUE",
    ),
    Mutant(
        "a rescue beyond max_attempts",
        "domain/verbs.py",
        "if record.attempt >= record.max_attempts:",
        "if record.attempt > record.max_attempts:",
    ),
    Mutant(
        "a retry that reuses its generation",
        "domain/verbs.py",
        '"generation": record.generation + 1,',
        '"generation": record.generation,',
    ),
    Mutant(
        "a retry that leaves the TTL",
        "domain/verbs.py",
        '"expires_at": None,\n    }\n    guard',
        "}\n    guard",
    ),
    Mutant(
        "a retry that remembers the cancel",
        "domain/verbs.py",
        '        "cancel_requested": False,\n',
        "",
    ),
    Mutant(
        "a retry that keeps the attempts",
        "domain/verbs.py",
        '        "attempt": 0,\n',
        "",
    ),
    Mutant(
        "a claim that forgets the due date",
        "domain/verbs.py",
        '"due_at": lease_until,\n            "reminders": 0,',
        '"due_at": None,\n            "reminders": 0,',
    ),
    Mutant(
        "requeueing without a due date",
        "domain/transitions.py",
        "        **due_while_queued(not_before, ends, stamp.now),\n    }\n    return",
        '        "due": None,\n        "due_at": None,\n    }\n    return',
    ),
    Mutant(
        "a finished job that stays due",
        "domain/transitions.py",
        '        "due": None,\n        "due_at": None,\n        "finished_at"',
        '        "finished_at"',
    ),
    Mutant(
        "a finished job without TTL",
        "domain/transitions.py",
        '        "expires_at": kept_until,\n',
        "",
    ),
    Mutant(
        "a reminder that sends no message",
        "service/transition.py",
        "    if send and row.enqueues and record.status is Status.QUEUED:\n",
        "    if send and row.enqueues and verb != Verb.REMIND and record.status == 'queued':\n",
    ),
    Mutant(
        "a sweeper that never reminds",
        "service/sweeper.py",
        "            return later(record, stamp)\n",
        "            return None\n",
    ),
    Mutant(
        "a sweeper that takes all messages for those of the late jobs",
        "service/sweeper.py",
        "return FIRST < self.late[lane] <= self.waiting[lane]",
        "return self.late[lane] <= self.waiting[lane]",
    ),
    Mutant(
        "a sweeper that never rescues",
        "service/sweeper.py",
        "            return verbs.rescue(record, stamp)",
        "            return None",
    ),
    Mutant(
        "an interrupted erase that is never finished",
        "service/sweeper.py",
        'return "erase" if clear_away(system, record) else "erasing"',
        'return "erase"',
    ),
    Mutant(
        "an erase that deletes the record first",
        "service/erase.py",
        "        and system.payloads.erase(record.prefix, OBJECTS_A_VISIT)\n"
        "        and _internal_jobs_erased(system, record)\n"
        "        and _children_erased(system, record)\n"
        "        and system.jobs.delete(record, ITEMS_A_VISIT)\n",
        "        and _internal_jobs_erased(system, record)\n"
        "        and _children_erased(system, record)\n"
        "        and system.jobs.delete(record, ITEMS_A_VISIT)\n"
        "        and system.payloads.erase(record.prefix, OBJECTS_A_VISIT)\n",
    ),
    Mutant(
        "an erase that forgets what was too much for one visit",
        "service/erase.py",
        "            if visits == WEBHOOKS_A_VISIT:\n                return False\n",
        "            if visits == WEBHOOKS_A_VISIT:\n                return True\n",
    ),
    Mutant(
        "a 202 before the record is stored",
        "service/submit.py",
        "            system.jobs.submit(record)\n        except ConditionFailed as taken:",
        "            pass\n        except ConditionFailed as taken:",
    ),
    Mutant(
        "an id that does not come from the key alone",
        "memory/stores.py",
        "        current = self.records.setdefault(record.id, record)",
        "        self.records[record.id] = current = record",
    ),
    Mutant(
        "a message acknowledged before the job is finished",
        "service/worker.py",
        "    after = carry_out(system, run.record, decide)",
        "    return\n    after = carry_out(system, run.record, decide)",
    ),
    Mutant(
        "a step of once that is overwritten",
        "memory/stores.py",
        "        return self.steps.setdefault(key, (result, expires_at))[0]",
        "        self.steps[key] = (result, expires_at)\n        return result",
    ),
    Mutant(
        "findings lost when a heartbeat fails",
        "service/heartbeat.py",
        "            self.run.give_back(found)\n",
        "",
    ),
    Mutant(
        "checkpoints written without the artifacts before them",
        "service/run.py",
        "artifacts = self._artifacts if self._artifacts_changed else None",
        "artifacts = None",
    ),
    Mutant(
        "objects deleted that the record still names",
        "service/run.py",
        "self._replaceable - named",
        "self._replaceable",
    ),
    Mutant(
        "objects deleted by an attempt that lost its lease",
        "service/worker.py",
        "    if ours:\n        run.delete_replaced(after)\n",
        "    run.delete_replaced(run.record)\n",
    ),
    Mutant(
        "a heartbeat that shows as news what is known",
        "domain/verbs.py",
        "if found.visible_on(record) else {}",
        "if found.fields() else {}",
    ),
    Mutant(
        "a nonce that is never compared",
        "memory/stores.py",
        "            if current.nonce == write.nonce:\n                return current\n",
        "",
    ),
    Mutant(
        "an early message that is thrown away",
        "service/worker.py",
        "        if early > WORTH_WAITING:\n            enqueue(system, record)\n",
        "        if early > WORTH_WAITING:\n",
    ),
    Mutant(
        "a mark that comes before the subscription",
        "service/subscribe.py",
        """    pushing.connections.subscribe(record, to, until)
    if record.watched:  # it was read before the subscription, and may have changed since
        return carry_out(system, find(system, record.owner, record.id), decide)
    return carry_out(system, record, decide)
""",
        """    if record.watched:
        record = find(system, record.owner, record.id)
    record = carry_out(system, record, decide)
    pushing.connections.subscribe(record, to, until)
    return record
""",
    ),
    Mutant(
        "a subscriber that gets a state read before it subscribed",
        "service/subscribe.py",
        "        return carry_out(system, find(system, record.owner, record.id), decide)\n",
        "        return record\n",
    ),
    Mutant(
        "a subscription without a mark",
        "service/subscribe.py",
        "return None if now_is.watched else verbs.watch(now_is, stamp)",
        "return None",
    ),
    Mutant(
        "a mark that shows as news",
        "domain/verbs.py",
        'when=when, put={"watched": True})',
        'when=when, put={"watched": True, "updated_at": stamp.now})',
    ),
    Mutant(
        "an end that is not pushed",
        "service/transition.py",
        "    if row.visible:\n",
        "    if row.visible and not record.finished:\n",
    ),
    Mutant(
        "a webhook that is stored after the end it tells of",
        "service/transition.py",
        "    after = system.jobs.apply(record.id, write)\n    announce(",
        "    from msgspec.structs import replace\n\n"
        "    after = system.jobs.apply(record.id, replace(write, companions=()))\n"
        "    for companion in write.companions:\n        system.jobs.submit(companion.record)\n"
        "    announce(",
    ),
    Mutant(
        "a webhook that tells of a record that has moved on",
        "domain/writes.py",
        'when = (*self.when, Is("nonce", record.nonce))',
        "when = self.when",
    ),
    Mutant(
        "a webhook that tells of the job before its end",
        "service/transition.py",
        "webhook_job(after, system.webhook_body(after), system.new_id())",
        "webhook_job(after, system.webhook_body(record), system.new_id())",
    ),
    Mutant(
        "a webhook of another end with the first one's id",
        "domain/internal.py",
        'name = f"{task} {ended.id} {ended.uid} {generation}"',
        'name = f"{task} {ended.id} {ended.uid}"',
    ),
    Mutant(
        "a webhook with an id of each attempt's own",
        "service/webhook_task.py",
        '"webhook-id": job.id,',
        '"webhook-id": f"{job.id}-{job.attempt}",',
    ),
    Mutant(
        "a webhook that is given up at the first failure",
        "service/webhook_task.py",
        "    return NotDelivered(pause, headline, detail)\n",
        "    return PermanentError(detail)\n",
    ),
    Mutant(
        "an erase that leaves webhooks behind",
        "service/erase.py",
        "        and _internal_jobs_erased(system, record)\n",
        "",
    ),
    Mutant(
        "an erase that does not wait for a webhook under way",
        "service/erase.py",
        "            left |= not _erased(system, one)\n    return not left\n",
        "            _erased(system, one)\n    return True\n",
    ),
    Mutant(
        "progress that does not move updated_at",
        "domain/verbs.py",
        'seen = {"updated_at": stamp.now} if found.visible_on(record) else {}',
        "seen: dict[str, Any] = {}",
    ),
    Mutant(
        "a key that stands for any request",
        "service/submit.py",
        "    if existing.request_digest != body_digest:\n",
        "    if False:\n",
    ),
    Mutant(
        "an erase that leaves steps behind",
        "memory/stores.py",
        "            *((self.steps, key) for key in self.steps if key[0] == record.id),\n",
        "",
    ),
    Mutant(
        "a claim that is followed by a heartbeat at once",
        "service/worker.py",
        "        outcome = _run(run, task)\n",
        "        heartbeat.beat()\n        outcome = _run(run, task)\n",
    ),
    Mutant(
        "a retry that waits as the job did before",
        "domain/verbs.py",
        "fresh = replace(record, not_before=stamp.now, ",
        "fresh = replace(record, ",
    ),
    Mutant(
        "a webhook that is delivered by any answer",
        "service/webhook_task.py",
        "    if 200 <= answer.status < 300:\n",
        "    if 200 <= answer.status < 600:\n",
    ),
    Mutant(
        "a message for a job that runs, sent again and again",
        "service/worker.py",
        "            return None  # another worker runs it, or it has finished\n",
        "            enqueue(system, record)\n            return None\n",
    ),
    Mutant(
        "a queued job that does not say why",
        "domain/transitions.py",
        '        "wait_reason": reason,\n',
        '        "wait_reason": None,\n',
    ),
    Mutant(
        "a cancel that leaves a result",
        "domain/verbs.py",
        "record, stamp, guard, found.fields())",
        'record, stamp, guard, {**found.fields(), "result": Stored("1")})',
    ),
)


def fits(mutant: Mutant, package: Path) -> bool:
    return (package / mutant.file).read_text().count(mutant.old) == 1
