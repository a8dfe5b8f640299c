"""One side's process: reads which measure to take, a JSON line each, and answers with figures.

Imported by processes of other virtual environments too: only the standard library and botocore.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import botocore.endpoint

Work = Callable[[], "tuple[float, float] | None"]
"""What is timed. Returns its own (CPU, wall) in seconds if it includes what must not be timed."""
Measure = Callable[[int], Work]
"""Prepares so many operations, untimed, and returns the work that carries them out."""

calls: Counter[str] = Counter()
TABLE, QUEUE, BUCKET = "overtime-local-jobs", "overtime-local-default", "overtime-local"
NAIVE_TABLE, PEER_TABLE, PEER_QUEUE = "naive", "peer", "peer"


def count_calls() -> None:
    """Counts each request that a botocore client sends, by operation."""
    endpoint: Any = botocore.endpoint.Endpoint
    send = endpoint.make_request

    def counting(self: Any, operation: Any, request: Any) -> Any:
        calls[operation.name] += 1
        return send(self, operation, request)

    endpoint.make_request = counting


def serve(measures: Mapping[str, Measure]) -> None:
    """Answers until the input ends. What the side itself prints goes to nowhere."""
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    count_calls()
    print(json.dumps(sorted(measures)), file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        work = measures[asked["measure"]](asked["operations"])
        calls.clear()
        cpu, wall = time.process_time(), time.perf_counter()
        own = work()
        cpu, wall = own or (time.process_time() - cpu, time.perf_counter() - wall)
        figures = {"cpu": cpu, "wall": wall, "calls": dict(calls)}
        print(json.dumps(figures), file=answers, flush=True)


def each(arguments: list[Any], act: Callable[[Any], object]) -> Work:
    def work() -> None:
        for argument in arguments:
            act(argument)

    return work
