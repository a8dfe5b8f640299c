"""The API as a client meets it: over TLS, with a token, and no redirect followed unasked."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import urllib3

from tests.e2e.waiting import until

ENDS = ("succeeded", "failed", "canceled")
END_SECONDS = 60


@dataclass(frozen=True)
class Answer:
    status: int
    headers: urllib3.HTTPHeaderDict
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        """Its slug. Raises AssertionError where this is no problem document that agrees with
        its status."""
        assert self.headers["Content-Type"] == "application/problem+json", self
        assert self.json["status"] == self.status, self
        kind: str = self.json["type"]
        assert kind.startswith("/problems/"), self
        return kind.removeprefix("/problems/")


class Client:
    def __init__(
        self, url: str, certificate: Path, token: str | None = None, host: str | None = None
    ) -> None:
        """`host`: the domain by which it calls, if that is not the URL's."""
        self.url = url
        self.token = token
        self.host = host
        self.certificate = certificate
        self._pool = urllib3.PoolManager(ca_certs=str(certificate), retries=False)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """`body` is sent as JSON, bytes as they are; `path` may be a whole URL of the API's.
        A header's underscores stand for hyphens."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token is not None:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        if self.host is not None:
            sent["Host"] = self.host
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        return self._send(method, path if "://" in path else self.url + path, data, sent)

    def follow(self, answer: Answer) -> Answer:
        """Where a 303 points to: S3, which must not see the token."""
        assert answer.status == 303, answer
        return self._send("GET", answer.headers["Location"], None, {})

    def put(self, ticket: dict[str, Any], data: bytes) -> Answer:
        return self._send(ticket["method"], ticket["url"], data, ticket["headers"])

    def _send(self, method: str, url: str, data: bytes | None, headers: dict[str, str]) -> Answer:
        answer = self._pool.request(
            method, url, body=data, headers=headers, redirect=False, timeout=30.0
        )
        return Answer(answer.status, answer.headers, answer.data)

    # ── what most tests do ──

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.status == 200, answer
        return answer.json

    def submit(self, task: str, params: Any, **headers: str) -> dict[str, Any]:
        answer = self.call("POST", "/jobs", {"task": task, "params": params}, **headers)
        assert answer.status in (200, 202), answer
        job: dict[str, Any] = answer.json
        return job

    def job(self, job: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/jobs/{job['id']}")
        return found

    def finished(self, job: dict[str, Any], seconds: float = END_SECONDS) -> dict[str, Any]:
        """Held by the API until the job is finished, again and again."""

        def look() -> dict[str, Any] | None:
            answer = self.call("GET", f"/jobs/{job['id']}", Prefer="wait=10")
            assert answer.status == 200, answer
            found: dict[str, Any] = answer.json
            return found if found["status"] in ENDS else None

        return until(look, seconds, lambda: self.job(job))

    def succeeded(self, job: dict[str, Any], seconds: float = END_SECONDS) -> dict[str, Any]:
        found = self.finished(job, seconds)
        assert found["status"] == "succeeded", found
        return found

    def upload(self, filename: str, content_type: str, data: bytes) -> str:
        """Returns the upload's id."""
        wanted = {"filename": filename, "content_type": content_type, "size": len(data)}
        answer = self.call("POST", "/uploads", wanted)
        assert answer.status == 201, answer
        assert self.put(answer.json["upload"], data).status == 200
        name: str = answer.json["id"]
        return name


def shown(answer: Answer, most: int = 300) -> Answer:
    """For messages: with its body cut short."""
    return replace(answer, body=answer.body[:most])
