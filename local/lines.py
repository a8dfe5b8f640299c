"""Log lines for the terminal: the app's JSON lines as people read them."""

from __future__ import annotations

import json
from typing import Any

FOR_CLOUDWATCH = {"_aws", "stage", "logger", "function", "request_id", "cold_start"}


def readable(line: str) -> list[str]:
    """Event and fields on one line, a traceback on lines of its own; any other line as it is.
    Metrics, and sweeps that found nothing, are left out."""
    record = _record(line)
    if record is None:
        return [line]
    if record["event"] == "swept" and not record.get("done"):
        return []
    for name in FOR_CLOUDWATCH | _metrics(record):
        record.pop(name, None)
    at, level = str(record.pop("at", ""))[11:19], record.pop("level", "INFO")
    event, traceback = record.pop("event"), record.pop("traceback", None)
    fields = [f"{name}={_text(value)}" for name, value in record.items()]
    head = [at, *([] if level == "INFO" else [level]), str(event), *fields]
    return [" ".join(head).strip(), *(str(traceback).splitlines() if traceback else [])]


def _record(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and "event" in record else None


def _metrics(record: dict[str, Any]) -> set[str]:
    directives = record.get("_aws", {}).get("CloudWatchMetrics", [])
    return {metric["Name"] for directive in directives for metric in directive["Metrics"]}


def _text(value: Any) -> str:
    plain = isinstance(value, str) and value and " " not in value
    return str(value) if plain else json.dumps(value, ensure_ascii=False)
