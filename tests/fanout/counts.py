"""What each process calls and writes on AWS, noted in a file: a kill leaves what was noted."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")
BEHIND_OTHERS = {"postpone": 1, "remind": 2}  # calls; three units each, as an index entry moves
POLLS = ("ReceiveMessage", "DeleteMessage", "Query")  # Lambda's, and the sweeper's: by the clock
ASKED, ANSWERED = "asked", "answered"


class Notes:
    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def add(self, *words: object) -> None:
        os.write(self._file, f"{' '.join(map(str, words))}\n".encode())

    def count(self, clients: Iterable[Any]) -> None:
        """From now on note each call of these clients before it is made, and each answer to a
        write with its units."""
        for client in clients:
            events = client.meta.events
            events.register("provide-client-params.dynamodb.*", _ask_for_units)
            events.register("before-call.*.*", self._asked)
            events.register("after-call.dynamodb.*", self._answered)

    def _asked(self, model: Any, **_: Any) -> None:
        self.add(ASKED, model.name)

    def _answered(self, model: Any, parsed: Any, **_: Any) -> None:
        if model.name in WRITES:
            self.add(ANSWERED, model.name, _units(parsed))


def _ask_for_units(params: Any, model: Any, **_: Any) -> Any:
    asks = "ReturnConsumedCapacity" in model.input_shape.members
    return {**params, "ReturnConsumedCapacity": "TOTAL"} if asks else params


def _units(answer: Any) -> float:
    """DynamoDB bills a failed condition for the item that it found: one unit, as a record is
    below 1 KB. A transaction that fails has two items here, at two units each."""
    match answer.get("Error", {}).get("Code"):
        case "ConditionalCheckFailedException":
            return 1
        case "TransactionCanceledException":
            return 4
        case None:
            told = answer["ConsumedCapacity"]
            return sum(
                float(one["CapacityUnits"]) for one in (told if isinstance(told, list) else [told])
            )
        case _:
            return 0


class Totals:
    """Of a file of notes. A write without an answer, because its process was killed, counts with
    the average units of its operation. `calls_waiting` and `units_waiting` are the sweeper's for
    jobs that stand behind others in the queue, and not in the other two."""

    def __init__(self, path: Path) -> None:
        self.calls: Counter[str] = Counter()
        self.others: Counter[str] = Counter()
        units: defaultdict[str, float] = defaultdict(float)
        answers: Counter[str] = Counter()
        with path.open() as lines:
            for line in lines:
                match line.split():
                    case [kind, name] if kind == ASKED:
                        self.calls[name] += name not in POLLS
                    case [kind, name, number] if kind == ANSWERED:
                        answers[name] += 1
                        units[name] += float(number)
                    case _:
                        self.others[line.strip()] += 1
        late = {verb: self.others[f"sweeper {verb}"] for verb in BEHIND_OTHERS}
        self.calls_waiting = sum(BEHIND_OTHERS[verb] * late[verb] for verb in late)
        self.units_waiting = 3 * sum(late.values())
        self.units = -self.units_waiting + sum(
            units[name] * self.calls[name] / answers[name] for name in WRITES if answers[name]
        )

    @property
    def calls_made(self) -> int:
        return self.calls.total() - self.calls_waiting

    def calls_of_each(self, jobs: int) -> str:
        each = ((name, number / jobs) for name, number in self.calls.most_common() if number)
        return ", ".join(f"{name} {number:.3f}" for name, number in each)
