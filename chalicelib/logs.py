"""Logs as JSON lines: the message is an event's name, what belongs to it are fields."""

from __future__ import annotations

import logging
import sys
import time

import msgspec

_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "at": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "event": record.getMessage(),
            **{
                k: v for k, v in vars(record).items() if k not in _OF_EVERY_RECORD and v is not None
            },
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def configure() -> None:
    """Lambda sends what goes to stderr to CloudWatch Logs, a line an event."""
    logger = logging.getLogger("chalicelib")
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonLines())
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False  # Lambda's own handler would print it a second time
