"""Who may do what: on every route that there is, by every way to show who one is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from chalice.deploy.swagger import CFNSwaggerGenerator

import app as app_module
from chalicelib.http.auth import METADATA
from tests.api.doors import Door, load_app, opened
from tests.api.harness import Service, is_problem, pointers

DOORS = ("tokens", "tokens behind API Gateway", "jwt", "iam")
OPEN_TO_ALL = {
    *("/health", "/client.js", "/", "/docs", "/console/{version}/{name}", METADATA),
    "/answers/{sealed}",  # whose last part is a credential
}
NOBODYS = "f" * 32


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest, service: Service) -> Iterator[Door]:
    with opened(request.param, service) as door:
        yield door


def finished_job(door: Door, owner: str) -> str:
    """With a result, an artifact and log lines. Its owner has a schedule, too."""
    accepted = door.ask(owner, "POST", "/jobs", {"task": "busy", "params": {}})
    assert accepted.status_code == 202, accepted.body
    door.service.work()
    nightly = {"cron": "30 2 * * *", "task": "busy"}
    assert door.ask(owner, "PUT", "/schedules/nightly", nightly).status_code in (200, 201)
    return str(accepted.json_body["id"])


def filled(path: str, job_id: str) -> str:
    names = {"job_id": job_id, "name": "half.txt", "schedule": "nightly"}
    return re.sub(r"\{(\w+)\}", lambda match: names.get(match[1], job_id), path)


# ── nobody ──


@pytest.mark.parametrize("mode", ["tokens", "jwt", "iam"])
def test_every_route_asks_for_credentials_but_those_for_all(mode: str) -> None:
    issuer = {"JWT_ISSUER": "https://login.example.com", "JWT_AUDIENCE": "jobs"}
    app = load_app(AUTH=mode, STAGE="dev", **issuer).app
    asking = "sigv4" if mode == "iam" else "authorize"
    for path, methods in app.routes.items():
        for method, route in methods.items():
            asks = route.authorizer and route.authorizer.name
            assert asks == (None if path in OPEN_TO_ALL else asking), f"{method} {path}"


@pytest.mark.parametrize("mode", ["tokens", "jwt", "iam"])
def test_api_gateway_is_deployed_to_ask_on_the_same_routes(mode: str) -> None:
    issuer = {"JWT_ISSUER": "https://login.example.com", "JWT_AUDIENCE": "jobs"}
    app = load_app(AUTH=mode, STAGE="dev", **issuer).app
    routes: dict[str, Any] = CFNSwaggerGenerator().generate_swagger(app)
    [(name, asked)] = routes["securityDefinitions"].items()
    for path, methods in routes["paths"].items():
        for operation in methods.values():
            asks = operation.get("security")
            assert asks == (None if path in OPEN_TO_ALL else [{name: []}])
    if mode == "iam":
        assert asked["x-amazon-apigateway-authtype"] == "awsSigv4"
    else:
        authorizer = asked["x-amazon-apigateway-authorizer"]
        assert (asked["name"], authorizer["type"]) == ("Authorization", "token")
        assert authorizer["authorizerResultTtlInSeconds"] == 60
        assert "${Authorize.Arn}" in authorizer["authorizerUri"]["Fn::Sub"]


def test_the_local_stage_is_open_unless_it_sets_auth() -> None:
    routes = [route for methods in app_module.app.routes.values() for route in methods.values()]
    assert all(route.authorizer is None for route in routes)


def test_without_good_credentials_no_route_answers(door: Door) -> None:
    job_id = finished_job(door, "ada")
    before = door.service.items()
    status, slug = door.refusal
    for why, headers in door.refused():
        for method, path in door.routes:
            answer = door.request(headers, method, filled(path, job_id))
            shown = method != "HEAD"  # its answer has no body
            assert answer.status_code == status, (why, method, path)
            assert not shown or is_problem(answer, status, slug), (why, method, path)
            assert status != 401 or answer.headers["WWW-Authenticate"].startswith("Bearer")
    after = [item for item in door.service.items() if item["pk"]["S"] != "tokens"]
    assert after == [item for item in before if item["pk"]["S"] != "tokens"]
    assert door.service.messages() == []


def test_health_needs_no_credentials(door: Door) -> None:
    assert door.request({}, "GET", "/health").status_code == 200


# ── oneself ──


def test_with_good_credentials_every_route_answers(door: Door) -> None:
    for method, path in door.routes:
        job_id = finished_job(door, "ada")
        answer = door.ask("ada", method, filled(path, job_id))
        assert answer.status_code not in (401, 403, 404, 500), (method, path, answer.body)


def test_credentials_that_change_lead_to_the_same_owner(door: Door) -> None:
    """A second token, a token that the issuer renewed, a role's next session."""
    job_id = finished_job(door, "ada")
    if hasattr(door, "known"):
        del door.known["ada"]
    assert door.ask("ada", "GET", f"/jobs/{job_id}").status_code == 200


