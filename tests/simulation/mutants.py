"""Deliberate defects, and the proof that the simulation catches each.

    python -m tests.simulation.mutants [NAME …]

Each defect is a piece of the source put in the place of another, in a copy of the package; the
simulation then runs on the copy until it breaks a promise.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.aws import ROOT

SAMPLES = 5  # searches a defect, each from seeds of its own
SCENARIOS_AT_MOST = 4_000  # of one search


@dataclass(frozen=True)
class Mutant:
    name: str
    file: str
    old: str
    new: str


MUTANTS = (
    Mutant(
        "a heartbeat that does not look at the lease",
        "domain/verbs.py",
        "when=(starts(Verb.HEARTBEAT), _lease_is_mine(record), unchanged_since_the_last)",
        "when=(starts(Verb.HEARTBEAT),)",
    ),
    Mutant(
        "a finish that does not look at the lease",
        "domain/verbs.py",
        "Verb.SUCCEED, Status.SUCCEEDED, record, stamp, (_lease_is_mine(record),), changes",
        "Verb.SUCCEED, Status.SUCCEEDED, record, stamp, (), changes",
    ),
    Mutant(
        "a failure that does not look at the lease",
        "domain/verbs.py",
        "Verb.FAIL, Status.FAILED, record, stamp, (_lease_is_mine(record),), changes",
        "Verb.FAIL, Status.FAILED, record, stamp, (), changes",
    ),
    Mutant(
        "a backoff that does not look at the lease",
        "domain/verbs.py",
        """    changes = {**found.fields(), "error": error, "not_before": not_before}
    guard = (_lease_is_mine(record), _NO_CANCEL)""",
        """    changes = {**found.fields(), "error": error, "not_before": not_before}
    guard = (_NO_CANCEL,)""",
    ),
    Mutant(
        "a backoff that forgets a cancel",
        "domain/verbs.py",
        """    changes = {**found.fields(), "error": error, "not_before": not_before}
    guard = (_lease_is_mine(record), _NO_CANCEL)""",
        """    changes = {**found.fields(), "error": error, "not_before": not_before}
    guard = (_lease_is_mine(record),)""",
    ),
    Mutant(
        "a continuation that forgets a cancel",
        "domain/verbs.py",
        """"attempt": record.attempt - 1}
    guard = (_lease_is_mine(record), _NO_CANCEL)""",
        """"attempt": record.attempt - 1}
    guard = (_lease_is_mine(record),)""",
    ),
    Mutant(
        "a continuation that counts as an attempt",
        "domain/verbs.py",
        '"attempt": record.attempt - 1}',
        '"attempt": record.attempt}',
    ),
    Mutant(
        "a rescue that takes whatever lease there is",
        "domain/verbs.py",
        "guard = (lease_is_still_that_one, lease_has_expired, cancel_is_as_decided_on)",
        "guard = (cancel_is_as_decided_on,)",
    ),
    Mutant(
        "a rescue that overlooks a cancel",
        "domain/verbs.py",
        "    if record.cancel_requested:\n        return finish(Verb.RESCUE",
        "    if False:\n        return finish(Verb.RESCUE",
    ),
    Mutant(
        "a rescue that does not hold to the cancel it decided on",
        "domain/verbs.py",
        "guard = (lease_is_still_that_one, lease_has_expired, cancel_is_as_decided_on)",
        "guard = (lease_is_still_that_one, lease_has_expired)",
    ),
    Mutant(
        "a rescue beyond max_attempts",
        "domain/verbs.py",
        "if record.attempt >= record.max_attempts:",
        "if record.attempt > record.max_attempts:",
    ),
    Mutant(
        "a claim of any generation",
        "domain/verbs.py",
        "(same_generation, its_time_has_come, _NO_CANCEL, lease_ends_by_the_deadline)",
        "(its_time_has_come, _NO_CANCEL, lease_ends_by_the_deadline)",
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
        "a lease that outlives the deadline",
        "domain/verbs.py",
        "(same_generation, its_time_has_come, _NO_CANCEL, lease_ends_by_the_deadline)",
        "(same_generation, its_time_has_come, _NO_CANCEL)",
    ),
    Mutant(
        "requeueing without a due date",
        "domain/transitions.py",
        "        **due_while_queued(not_before, record.deadline, stamp.now),\n    }\n    return",
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
        '        "expires_at": kept_from + record.retention,\n',
        "",
    ),
    Mutant(
        "writes that do not look at the status",
        "domain/transitions.py",
        "when=(starts(verb), *guard),",
        "when=tuple(guard),",
    ),
    Mutant(
        "a history cut short that loses what came between",
        "domain/transitions.py",
        "        guard = (*guard, unchanged_since_it_was_read)\n",
        "",
    ),
    Mutant(
        "a reminder that sends no message",
        "service/transition.py",
        "    if record.status is Status.QUEUED and verb != Verb.POSTPONE:\n",
        "    if record.status is Status.QUEUED and verb not in (Verb.POSTPONE, Verb.REMIND):\n",
    ),
    Mutant(
        "a sweeper that never reminds",
        "service/sweeper.py",
        "        case Status.QUEUED:\n            return verbs.remind(record, stamp)\n",
        "",
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
        "an erase cut off that nobody finishes",
        "service/sweeper.py",
        'return "erase" if clear_away(system, record) else "erasing"',
        'return "erase"',
    ),
    Mutant(
        "an erase that deletes the record first",
        "service/erase.py",
        "        and system.payloads.erase(record.prefix, OBJECTS_A_VISIT)\n"
        "        and _webhooks_erased(system, record)\n"
        "        and system.jobs.delete(record, ITEMS_A_VISIT)\n",
        "        and _webhooks_erased(system, record)\n"
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
        "    carry_out(system, run.record, decide)",
        "    return\n    carry_out(system, run.record, decide)",
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
        "a heartbeat that shows as news what is known",
        "domain/verbs.py",
        "if found.visible_on(record) else {}",
        "if found.fields() else {}",
    ),
    Mutant(
        "a nonce that nobody looks for",
        "memory/stores.py",
        "            if current.nonce == write.nonce:\n                return current\n",
        "",
    ),
    Mutant(
        "an early message that is thrown away",
        "service/worker.py",
        "            enqueue(system, record)  # our clock or the queue's is ahead\n",
        "",
    ),
    Mutant(
        "a mark that comes before the subscription",
        "service/subscribe.py",
        """    pushing.connections.subscribe(record, to, until)
    if record.watched:  # what was read before the subscription may be old by now
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
        "a subscriber told what was read before it subscribed",
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
        "an end that nobody is told of",
        "service/transition.py",
        "    if verb not in UNSEEN:\n",
        "    if verb not in UNSEEN and not record.finished:\n",
    ),
    Mutant(
        "a webhook that is stored after the end it tells of",
        "service/transition.py",
        "    after = system.jobs.apply_and_submit(record, held, webhook)\n",
        "    after = system.jobs.apply(record.id, held)\n    system.jobs.submit(webhook)\n",
    ),
    Mutant(
        "a webhook that tells of a record that has moved on",
        "service/transition.py",
        "system.jobs.apply_and_submit(record, held, webhook)",
        "system.jobs.apply_and_submit(record, write, webhook)",
    ),
    Mutant(
        "a webhook that tells of the job before its end",
        "service/transition.py",
        "webhook_job(after, system.webhook_body(after), system.new_id())",
        "webhook_job(after, system.webhook_body(record), system.new_id())",
    ),
    Mutant(
        "a webhook of another end that bears the first one's id",
        "domain/webhooks.py",
        'name = f"{TASK} {record.id} {record.uid} {generation}"',
        'name = f"{TASK} {record.id} {record.uid}"',
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
        "        and _webhooks_erased(system, record)\n",
        "",
    ),
    Mutant(
        "an erase that does not wait for a webhook under way",
        "service/erase.py",
        "    return not left\n",
        "    return True\n",
    ),
)


