"""What goes wrong, and how often. A scenario draws some kinds of faults; a step draws one."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

KINDS = (
    "crash_before",  # the process dies before a call has had its effect
    "crash_after",  # or between the effect and its answer
    "unavailable",  # throttled, or away: no effect, and the caller is told so
    "lost_answer",  # the effect happened, and the caller is told that it is not known
    "repeated",  # the answer was lost on the way, and the SDK sends the same call again
    "pause",  # the process stands still
    "zombie",  # a worker stands still for longer than its lease, then writes
    "overtaken",  # a process stands still before a write until another writes the same record
    "lost_message",
    "duplicate_message",
    "late_message",
    "stale_index",  # an index that has not caught up
    "missing_task",  # a deployment that does not know the task
    "skew",  # clocks that differ by some seconds
    "late_ttl",  # TTL that deletes hours after it might
    "no_sweep",  # the sweeper does not come
    "bad_receiver",  # of webhooks: it answers badly, or not at all
)


@dataclass(frozen=True)
class Scenario:
    """All that a run is made of; the same values replay the same run, step by step."""

    seed: int
    jobs: int = 1
    clients: int = 1  # a job; from the second on they race under the same Idempotency-Key
    workers: int = 2  # at once
    actions: int = 2  # a client, once it has its answer: cancel, retry, erase, look
    backlog: int = 0  # further jobs that nobody looks at
    timeout: int = 300  # seconds, of the worker's function
    rate: float = 0.1  # faults a step
    schedules: int = 0  # each with a client that edits it, twice as often as `actions`
    kinds: frozenset[str] = frozenset()

    @classmethod
    def draw(cls, seed: int) -> Scenario:
        chance = random.Random(f"scenario {seed}")
        return cls(
            seed=seed,
            jobs=chance.choice((1, 1, 2, 3)),
            clients=chance.choice((1, 1, 2, 3)),
            workers=chance.choice((1, 2, 3)),
            actions=chance.choice((0, 1, 2, 4)),
            backlog=chance.choice((0, 0, 0, 0, 0, 0, 0, 12)),
            timeout=chance.choice((90, 300)),
            rate=chance.choice((0.0, 0.03, 0.1, 0.25, 0.5)),
            kinds=frozenset(chance.sample(KINDS, chance.choice((2, 3, 5, 8)))),
            schedules=chance.choice((0, 0, 0, 0, 1, 2)),
        )

    @property
    def undisturbed(self) -> bool:
        """Whether nothing happens to its only job but its run."""
        alone = (
            self.jobs == self.clients == 1 and self.backlog == self.actions == self.schedules == 0
        )
        return alone and self.rate == 0 and "skew" not in self.kinds

    def smaller(self) -> list[Scenario]:
        """What to try for a shorter story of the same failure, the boldest first."""
        fewer = [
            replace(self, backlog=0),
            replace(self, schedules=max(self.schedules - 1, 0)),
            replace(self, jobs=1),
            replace(self, clients=1),
            replace(self, workers=1),
            replace(self, actions=max(self.actions - 1, 0)),
            *(replace(self, kinds=self.kinds - {kind}) for kind in sorted(self.kinds)),
        ]
        return [scenario for scenario in fewer if scenario != self]

    def arguments(self) -> str:
        kinds = ",".join(sorted(self.kinds)) or "none"
        counts = " ".join(
            f"{name}={getattr(self, name)}"
            for name in (
                "jobs",
                "clients",
                "workers",
                "actions",
                "backlog",
                "timeout",
                "rate",
                "schedules",
            )
        )
        return f"seed={self.seed} {counts} kinds={kinds}"

    @classmethod
    def parse(cls, arguments: list[str]) -> Scenario:
        given = dict(argument.split("=", 1) for argument in arguments)
        kinds = given.pop("kinds", "none")
        rate = float(given.pop("rate", "0.1"))
        chosen = frozenset() if kinds == "none" else frozenset(kinds.split(","))
        return cls(rate=rate, kinds=chosen, **{name: int(text) for name, text in given.items()})
