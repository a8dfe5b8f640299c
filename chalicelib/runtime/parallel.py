"""Calls to AWS that wait, not compute: several threads make them at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

THREADS = 8  # botocore keeps 10 connections per client


def in_threads(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Implements ports.InParallel."""
    if len(items) <= 1:
        return [work(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor  # few jobs need it

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, items))


def in_order(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """The same in one thread, for tests."""
    return [work(item) for item in items]
