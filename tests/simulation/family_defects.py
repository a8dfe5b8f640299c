"""Deliberate defects in what joins parents and children, as those in defects.py."""

from __future__ import annotations

from tests.simulation.defects import Mutant

FAMILIES = (
    Mutant(
        "a parent that does not look after it was suspended",
        "service/worker.py",
        "        run.delete_replaced(after)\n        look(system, after)\n",
        "        run.delete_replaced(after)\n",
    ),
    Mutant(
        "a child that completes the ledgers and wakes nobody",
        "service/ends.py",
        "    if ledger.full or fails:\n",
        "    if fails:\n",
    ),
    Mutant(
        "a failure that does not wake the parent that waits for it",
        "service/ends.py",
        "    if ledger.full or fails:\n",
        "    if ledger.full:\n",
    ),
    Mutant(
        "a ledger that counts n + 1",
        "memory/stores.py",
        "union(ended.get(status, ()))",
        "union([len(before.ended.get(status, ()))] if ended.get(status) else ())",
    ),
    Mutant(
        "a ledger that is written before the end",
        "service/ends.py",
        "    after = transition.carry_out(system, record, decide)\n",
        "    if (write := decide(record, transition.stamp(system))) is not None:\n"
        "        note_end(system, write.applied_to(record))\n"
        "    after = transition.carry_out(system, record, decide)\n",
    ),
    Mutant(
        "a claim of a suspended job",
        "domain/verbs.py",
        "            it_is_not_suspended,\n",
        "",
    ),
    Mutant(
        "a last ledger that does not know its size",
        "service/maps.py",
        "            self._note_size(current, count)\n",
        "",
    ),
    Mutant(
        "a look at a due parent that reads its ledgers alone",
        "service/waits.py",
        "thorough=thorough)",
        "thorough=False)",
    ),
    Mutant(
        "an end of a parent without the job that cancels its children",
        "service/transition.py",
        "    if cascades(after):\n",
        "    if False:\n",
    ),
    Mutant(
        "a cascade that ignores its generation",
        "service/cascade.py",
        " or parent.generation > params.generation:",
        ":",
    ),
    Mutant(
        "a cascade that forgets a page",
        "service/cascade.py",
        "carry_out(system, child, decide), found)\n",
        "carry_out(system, child, decide), found[1:])\n",
    ),
    Mutant(
        "a child that does not ask for its parent",
        "service/cascade.py",
        "    if record.parent is None:\n        return record\n",
        "    if True:\n        return record\n",
    ),
    Mutant(
        "a child of a parent that is gone, taken for a canceled one",
        "service/cascade.py",
        "    return parent is None or parent.uid != child.parent.uid or parent.status is Status.ER",
        "    return False and parent.status is Status.ER",
    ),
    Mutant(
        "a child that has an id of its own in each run",
        "service/offspring.py",
        "        return [children.child_id(job.id, job.uid, step, index) for index in indexes]\n",
        "        return [self.system.new_id() for _ in indexes]\n",
    ),
    Mutant(
        "a parent that counts children as stored before they are",
        "service/maps.py",
        "replace(current, stored=count))\n",
        "replace(current, stored=count + AT_ONCE))\n",
    ),
    Mutant(
        "a retry that leaves failed children as they are",
        "service/offspring.py",
        "return children.retry_child(record, stamp, parent, self.record.deadline)\n",
        "return None\n",
    ),
    Mutant(
        "a child that failed in this generation, run again",
        "service/offspring.py",
        "            if record.parent.generation >= parent.generation:\n",
        "            if record.parent.generation > parent.generation or not record.finished:\n",
    ),
    Mutant(
        "a child that is adopted and stays to be canceled",
        "domain/children.py",
        ', "cancel_requested": False}',
        "}",
    ),
    Mutant(
        "an erase that leaves children behind",
        "service/erase.py",
        "        and _children_erased(system, record)\n",
        "",
    ),
    Mutant(
        "an erase that leaves ledgers behind",
        "service/erase.py",
        "                system.ledgers.delete(names)\n",
        "                pass\n",
    ),
)
