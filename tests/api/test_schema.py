"""The description holds: schemathesis makes requests of it, right and wrong ones, and every
answer is as it says."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
import requests
import schemathesis
from moto import mock_aws

import app as app_module
from chalicelib.domain.job import DAY
from chalicelib.memory.stores import MemoryJobs, MemorySecrets
from chalicelib.tasks import Job, task
from tests.api import gateway
from tests.api.description import description
from tests.api.harness import Context, Service, begin

CONFIG = schemathesis.Config.from_dict(
    {
        "seed": 1,
        "checks": {
            # API Gateway cannot tell an unknown method from an unknown path: it is 404 for both.
            "unsupported_method": {"enabled": False},
        },
        "generation": {
            "max-examples": 25,
            "deterministic": True,
            # JSON Schema cannot say that texts hold no NUL: test_bad_input.py has that.
            "allow-x00": False,
        },
    }
)
schema = schemathesis.openapi.from_dict(copy.deepcopy(description(app_module.app)), config=CONFIG)
NIGHTLY = {"cron": "30 2 * * *", "timezone": "UTC", "task": "echo", "params": {}}
BASE_URL = "http://overtime.test"
session = requests.Session()
session.mount(BASE_URL, gateway.Adapter(app_module.app, Context()))


class World:
    """A service, and jobs in every state to ask it for."""

    def __init__(self, service: Service) -> None:
        self.service = service
        service.replace(jobs=MemoryJobs())  # moto's queries take longer with each job
        self.upload = service.upload(b"a picture")
        service.system.signing_secrets.replace("local", None, "whsec_c2VjcmV0", 0)
        ended = (self.succeeded, self.large, self.failed, self.canceled)
        self.states: Iterator[Callable[[], str]] = itertools.cycle(
            [self.queued, *ended, self.asking, self.unknown]
        )
        self.sealed = ""
        service.does(task("album", asks={"publish": bool})(self.publishes))

    def queued(self) -> str:
        return self.service.submitted("echo", {"text": "x"})

    def succeeded(self) -> str:
        return self._done("busy")

    def large(self) -> str:
        return self._done("big")

    def failed(self) -> str:
        return self._done("hopeless")

    def canceled(self) -> str:
        job_id = self.queued()
        self.service.post(f"/jobs/{job_id}/cancel")
        return job_id

    def publishes(self, job: Job) -> Any:
        self.sealed = job.answer_url("publish", 3_600).rpartition("/")[2]
        return job.ask("publish", prompt="Publish?", timeout=3_600)

    def asking(self) -> str:
        return self._done("album")

    def unknown(self) -> str:
        return "0" * 32

    def _done(self, task: str) -> str:
        job_id = self.service.submitted(task)
        self.service.run(job_id)
        return job_id

    def sensible(self, case: Any) -> None:
        """What a right request has to hold to, and a schema cannot say."""
        if "job_id" in (case.path_parameters or {}):
            case.path_parameters["job_id"] = next(self.states)()
            if "name" in case.path_parameters and len(case.path_parameters["name"]) % 2:
                case.path_parameters["name"] = "half.txt"
        if "step" in (case.path_parameters or {}):
            case.path_parameters["step"], case.body = "publish", True
        if "sealed" in (case.path_parameters or {}):
            self.asking()
            case.path_parameters["sealed"], case.body = self.sealed, True
        body = case.body if isinstance(case.body, dict) else {}
        if "schedule" in (case.path_parameters or {}):
            self.service.request("PUT", "/schedules/nightly", body=NIGHTLY)
            case.path_parameters["schedule"] = "nightly"
            body.update(NIGHTLY)
        if "cursor" in (case.query or {}):  # comes from the last page, and from nowhere else
            del case.query["cursor"]
        headers = case.headers or {}
        if "If-Match" in headers:  # another tag is right to be 412
            headers["If-Match"] = "*"
        if headers.get("If-None-Match") == "0":  # schemathesis' stand-in for a text with quotes
            headers["If-None-Match"] = '"0"'
        if body.get("task") == "picture":
            body["params"]["source"] = self.upload
        if body.get("webhook"):
            body["webhook"]["url"] = "http://127.0.0.1:9/"
        if body.get("run_at"):
            run_at = datetime.fromisoformat(body["run_at"]).timestamp() * 1_000
            if run_at > self.service.clock.time + 30 * DAY:
                del body["run_at"]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with mock_aws(), pytest.MonkeyPatch.context() as monkeypatch:
        yield World(begin(monkeypatch))


def test_the_description_is_valid_openapi() -> None:
    schema.validate()


@schema.parametrize()
def test_every_answer_is_as_described(case: Any, world: World) -> None:
    # With another secret, as another stage has, an Idempotency-Key leads to another id: so here
    # none has been used before.
    world.service.replace(secrets=MemorySecrets(world.service.system.new_id().encode()))
    if case.meta.generation.mode.is_positive:
        world.sensible(case)
    case.call_and_validate(base_url=BASE_URL, session=session)
