"""A client for Overtime: submit slow work, watch it, fetch what it made.

from overtime import Client

client = Client("http://127.0.0.1:8000")
report = client.run("report", {"group_by": ["carrier"], "metrics": ["count"]},
                    files={"source": "flights.csv"})
"""

from overtime.aio import AsyncClient, AsyncJobHandle
from overtime.client import Client, JobHandle
from overtime.errors import (
    Answered,
    JobCanceled,
    JobEnded,
    JobFailed,
    NotOvertime,
    OvertimeError,
    Refused,
    TimedOut,
    TransferFailed,
    Unavailable,
    Unreachable,
    WrongResult,
)
from overtime.models import (
    Artifact,
    Children,
    Event,
    Job,
    JobError,
    Progress,
    Question,
    Schedule,
    Task,
    WaitsFor,
)
from overtime.version import __version__

__all__ = [
    "Answered",
    "Artifact",
    "AsyncClient",
    "AsyncJobHandle",
    "Children",
    "Client",
    "Event",
    "Job",
    "JobCanceled",
    "JobEnded",
    "JobError",
    "JobFailed",
    "JobHandle",
    "NotOvertime",
    "OvertimeError",
    "Progress",
    "Question",
    "Refused",
    "Schedule",
    "Task",
    "TimedOut",
    "TransferFailed",
    "Unavailable",
    "Unreachable",
    "WaitsFor",
    "WrongResult",
    "__version__",
]
