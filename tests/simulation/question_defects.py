"""Deliberate defects in how jobs sleep, ask, and are answered."""

from __future__ import annotations

from tests.simulation.defects import Mutant

QUESTIONS = (
    Mutant(
        "an answer that does not look for who waits",
        "service/answers.py",
        "    look(system, now_is)\n",
        "    pass\n",
    ),
    Mutant(
        "a suspension that does not look whether its wait has come true",
        "service/worker.py",
        "        look(system, after)\n",
        "        pass\n",
    ),
    Mutant(
        "a message for a suspended job that does not look",
        "service/worker.py",
        "            look(system, record, thorough=True)\n            return None\n",
        "            return None\n",
    ),
    Mutant(
        "a claim of a job that asks",
        "domain/verbs.py",
        "            it_is_not_suspended,\n",
        "",
    ),
    Mutant(
        "an answer that overwrites another",
        "service/facts.py",
        "    return msgspec.json.decode(text, type=type(value))\n",
        "    return value if text else value\n",
    ),
    Mutant(
        "a job that is woken before its question ends",
        "service/questions.py",
        "wait.until <= system.clock.now()",
        "wait.until <= system.clock.now() + 3_600_000",
    ),
    Mutant(
        "a question that is closed early",
        "service/steps.py",
        "elif end is None and question.opened.until <= self.system.clock.now():",
        "elif end is None and question.opened.until <= self.system.clock.now() + 3_600_000:",
    ),
    Mutant(
        "a wake whatever the wait",
        "service/waits.py",
        "            return questions.has_ended(system, record, wait)\n",
        "            return True\n",
    ),
    Mutant(
        "a suspended job that is postponed behind a backlog",
        "service/sweeper.py",
        "record.due is DuePartition.REMIND and not record.suspended\n        if not waits",
        "record.due is DuePartition.REMIND\n        if not waits",
    ),
    Mutant(
        "a wait that uses up an attempt",
        "domain/waiting_verbs.py",
        '"attempt": record.attempt - 1, "wait": wait',
        '"attempt": record.attempt, "wait": wait',
    ),
    Mutant(
        "a sleep that ends early",
        "service/steps.py",
        "        if left > 0:\n",
        "        if left > 60_000:\n",
    ),
    Mutant(
        "a sleeping job that is woken at once",
        "domain/waiting_verbs.py",
        'wait), "not_before": wait.until}',
        'wait), "not_before": stamp.now}',
    ),
)
