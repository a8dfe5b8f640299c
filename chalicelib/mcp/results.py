"""A job as agents see it: the result of a tool, a task of the tasks extension, or a status.

What a task reports is data from outside. It stands in members and quotes of its own, with the
bounds that the service puts on it, and never in the description of a tool.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from chalicelib import __version__
from chalicelib.domain.job import SECOND, Artifact, JobRecord, Status, Stored, WaitReason
from chalicelib.domain.task import Task
from chalicelib.domain.values import decode_json
from chalicelib.http.fields import rfc3339
from chalicelib.http.representation import poll_after
from chalicelib.mcp.envelope import Json, Message
from chalicelib.mcp.inputs import asked
from chalicelib.mcp.tools import readable_schema

SERVER = {"name": "overtime", "version": __version__}
JOB_KEY = "overtime/job"  # in a result's `_meta`: the job that it comes from
JSON_TYPE = "application/json"

UrlOf = Callable[[Stored | Artifact], str]
"""A presigned URL. It is a credential: its holder can read the file for 15 minutes."""


def finished(message: Message, members: Json) -> Json:
    """A result, with what the client's version asks of every result."""
    if not message.current:
        return members
    meta = {"io.modelcontextprotocol/serverInfo": SERVER, **members.get("_meta", {})}
    return {"resultType": "complete", **members, "_meta": meta}


def tool_result(
    message: Message, value: Any, text: str | None = None, *, error: bool = False, links: Any = ()
) -> Json:
    """`value` is JSON; `text` is what to show in its place. Earlier clients take objects only."""
    encoded = msgspec.json.encode(value).decode()
    if text is None:  # a result that is text is shown as it is, without quotes and escapes
        text = str(decode_json(encoded)) if encoded.startswith('"') else encoded
    result: Json = {
        "content": [{"type": "text", "text": text}, *links],
        "isError": error,
    }
    if message.current or encoded.startswith("{"):
        result["structuredContent"] = value
    return result


def job_result(message: Message, record: JobRecord, url_of: UrlOf) -> Json:
    """The result of the tool whose job this is, once it has finished."""
    links = [_link(one.name, one.content_type, url_of(one), one.size) for one in record.artifacts]
    if record.status is not Status.SUCCEEDED:
        view = status_view(record)
        result = tool_result(message, view, status_text(record), error=True, links=links)
    elif record.result is not None and record.result.text is None:
        text = "The result is over 32 KiB: read it from the first link."
        links = [_link("result.json", JSON_TYPE, url_of(record.result)), *links]
        result = tool_result(message, {"result": "linked"}, text, links=links)
        del result["structuredContent"]
    else:
        text = record.result.text if record.result and record.result.text else "null"
        result = tool_result(message, msgspec.Raw(text.encode()), links=links)
    return {**result, "_meta": {JOB_KEY: record.id}}


def job_status(
    message: Message, record: JobRecord, tasks: Mapping[str, Task], url_of: UrlOf
) -> Json:
    """A status with all that there is so far, for clients that follow a job by tools."""
    view, links = status_view(record), []
    if (wait := asked(record)) is not None:
        where = f"POST /jobs/{record.id}/answers/{wait.step}"
        text = f"{status_text(record)} The job's owner answers at {where}."
        view["question"] = {"step": wait.step, "prompt": wait.prompt}
        task = tasks.get(record.task)
        if task and (schema := readable_schema(task.asks.get(wait.step, Any), closed=True)):
            view["question"]["schema"] = schema
            text += f" The answer is JSON of this schema: {msgspec.json.encode(schema).decode()}"
        return tool_result(message, view, text)
    if not record.finished:
        text = f'{status_text(record)} Call get_job with job_id "{record.id}" to wait for it.'
        return tool_result(message, view, text)
    done = job_result(message, record, url_of)
    links = [one for one in done["content"] if one["type"] == "resource_link"]
    if record.status is not Status.SUCCEEDED:
        return tool_result(message, view, status_text(record), error=True, links=links)
    if record.result is not None and record.result.text is not None:
        view["result"] = msgspec.Raw(record.result.text.encode())
    return tool_result(message, view, links=links)


def task_view(message: Message, record: JobRecord, now: int, url_of: UrlOf) -> Json:
    """A task of the extension. `ttlMs` counts from creation, up to when the job is deleted."""
    kept_until = record.expires_at or record.deadline + record.retention
    task: Json = {
        "taskId": record.id,
        "status": "working",
        "statusMessage": status_text(record),
        "createdAt": rfc3339(record.created_at),
        "lastUpdatedAt": rfc3339(record.updated_at),
        "ttlMs": kept_until - record.created_at,
    }
    if not record.finished:
        return {**task, "pollIntervalMs": poll_after(record, now) * SECOND}
    if record.status is Status.CANCELED:
        return {**task, "status": "cancelled"}
    result = finished(message, job_result(message, record, url_of))
    return {**task, "status": "completed", "result": result}


def status_view(record: JobRecord) -> Json:
    view: Json = {"job_id": record.id, "task": record.task, "status": record.status}
    if record.progress is not None and not record.finished:
        view["progress"] = {
            "percent": record.progress.percent,
            "message": record.progress.message,
        }
    if record.error is not None:
        view["error"] = {
            "type": record.error.type,
            "title": record.error.title,
            "detail": record.error.detail,
        }
    return view


def status_text(record: JobRecord) -> str:
    """A sentence or two for people and models. What the task reports stands in quotes."""
    if record.finished:
        error = record.error
        said = f" {error.title}: {_quoted(error.detail)}" if error is not None else ""
        return f"The job has {_ENDS[record.status]}.{said}"
    if record.cancel_requested:
        return "The job is being canceled."
    if (wait := asked(record)) is not None:
        return f"The job waits for an answer. It asks: {_quoted(wait.prompt)}"
    state = "is running" if record.status is Status.RUNNING else _WAITS.get(record.wait_reason)
    state = state or "waits in the queue"
    if (progress := record.progress) is None:
        return f"The job {state}."
    said = f" The task reports: {_quoted(progress.message)}" if progress.message else ""
    return f"The job {state}, {progress.percent:g} % done.{said}"


_WAITS: Mapping[WaitReason | None, str] = {
    WaitReason.SLEEP: "sleeps",
    WaitReason.CHILDREN: "waits for the jobs that it has started",
}
_ENDS = {Status.SUCCEEDED: "succeeded", Status.FAILED: "failed", Status.CANCELED: "been canceled"}


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _link(name: str, media_type: str, url: str, size: int | None = None) -> Json:
    link: Json = {"type": "resource_link", "uri": url, "name": name, "mimeType": media_type}
    return link if size is None else {**link, "size": size}