def main(names: list[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(scenarios_until_caught, chosen))
    survivors = 0
    print("| defect | caught after (median scenarios) | by the promise |\n|---|---|---|")
    for mutant, (counts, promise) in zip(chosen, found, strict=True):
        caught = f"{statistics.median(counts):.0f}" if counts else f"not in {SCENARIOS_AT_MOST}"
        survivors += not counts
        print(f"| {mutant.name} | {caught} | {promise} |")
    print(f"\n{len(chosen) - survivors} of {len(chosen)} defects caught.")
    return 0


def scenarios_until_caught(mutant: Mutant) -> tuple[list[int], str]:
    """For each sample how many scenarios it took; none at all if one sample found nothing."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("chalicelib", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / ".chalice", copy / ".chalice")
        apply(mutant, copy / "chalicelib")
        script = [sys.executable, "-m", "tests.simulation.mutants", "--search"]
        counts, promise = [], ""
        for sample in range(SAMPLES):
            answer = subprocess.run(
                [*script, str(1_000_000 * (sample + 1))],
                cwd=copy,
                capture_output=True,
                text=True,
                check=True,
            )
            count, _, promise = answer.stdout.strip().rpartition("\n")[2].partition(" ")
            if int(count) == 0:
                return [], ""
            counts.append(int(count))
        return counts, promise


def apply(mutant: Mutant, package: Path) -> None:
    path = package / mutant.file
    source = path.read_text()
    if source.count(mutant.old) != 1:
        raise ValueError(f"{mutant.name}: {mutant.file} must hold its text exactly once")
    path.write_text(source.replace(mutant.old, mutant.new))


def search(seeds: Iterable[int]) -> tuple[int, str]:
    """How many scenarios until a promise is broken, and which; 0 if none is."""
    from tests.simulation.__main__ import simulate_seed

    for number, seed in enumerate(seeds, 1):
        try:
            outcome = simulate_seed(seed)
        except Exception as error:
            return number, f"({type(error).__name__})"
        if outcome.violation:
            return number, outcome.promise
    return 0, ""


if __name__ == "__main__":
    if sys.argv[1:2] == ["--search"]:
        first = int(sys.argv[2])
        count, promise = search(range(first, first + SCENARIOS_AT_MOST))
        print(count, promise)
    else:
        sys.exit(main(sys.argv[1:]))