# ── somebody else ──


def test_anothers_job_is_as_if_it_were_not_there(door: Door) -> None:
    job_id = finished_job(door, "ada")
    before = door.service.record(job_id)
    routes = [(method, path) for method, path in door.routes if "{job_id}" in path]
    assert len(routes) >= 7
    for method, path in routes:
        body = {"approved": True} if "answers" in path else None
        anothers = door.ask("bob", method, filled(path, job_id), body)
        nobodys = door.ask("bob", method, filled(path, NOBODYS), body)
        assert anothers.status_code == 404, (method, path)
        assert method == "HEAD" or is_problem(anothers, 404, "not-found"), (method, path)
        assert anothers.body == nobodys.body
        assert anothers.headers == nobodys.headers
    assert door.service.record(job_id) == before


def test_anothers_schedule_is_as_if_it_were_not_there(door: Door) -> None:
    finished_job(door, "ada")
    [item] = [one for one in door.service.items() if one["pk"]["S"].startswith("schedule#")]
    for method in ("GET", "DELETE"):
        anothers = door.ask("bob", method, "/schedules/nightly")
        nobodys = door.ask("bob", method, "/schedules/nobodys")
        assert is_problem(anothers, 404, "not-found")
        assert anothers.body == nobodys.body
    assert door.ask("bob", "GET", "/schedules").json_body["schedules"] == []
    assert door.ask("bob", "PUT", "/schedules/nightly", {"cron": "0 0 * * *", "task": "busy"})
    assert door.ask("bob", "DELETE", "/schedules/nightly").status_code == 204
    assert item in door.service.items()


def test_a_list_shows_ones_own_jobs_only(door: Door) -> None:
    adas, bobs = finished_job(door, "ada"), finished_job(door, "bob")
    for owner, own in (("ada", [adas]), ("bob", [bobs]), ("eve", [])):
        listed = door.ask(owner, "GET", "/jobs").json_body["jobs"]
        assert [job["id"] for job in listed] == own


def test_anothers_idempotency_key_is_another(door: Door) -> None:
    def submitted(owner: str, text: str) -> tuple[str, bool]:
        body = {"task": "echo", "params": {"text": text}}
        answer = door.ask(owner, "POST", "/jobs", body, Idempotency_Key="k")
        assert answer.status_code == 202, answer.body
        return answer.json_body["id"], "Idempotency-Replayed" in answer.headers

    adas, _ = submitted("ada", "a")
    bobs, replayed = submitted("bob", "b")  # the same body would not be needed either
    assert (bobs != adas, replayed) == (True, False)
    assert submitted("ada", "a") == (adas, True)


def test_anothers_cursor_leads_nowhere(door: Door) -> None:
    for _ in range(2):
        finished_job(door, "ada")
        finished_job(door, "bob")
        door.service.clock.sleep(1)
    following = door.ask("ada", "GET", "/jobs?limit=1").json_body["next"].partition("?")[2]
    assert door.ask("ada", "GET", f"/jobs?{following}").status_code == 200
    assert is_problem(door.ask("bob", "GET", f"/jobs?{following}"), 400, "malformed-request")


def test_anothers_upload_cannot_be_named_in_params(door: Door) -> None:
    upload = door.ask("ada", "POST", "/uploads", {"size": 1}).json_body
    key = upload["upload"]["url"].partition("?")[0].partition("uploads/")[2]
    door.service.system.payloads.put(f"uploads/{key}", b"x", "application/octet-stream")
    body = {"task": "picture", "params": {"source": upload["id"]}}
    refused = door.ask("bob", "POST", "/jobs", body)
    assert is_problem(refused, 422, "invalid-request")
    assert pointers(refused) == ["/params/source"]
    assert door.ask("ada", "POST", "/jobs", body).status_code == 202


def test_nothing_that_a_client_sends_changes_its_owner(door: Door) -> None:
    job_id = finished_job(door, "ada")
    owner = door.service.record(job_id).owner
    claims = {"X-Owner": owner, "principalId": owner, "X-Amzn-Principal": owner}
    headers = {**door.credentials("bob"), **claims}
    assert door.request(headers, "GET", f"/jobs/{job_id}").status_code == 404
    body = {"task": "echo", "params": {}, "owner": owner}
    assert door.ask("bob", "POST", "/jobs", body).status_code == 422
