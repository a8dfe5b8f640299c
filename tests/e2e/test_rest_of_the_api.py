"""Lists, results, artifacts, events, cancel, retry, erase; and what the API says of itself."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from PIL import Image

from chalicelib import __version__
from tests.e2e.deployed import Deployed
from tests.e2e.http import Client
from tests.e2e.third_party import ThirdParty
from tests.e2e.waiting import IN_A_WEEK, until


@pytest.fixture(scope="module")
def large(ada: Client) -> dict[str, Any]:
    """A finished job whose params and result are too large for its record."""
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(file, "PNG")
    picture = ada.upload("teal.png", "image/png", file.getvalue())
    unreachable = [f"https://10.0.0.1/{'x' * 700}/{number}" for number in range(50)]
    params = {"images": [picture, *unreachable], "sizes": [16]}
    return ada.succeeded(ada.submit("thumbnails", params))


def test_large_params_and_results_are_kept_apart(ada: Client, large: dict[str, Any]) -> None:
    assert large["params"] is None
    assert large["result"] is None
    answer = ada.call("GET", large["links"]["result"])
    pictures = ada.follow(answer).json
    assert answer.headers["Location"].startswith("https://")
    assert len(pictures) == 51
    assert pictures[0]["thumbnails"] == [{"artifact": "1-16.png", "width": 16, "height": 12}]
    assert all(picture["error"] for picture in pictures[1:])


def test_an_artifact_is_fetched_from_where_the_api_points_to(
    ada: Client, bob: Client, large: dict[str, Any]
) -> None:
    (artifact,) = large["artifacts"]
    path = f"/jobs/{large['id']}/artifacts/{artifact['name']}"
    fetched = ada.follow(ada.call("GET", path))
    assert fetched.headers["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(fetched.body)).size == (16, 12)
    assert ada.call("GET", f"/jobs/{large['id']}/artifacts/none").problem == "not-found"
    assert bob.call("GET", path).problem == "not-found"


def test_a_list_is_the_owners_alone_newest_first_page_by_page(
    stage: Deployed, third_party: ThirdParty
) -> None:
    carol = stage.owner("carol")
    jobs = [carol.submit("fetch", {"url": f"{third_party.url}/now"}) for _ in range(3)]
    seen, pages, path = [], 0, "/jobs?limit=2"
    while path:
        page = carol.call("GET", path)
        seen += [job["id"] for job in page.json["jobs"]]
        path, pages = page.json["next"], pages + 1
        assert page.headers.get("Link") == (f'<{path}>; rel="next"' if path else None)
    assert seen == [job["id"] for job in reversed(jobs)]
    assert pages == 2
    for job in jobs:
        carol.succeeded(job)
    assert len(carol.get("/jobs?status=succeeded&task=fetch")["jobs"]) == 3
    assert carol.get("/jobs?status=failed")["jobs"] == []
    assert carol.call("GET", "/jobs?cursor=damaged").status == 400


def test_no_call_reaches_another_owners_job(
    ada: Client, bob: Client, large: dict[str, Any]
) -> None:
    path = f"/jobs/{large['id']}"
    assert ada.call("GET", path).status == 200
    calls = [
        ("GET", path),
        ("GET", f"{path}/result"),
        ("GET", f"{path}/events"),
        ("POST", f"{path}/cancel"),
        ("POST", f"{path}/retry"),
        ("DELETE", path),
    ]
    for method, called in calls:
        assert bob.call(method, called).problem == "not-found", called
    assert large["id"] not in [job["id"] for job in bob.get("/jobs?limit=100")["jobs"]]


def test_a_jobs_history_can_be_read_page_by_page(ada: Client, large: dict[str, Any]) -> None:
    events, path = [], f"/jobs/{large['id']}/events?limit=1"
    while path:
        page = ada.get(path)
        events += page["events"]
        path = page["next"]
    whole = ada.get(f"/jobs/{large['id']}/events")["events"]
    assert events == whole
    assert len(events) >= 3
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)


def test_a_running_job_is_told_to_stop_and_can_be_run_again(
    ada: Client, third_party: ThirdParty
) -> None:
    job = ada.submit("fetch", {"url": f"{third_party.url}/held/stop"})
    path = f"/jobs/{job['id']}"
    early = ada.call("GET", f"{path}/result")
    assert (early.status, early.problem) == (409, "job-not-finished")
    assert int(early.headers["Retry-After"]) >= 1
    assert ada.call("DELETE", path).problem == "job-not-finished"
    until(lambda: ada.job(job)["status"] == "running", 30)
    told = ada.call("POST", f"{path}/cancel")
    assert (told.status, told.json["cancel_requested"]) == (202, True)
    canceled = ada.finished(job)
    assert canceled["status"] == "canceled"
    assert ada.call("GET", f"{path}/result").problem == "job-not-succeeded"
    assert ada.call("POST", f"{path}/cancel").status == 200

    third_party.release("stop")
    stale = ada.call("POST", f"{path}/retry", If_Match='"stale"')
    assert (stale.status, stale.problem) == (412, "job-changed")
    tag = ada.call("GET", path).headers["ETag"]
    again = ada.call("POST", f"{path}/retry", If_Match=tag)
    assert (again.status, again.json["attempt"]) == (202, 0)
    ada.succeeded(job)
    assert ada.call("POST", f"{path}/retry").status == 409
    assert ada.call("POST", f"{path}/cancel").problem == "job-finished"


def test_a_queued_job_is_canceled_at_once(ada: Client, third_party: ThirdParty) -> None:
    body = {"task": "fetch", "params": {"url": f"{third_party.url}/now"}}
    job = ada.call("POST", "/jobs", {**body, "run_at": IN_A_WEEK}).json
    canceled = ada.call("POST", f"/jobs/{job['id']}/cancel")
    assert (canceled.status, canceled.json["status"]) == (200, "canceled")


def test_an_erased_job_is_gone_with_all_its_payloads(stage: Deployed, ada: Client) -> None:
    unreachable = [f"https://10.0.0.1/{'y' * 700}/{number}" for number in range(20)]
    job = ada.submit("thumbnails", {"images": unreachable, "sizes": [16]})
    assert ada.finished(job)["status"] == "failed"
    prefix = f"jobs/{job['id']}/"
    assert stage.objects(prefix)
    assert ada.call("DELETE", f"/jobs/{job['id']}").status == 204
    assert ada.call("GET", f"/jobs/{job['id']}").problem == "not-found"
    assert stage.objects(prefix) == []
    assert stage.items(job["id"]) == []


def test_an_upload_is_what_was_announced_and_cannot_be_rewritten(ada: Client, bob: Client) -> None:
    wanted = {"filename": "a.csv", "content_type": "text/csv", "size": 5}
    ticket = ada.call("POST", "/uploads", wanted).json
    assert ada.put(ticket["upload"], b"a,b\n1").status == 200
    assert ada.put(ticket["upload"], b"c,d\n2").status == 412
    params = {"images": [ticket["id"]], "sizes": [16]}
    stolen = bob.call("POST", "/jobs", {"task": "thumbnails", "params": params})
    assert (stolen.status, stolen.problem) == (422, "invalid-request")
    never_put = ada.call("POST", "/uploads", wanted).json["id"]
    params = {"images": [never_put], "sizes": [16]}
    missing = ada.call("POST", "/jobs", {"task": "thumbnails", "params": params})
    assert (missing.status, missing.problem) == (422, "invalid-request")


def test_the_api_describes_itself(ada: Client, nobody: Client) -> None:
    assert nobody.get("/health") == {"status": "ok", "version": __version__}
    tasks = {task["name"]: task for task in ada.get("/tasks")["tasks"]}
    assert {"fetch", "report", "thumbnails"} <= tasks.keys()
    assert not any(name.startswith("overtime.") for name in tasks)
    description = ada.get("/openapi.json")
    assert description["openapi"].startswith("3.1")
    assert {"/jobs", "/jobs/{job_id}", "/uploads"} <= description["paths"].keys()


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/jobs"), ("POST", "/jobs"), ("GET", "/tasks"), ("POST", "/uploads")],
)
def test_a_call_without_a_token_is_refused(nobody: Client, method: str, path: str) -> None:
    for credentials in ({}, {"Authorization": "Bearer nobody"}, {"Authorization": "Basic YTpi"}):
        answer = nobody.call(method, path, **credentials)
        assert (answer.status, answer.problem) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_revoked_token_is_refused_by_the_authorizer_which_no_other_text_reaches(
    stage: Deployed, nobody: Client
) -> None:
    dave = stage.owner("dave")
    assert dave.token is not None
    stage.command("ops.tokens", "revoke", stage.stage.name, dave.token)
    for credentials, asked in ((f"Bearer {dave.token}x", 0), (f"Bearer {dave.token}", 1)):
        before = len(stage.log("authorize", "no such token"))
        answer = nobody.call("GET", "/jobs", Authorization=credentials)
        assert (answer.status, answer.problem) == (401, "unauthorized")
        assert len(stage.log("authorize", "no such token")) - before == asked


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing/here"), ("PUT", "/jobs")])
def test_what_there_is_not_is_a_problem_too(ada: Client, method: str, path: str) -> None:
    answer = ada.call(method, path)
    assert (answer.status, answer.problem) == (404, "not-found")


def test_the_pages_are_served_below_the_stages_path_to_anybody(
    stage: Deployed, ada: Client
) -> None:
    anybody = Client(ada.url, ada.certificate)
    for path in ("/", "/docs"):
        page = anybody.call("GET", path)
        html = page.body.decode()
        assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert 'data-auth="tokens"' in html
        policy = page.headers["Content-Security-Policy"]
        put = ada.call("POST", "/uploads", {"size": 1}).json["upload"]["url"]
        socket = ada.call("POST", "/tickets", {}).json["url"]
        assert f"https://{put.split('/')[2]}" in policy
        assert "/".join(socket.split("/")[:3]) in policy
        assert "unsafe" not in policy
        [script] = re.findall(r'<script type="module" src="(console/[^"]+)">', html)
        module = anybody.call("GET", f"/{script}")
        assert (module.status, module.headers["Content-Type"]) == (200, "text/javascript")
        assert "immutable" in module.headers["Cache-Control"]
