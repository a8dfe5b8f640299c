"""Log lines for the terminal: the JSON lines of the app and of its server as people read them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

Tone = Literal["good", "odd", "bad"] | None
COLUMNS = 100 - len("webhooks | ")  # the child's name stands before each line
PATH_COLUMNS = 48  # of a request's path, so that the reason of a refusal has room
FOR_CLOUDWATCH = {"_aws", "stage", "logger", "function", "request_id", "cold_start"}
OF_THE_REQUEST = {"method", "route"}  # the line of the request shows them
ID = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{24}\b")
ANSWERED = "answered"  # an event of local/serve.py
TONES: dict[str, Tone] = {
    "succeed": "good",
    **dict.fromkeys(("fail", "expire"), "bad"),
    **dict.fromkeys(("retry_later", "rescue", "cancel", "acknowledge_cancel"), "odd"),
    **{"ERROR": "bad", "CRITICAL": "bad", "WARNING": "odd"},
}


@dataclass(frozen=True)
class Line:
    text: str
    tone: Tone = None
    poll: tuple[str, int] | None = None
    """Path and status of a request that may come again and again."""


def readable(line: str) -> list[Line]:
    """Event and fields on one line, a traceback on lines of its own; any other line as it is.
    Left out are metrics, sweeps that found nothing, and requests, which the server shows itself."""
    record = _record(line)
    if record is None:
        return [Line(line)]
    if record["event"] == ANSWERED:
        return [_request(record)]
    if record["event"] == "request" or (record["event"] == "swept" and not record.get("done")):
        return []
    for name in FOR_CLOUDWATCH | OF_THE_REQUEST | _metrics(record):
        record.pop(name, None)
    at, level = str(record.pop("at", ""))[11:19], record.pop("level", "INFO")
    event, traceback = str(record.pop("event")), record.pop("traceback", None)
    fields = [f"{name}={_text(value)}" for name, value in record.items()]
    head = [at, *([] if level == "INFO" else [level]), event, *fields]
    tone = TONES.get(event, TONES.get(str(level)))
    rest = str(traceback).splitlines() if traceback else []
    return [Line(_short(" ".join(head).strip()), tone), *(Line(one, tone) for one in rest)]


class Polls:
    """Folds polls that are answered alike, as long as nothing else happens between them."""

    def __init__(self) -> None:
        self._shown: set[tuple[str, int]] = set()
        self._folded = 0

    def fold(self, lines: list[Line]) -> list[Line]:
        """The lines to show now."""
        shown = []
        for line in lines:
            if line.poll in self._shown:
                self._folded += 1
                continue
            if self._folded:
                times = "once" if self._folded == 1 else f"{self._folded} times"
                shown.append(Line(f"         the same {times} more"))
                self._folded = 0
            if line.poll is None:
                self._shown.clear()
            else:
                self._shown.add(line.poll)
            shown.append(line)
        return shown


def _request(record: dict[str, Any]) -> Line:
    """Within COLUMNS: time, status, method, path, milliseconds, and why it was refused."""
    status, path = int(record["http_status"]), _short(str(record["path"]))
    parts = [str(record["at"])[11:19], str(status), str(record["method"]), _cut(path, PATH_COLUMNS)]
    if (ms := record.get("ms")) is not None:
        parts.append(f"{ms:.0f} ms")
    if reason := record.get("reason"):
        parts.append(_short(" ".join(str(reason).split())))
    tone: Tone = "bad" if status >= 500 else "odd" if status >= 400 else "good"
    poll = (path, status) if record["method"] == "GET" and status < 400 else None
    return Line(_cut(" ".join(parts), COLUMNS), tone, poll)


def _short(text: str) -> str:
    """With ids by their first 8 digits."""
    return ID.sub(r"\1", text)


def _cut(text: str, columns: int) -> str:
    return text if len(text) <= columns else f"{text[: columns - 1]}…"


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
