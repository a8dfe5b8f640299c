"""Logs as JSON lines: the message is an event's name, the rest are fields.

Fields of a whole invocation, request or job are bound once. They are then on every line logged
meanwhile, including those of tasks and libraries.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import msgspec

from chalicelib.telemetry.metrics import Metric, embedded

_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
_scope: ContextVar[dict[str, Any]] = ContextVar("scope")
_scope_of_main_thread: dict[str, Any] = {}
_cold = True  # until this process has begun its first invocation


@contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Inside this context, every line has these fields. Threads that a task starts do not inherit
    contextvars, so their lines get the fields bound in the main thread, where Lambda invokes."""
    global _scope_of_main_thread
    before, main = _scope_of_main_thread, threading.current_thread() is threading.main_thread()
    scope = {**bound_here(), **fields}
    token = _scope.set(scope)
    if main:
        _scope_of_main_thread = scope
    try:
        yield
    finally:
        _scope.reset(token)
        if main:
            _scope_of_main_thread = before


def bind(**fields: Any) -> None:
    """Add fields to the innermost `bound`; without one, this does nothing."""
    if (scope := _scope.get(None)) is not None:
        scope.update(fields)


def bound_here() -> Mapping[str, Any]:
    """The fields of every line that is logged here."""
    if (scope := _scope.get(None)) is not None:
        return scope
    return {} if threading.current_thread() is threading.main_thread() else _scope_of_main_thread


def within_invocation(event: Any, proceed: Callable[[Any], Any]) -> Any:
    """A middleware for every handler: its lines have Lambda's request id, as CloudWatch's START,
    END and REPORT lines do."""
    global _cold
    context = getattr(event, "lambda_context", None) or event.context
    cold, _cold = _cold, False
    with bound(
        function=getattr(context, "function_name", None),
        request_id=getattr(context, "aws_request_id", None),
        cold_start=cold or None,
    ):
        return proceed(event)


class JsonLines(logging.Formatter):
    """Formats a record as JSON. A field `metrics` becomes CloudWatch's embedded metrics."""

    def __init__(self, stage: str) -> None:
        super().__init__()
        self.stage = stage

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        given = {k: v for k, v in vars(record).items() if k not in _OF_EVERY_RECORD}
        metrics: Mapping[Metric, float] = given.pop("metrics", {})
        line = {
            "at": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "event": record.getMessage(),
            "logger": record.name,
            **bound_here(),
        }
        line |= {k: v for k, v in given.items() if k not in line}
        line = {k: v for k, v in line.items() if v is not None}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        if metrics:
            line |= embedded(metrics, line, self.stage, int(record.created * 1_000))
        return _encoded(line)


def _encoded(line: Mapping[str, Any]) -> str:
    try:
        return msgspec.json.encode(line, enc_hook=str).decode()
    except Exception:  # tasks and libraries may log anything, including lone surrogates
        return msgspec.json.encode({name: _encodable(line[name]) for name in line}).decode()


def _encodable(value: Any) -> Any:
    """Each value alone, so that a bad one does not lose the others, such as metrics."""
    try:
        return msgspec.Raw(msgspec.json.encode(value, enc_hook=str))
    except Exception:
        return ascii(value)


def configure(stage: str) -> None:
    """Lambda sends each line of stderr to CloudWatch Logs as an event. All loggers write there in
    this format. `force` removes Lambda's own handler, which would print each line again."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(stage))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for talkative in ("botocore", "boto3", "urllib3"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
