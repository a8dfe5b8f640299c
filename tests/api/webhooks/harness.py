"""Jobs with webhooks, and the jobs that deliver them."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.domain.job import JobRecord
from chalicelib.domain.webhooks import webhook_job_ids
from tests.api.harness import Answer, Service

SECRET = "whsec_c2VjcmV0IGZvciB0ZXN0cw=="
URL = "http://127.0.0.1:9/hook"


def submit(service: Service, name: str = "echo", **changes: Any) -> Answer:
    webhook = changes.pop("webhook", {"url": URL})
    given = {"Idempotency_Key", "Cancel_After"} & changes.keys()
    headers = {header: changes.pop(header) for header in given}
    body = {"task": name, "params": {}, "webhook": webhook, **changes}
    return service.post("/jobs", body, **headers)


def submitted(service: Service, name: str = "echo", **changes: Any) -> str:
    answer = submit(service, name, **changes)
    assert answer.status_code == 202, answer.body
    return str(answer.json_body["id"])


def deliveries(service: Service, job_id: str) -> list[JobRecord]:
    return service.system.jobs.read_many(webhook_job_ids(service.record(job_id)))


def body_of(delivery: JobRecord) -> dict[str, Any]:
    params = json.loads(delivery.params.text or "")
    return dict(json.loads(params["body"]))


def succeeds(service: Service, name: str = "echo") -> str:
    job_id = submitted(service, name)
    service.work()
    return job_id


def is_canceled_while_queued(service: Service) -> str:
    job_id = submitted(service)
    service.post(f"/jobs/{job_id}/cancel")
    return job_id
