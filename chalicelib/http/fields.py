"""The kinds of values in what clients see and send: times, URLs, ids and names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

JOB_ID = "5f0c2f9e3b7d4c51a9e86d0b7a1c4e22"  # in examples


def example(value: Any, **schema: Any) -> msgspec.Meta:
    return msgspec.Meta(examples=[value], extra_json_schema=schema or None)


Time = Annotated[str, example("2026-11-22T08:15:30.123Z", format="date-time")]
Url = Annotated[str, msgspec.Meta(extra_json_schema={"format": "uri-reference"})]
Id = Annotated[str, example(JOB_ID)]
TaskName = Annotated[str, example("report")]
StepName = Annotated[str, example("publish")]


def rfc3339(milliseconds: int) -> str:
    moment = EPOCH + timedelta(milliseconds=milliseconds)  # exact, as a float of seconds is not
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def job_url(job_id: str, base: str) -> str:
    return f"{base}/jobs/{job_id}"
