"""What the API does, and the authorizer before it."""

from __future__ import annotations

from tests.e2e.lab import (
    LARGE,
    Act,
    Lab,
    Work,
    expect,
)


def reading(lab: Lab) -> Act:
    job = lab.submit()
    return lambda: expect(lab.client.job(job)["id"], job["id"])


def listing(lab: Lab) -> Act:
    job = lab.submit()
    return lambda: expect(lab.client.get("/jobs?limit=1")["jobs"][0]["id"], job["id"])


def telling_history(lab: Lab) -> Act:
    job = lab.submit()
    return lambda: expect(len(lab.client.get(f"/jobs/{job['id']}/events")["events"]), 1)


def submitting(lab: Lab) -> Act:
    return lambda: expect(lab.submit()["status"], "queued")


def submitting_large(lab: Lab) -> Act:
    return lambda: expect(lab.submit(filler=LARGE)["status"], "queued")


def canceling(lab: Lab) -> Act:
    job = lab.submit()
    return lambda: expect(lab.client.call("POST", f"/jobs/{job['id']}/cancel").status, 200)


def erasing(lab: Lab) -> Act:
    """Of a job with a log line beside it and params apart."""
    job = lab.ran("log", filler=LARGE)

    def act() -> None:
        expect(lab.client.call("DELETE", f"/jobs/{job['id']}").status, 204)
        expect(lab.remains(job), [])

    return act


def fetching(lab: Lab) -> Act:
    """What the API signs, S3 grants or not by the API's permissions."""
    path = f"/jobs/{lab.ran('attach')['id']}/artifacts/file.txt"
    return lambda: expect(lab.client.follow(lab.client.call("GET", path)).body, b"a text")


def uploading(lab: Lab) -> Act:
    return lambda: expect(bool(lab.upload()), True)


def taking_uploads(lab: Lab) -> Act:
    source = lab.upload()
    return lambda: expect(lab.submit("read", source=source)["status"], "queued")


def canceling_told(lab: Lab) -> Act:
    job = lab.submit_told()
    before = lab.stage.depth("webhooks")

    def act() -> None:
        expect(lab.client.call("POST", f"/jobs/{job['id']}/cancel").status, 200)
        expect(lab.stage.depth("webhooks"), before + 1)

    return act


def sending(lane: str) -> Work:
    def prepare(lab: Lab) -> Act:
        before = lab.stage.depth(lane)

        def act() -> None:
            lab.submit(lane=lane)
            expect(lab.stage.depth(lane), before + 1)

        return act

    return prepare


def letting_in(lab: Lab) -> Act:
    somebody = lab.stage.owner("somebody")  # with a token that nobody has asked about before
    return lambda: expect(somebody.call("GET", "/jobs").status, 200)
