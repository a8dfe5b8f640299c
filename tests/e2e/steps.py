"""A user's own tasks, which do what the project's tasks do not, each step as they are told.

This file is copied into the task folder of the stage that is deployed with them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from chalicelib.tasks import Job, task


@dataclass
class StepsParams:
    do: list[str] = field(default_factory=list)
    source: str = ""
    filler: str = ""
    task: str = "steps"
    inner: list[str] = field(default_factory=list)


@dataclass
class Approval:
    approved: bool


@task("steps", asks={"publish": Approval})
def steps(job: Job, params: StepsParams) -> list[str]:
    return [walk(job, step, params) for step in params.do]


@task("heavy-steps", lane="heavy", asks={"publish": Approval})
def heavy_steps(job: Job, params: StepsParams) -> list[str]:
    return [walk(job, step, params) for step in params.do]


def walk(job: Job, step: str, params: StepsParams) -> str:
    match step:
        case "once":
            return job.once("step", str.upper, "done once")
        case "log":
            job.log("a line for the client")
        case "attach":
            job.attach("file.txt", "a text")
        case "replace":
            job.attach("replaced.txt", "the first text")
            job.attach("replaced.txt", "the text that takes its place")
        case "read":
            with job.open(params.source) as source:
                return f"{len(source.read())} bytes"
        case "map":
            return f"{len(job.map('map', params.task, [{'do': params.inner}]))} children"
        case "sleep":
            job.sleep("nap", 6)
        case "url":
            job.attach("url.txt", job.answer_url("publish", 600))
        case "ask":
            answer: Approval = job.ask("publish", prompt="Publish?", timeout=600)
            return f"approved: {answer.approved}"
        case "secret":
            return f"{len(job.secret('third-party'))} characters"
        case "fail":
            raise OSError("this attempt fails")
        case _:
            raise ValueError(step)
    return "done"
