"""What each method does: a mapping to the use cases that the HTTP API has, too."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from chalicelib.domain.errors import InvalidRequest, JobFinished, NotFound
from chalicelib.domain.job import JobRecord
from chalicelib.domain.params import decode
from chalicelib.http.preferences import KEY_AT_MOST
from chalicelib.http.problems import problem_view
from chalicelib.http.representation import upload_view
from chalicelib.http.requests import Call
from chalicelib.mcp.envelope import (
    EARLIER,
    INVALID_PARAMS,
    MISSING_CAPABILITY,
    TASKS,
    UNKNOWN_METHOD,
    VERSIONS,
    Json,
    Message,
    RpcError,
)
from chalicelib.mcp.inputs import asked, input_requests, respond
from chalicelib.mcp.results import (
    SERVER,
    finished,
    job_result,
    job_status,
    task_view,
    tool_result,
)
from chalicelib.mcp.tools import HELD, INSTRUCTIONS, OWN, task_of_tool, tool_list
from chalicelib.ports.system import System
from chalicelib.service import control, read, uploads
from chalicelib.service.submit import Submission, submit
from chalicelib.telemetry import logs

HELD_WITH_TASKS = 2  # seconds; such a client polls the task that it then gets
CACHED = {"ttlMs": 300_000, "cacheScope": "private"}  # a deployment may change the tools
IDEMPOTENCY_KEY = "overtime/idempotencyKey"  # in `_meta` of a tools/call

Method = Callable[[System, Call, Message], Json]


def result_of(system: System, call: Call, message: Message) -> Json:
    """Raises an RpcError or an OvertimeError."""
    methods = CURRENT_METHODS if message.current else EARLIER_METHODS
    if message.method not in methods:
        raise RpcError(UNKNOWN_METHOD, f"There is no method {message.method[:100]!r}.", status=404)
    if message.method.startswith("tasks/") and not message.has_tasks:
        needed: Json = {"requiredCapabilities": {"extensions": {TASKS: {}}}}
        raise RpcError(MISSING_CAPABILITY, f"{message.method} needs the extension {TASKS}.", needed)
    return methods[message.method](system, call, message)


def discover(system: System, call: Call, message: Message) -> Json:
    capabilities: Json = {"tools": {}, "extensions": {TASKS: {}}}
    about = {"capabilities": capabilities, "instructions": INSTRUCTIONS, **CACHED}
    return finished(message, {"supportedVersions": list(VERSIONS), **about})


def initialize(system: System, call: Call, message: Message) -> Json:
    """The version that the client asks for if it is served, else the latest of its generation."""
    asked = message.params.get("protocolVersion")
    return {
        "protocolVersion": asked if asked in EARLIER else EARLIER[0],
        "capabilities": {"tools": {}},
        "serverInfo": SERVER,
        "instructions": INSTRUCTIONS,
    }


def ping(system: System, call: Call, message: Message) -> Json:
    return {}


def list_tools(system: System, call: Call, message: Message) -> Json:
    if message.params.get("cursor") is not None:
        raise RpcError(INVALID_PARAMS, "There is no such cursor: the list has one page.")
    return finished(message, {"tools": tool_list(system.tasks()), **CACHED})


def call_tool(system: System, call: Call, message: Message) -> Json:
    name, arguments = message.params.get("name"), message.params.get("arguments", {})
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise RpcError(INVALID_PARAMS, "name must be a string and arguments an object.")
    logs.bind(tool=name[:100])
    try:
        if name in OWN:
            decoded = decode(OWN[name][1], arguments, "")
            return finished(message, OWN_TOOLS[name](system, call, message, decoded))
        return _run(system, call, message, name, arguments)
    except InvalidRequest as error:  # the model can fix its call
        return finished(message, _misfit(message, error))


def _run(system: System, call: Call, message: Message, name: str, arguments: Json) -> Json:
    task = task_of_tool(system.tasks(), name)
    if task is None:
        raise RpcError(INVALID_PARAMS, f"Unknown tool: {name[:100]}. tools/list has the names.")
    key = message.meta.get(IDEMPOTENCY_KEY)
    if key is not None and not (isinstance(key, str) and 1 <= len(key) <= KEY_AT_MOST):
        said = f"In _meta, {IDEMPOTENCY_KEY} must be text of 1 to {KEY_AT_MOST} characters."
        raise RpcError(INVALID_PARAMS, said)
    wanted = Submission(owner=call.owner, task=task.name, params=arguments, key=key, base=call.base)
    job = submit(system, wanted).job
    held = HELD_WITH_TASKS if message.has_tasks else HELD
    job, _ = read.until_finished(system, job, call.until(held), _says_all)
    url_of = functools.partial(read.download_url, system)
    if job.finished:
        return finished(message, job_result(message, job, url_of))
    if message.has_tasks:
        handle = task_view(message, job, call.now(), url_of)
        return {**finished(message, handle), "resultType": "task"}
    return finished(message, _status(system, message, job))


def _says_all(job: JobRecord) -> bool:
    """Whether it makes no sense to hold the request longer."""
    return job.finished or asked(job) is not None


def _misfit(message: Message, error: InvalidRequest) -> Json:
    """Every fault of the arguments with its place, a JSON Pointer into the arguments."""
    view = problem_view(error)
    faults = [
        {"pointer": one.pointer.removeprefix("/params"), "detail": one.detail}
        for one in view.errors
    ]
    lines = [f"- {one['pointer'] or 'arguments'}: {one['detail']}" for one in faults]
    text = "\n".join([f"The call was not accepted. {view.detail}", *lines])
    return tool_result(message, {"detail": view.detail, "errors": faults}, text, error=True)


def _get_job(system: System, call: Call, message: Message, arguments: Any) -> Json:
    job = _known(lambda: read.get(system, call.owner, arguments.job_id))
    job, _ = read.until_finished(system, job, call.until(arguments.wait), _says_all)
    return _status(system, message, job)


def _cancel_job(system: System, call: Call, message: Message, arguments: Any) -> Json:
    try:
        job = _known(lambda: control.cancel(system, call.owner, arguments.job_id))
        job, _ = read.until_finished(system, job, call.until(HELD))
    except JobFinished:
        job = read.get(system, call.owner, arguments.job_id)
    return {
        **_status(system, message, job),
        "isError": False,  # it is what the caller wants
    }


def _status(system: System, message: Message, job: JobRecord) -> Json:
    url_of = functools.partial(read.download_url, system)
    return job_status(message, job, system.tasks(), url_of)


def _known(find: Callable[[], Any]) -> Any:
    try:
        return find()
    except NotFound:
        detail = "There is no job with this job_id, or it has expired. Check the id."
        raise InvalidRequest(detail) from None


def _create_upload(system: System, call: Call, message: Message, arguments: Any) -> Json:
    ticket = uploads.create(system, call.owner, arguments.media_type, arguments.size)
    return tool_result(message, upload_view(ticket))


def get_task(system: System, call: Call, message: Message) -> Json:
    job = read.get(system, call.owner, _task_id(message))
    url_of = functools.partial(read.download_url, system)
    task = task_view(message, job, call.now(), url_of)
    if (requests := input_requests(message, job, system.tasks())) is not None:
        task |= {"status": "input_required", "inputRequests": requests}
    return finished(message, task)


def cancel_task(system: System, call: Call, message: Message) -> Json:
    with suppress(JobFinished):  # acknowledged all the same
        control.cancel(system, call.owner, _task_id(message))
    return finished(message, {})


def update_task(system: System, call: Call, message: Message) -> Json:
    responses = message.params.get("inputResponses")
    if not isinstance(responses, dict):
        raise RpcError(INVALID_PARAMS, "inputResponses must be an object.")
    respond(system, call.owner, _task_id(message), responses)
    return finished(message, {})


def _task_id(message: Message) -> str:
    given = message.params.get("taskId")
    if not isinstance(given, str):
        raise RpcError(INVALID_PARAMS, "taskId must be a string.")
    return given


OWN_TOOLS: Mapping[str, Callable[[System, Call, Message, Any], Json]] = {
    "get_job": _get_job,
    "cancel_job": _cancel_job,
    "create_upload": _create_upload,
}
CURRENT_METHODS: Mapping[str, Method] = {
    "server/discover": discover,
    "tools/list": list_tools,
    "tools/call": call_tool,
    "tasks/get": get_task,
    "tasks/update": update_task,
    "tasks/cancel": cancel_task,
}
EARLIER_METHODS: Mapping[str, Method] = {
    "initialize": initialize,
    "ping": ping,
    "tools/list": list_tools,
    "tools/call": call_tool,
}
