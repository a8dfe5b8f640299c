"""What the service says of itself: its tasks, its description, its health."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from chalice import Chalice

import app as app_module
from chalicelib import __version__
from chalicelib.http import openapi
from chalicelib.http.openapi import describe
from chalicelib.http.operations import operation_of
from chalicelib.tasks import Job, task
from tests.api import gateway
from tests.api.description import description as described
from tests.api.doors import load_app
from tests.api.harness import BASE, Service
from tests.api.namesakes import namesakes
from tests.api.test_who_may import OPEN_TO_ALL


class Opaque:
    """What msgspec cannot describe."""


def tasks(service: Service) -> dict[str, Any]:
    answer = service.get("/tasks")
    assert answer.status_code == 200
    return {one["name"]: one for one in answer.json_body["tasks"]}


def description(service: Service) -> dict[str, Any]:
    answer = service.get("/openapi.json")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    return dict(answer.json_body)


def operations(service: Service) -> dict[tuple[str, str], Any]:
    paths = description(service)["paths"]
    return {
        (method.upper(), path): operation
        for path, methods in paths.items()
        for method, operation in methods.items()
    }


# ── GET /tasks ──


def test_a_task_is_told_with_all_that_one_needs_to_submit_it(service: Service) -> None:
    echo = tasks(service)["echo"]
    told = {"name", "description", "params", "result", "max_attempts", "timeout", "asks"}
    assert set(echo) == told
    assert echo["description"] == "Give back what came.\n\nWith a second paragraph."
    assert (echo["max_attempts"], echo["timeout"]) == (5, 3_600)


def test_tasks_of_our_own_are_not_listed(service: Service) -> None:
    assert set(tasks(service)) == {name for name in service.tasks if "overtime." not in name}


@pytest.mark.parametrize(
    ("name", "params", "fits"),
    [
        ("echo", {}, True),
        ("echo", {"text": "a", "number": 1, "files": ["b"]}, True),
        ("echo", {"text": 1}, False),
        ("echo", {"txet": "a"}, False),
        ("order", {"lines": [{"article": "a"}], "notes": {"any": {"article": "b"}}}, True),
        ("order", {"lines": [{"article": "a", "piece": 1}]}, False),
        ("order", {}, False),
        ("letter", {"to": {"town": "Oslo"}, "pages": 99}, True),
        ("letter", {"to": {"town": "Oslo"}, "pages": 100}, False),
        ("letter", {"to": {"town": "Oslo", "twon": ""}}, False),
        ("picture", {"source": "upload:0"}, False),
        ("big", {}, True),
        ("big", {"anything": 1}, False),
    ],
)
def test_the_schema_of_params_takes_what_a_submit_takes(
    service: Service, name: str, params: Any, fits: bool
) -> None:
    schema = tasks(service)[name]["params"]
    jsonschema_rs.meta.validate(schema)
    assert jsonschema_rs.is_valid(schema, params) is fits
    assert (service.submit(name, params).status_code == 202) is fits


def test_the_schema_of_results_is_that_of_what_the_task_returns(service: Service) -> None:
    schema = tasks(service)["letter"]["result"]
    jsonschema_rs.meta.validate(schema)
    assert jsonschema_rs.is_valid(schema, {"to": {"town": "Oslo"}, "pages": 1})
    assert not jsonschema_rs.is_valid(schema, {"to": {}, "pages": 1})


def test_a_result_that_has_no_schema_is_described_as_anything(service: Service) -> None:
    @task("opaque")
    def opaque(job: Job) -> Opaque:
        return Opaque()

    service.does(opaque)
    assert tasks(service)["opaque"]["result"] == {}
    assert service.get("/openapi.json").status_code == 200


# ── GET /openapi.json ──


def test_every_route_is_described_and_no_other(service: Service) -> None:
    routes = {
        (method, path)
        for path, found in app_module.app.routes.items()
        for method, route in found.items()
        if operation_of(route.view_function).described
    }
    assert set(operations(service)) == {one for one in routes if one[0] != "HEAD"}


def test_a_route_without_its_operation_is_not_described_silently() -> None:
    app = Chalice(app_name="other")

    @app.route("/other")
    def other() -> dict[str, str]:
        return {}

    with pytest.raises(LookupError, match="other has no operation"):
        describe(app, [], __version__, "https://jobs.example.com")


def test_every_operation_has_words_and_a_name_of_its_own(service: Service) -> None:
    found = operations(service)
    assert all(operation["summary"].endswith(".") for operation in found.values())
    assert len({operation["operationId"] for operation in found.values()}) == len(found)
    submit = found["POST", "/jobs"]
    assert submit["summary"] == "Submit a job."
    assert submit["description"].startswith("After the 202 the job is stored")


def test_every_part_of_the_description_that_is_named_is_there(service: Service) -> None:
    document = description(service)
    text = json.dumps(document)
    schemas = document["components"]["schemas"]
    for reference in text.split('"$ref": "')[1:]:
        name = reference.partition('"')[0].removeprefix("#/components/schemas/")
        assert name in schemas
    for schema in schemas.values():
        jsonschema_rs.meta.validate({**schema, "components": {"schemas": schemas}})


def test_a_submit_is_described_for_each_task_by_itself(service: Service) -> None:
    document = description(service)
    body = document["paths"]["/jobs"]["post"]["requestBody"]["content"]["application/json"]
    schemas = document["components"]["schemas"]
    chosen_by_task = body["schema"]["discriminator"]["mapping"]
    assert [{"$ref": one} for one in chosen_by_task.values()] == body["schema"]["oneOf"]
    assert set(chosen_by_task) == set(tasks(service))
    for name, reference in chosen_by_task.items():
        kind = schemas[reference.rpartition("/")[2]]
        assert kind["properties"]["task"] == {"const": name}
        assert kind["additionalProperties"] is False
        assert ("params" in kind["required"]) is service.tasks[name].takes_params


def test_schemas_have_titles_of_their_own_though_tasks_share_the_names_of_classes(
    service: Service,
) -> None:
    service.tasks.update(namesakes())
    document = description(service)
    schemas = document["components"]["schemas"]
    assert all(schema["title"] == name for name, schema in schemas.items())
    assert len({name.lower() for name in schemas}) == len(schemas)
    assert {"TwoDSquareView", "TwoDSquare2View", "JobView", "Job2View"} <= schemas.keys()
    assert schemas["JobView"]["properties"].keys() >= {"id", "status", "links"}
    body = {"task": "two-d-square", "params": {"edge": 1.5}}
    submit = document["paths"]["/jobs"]["post"]["requestBody"]["content"]["application/json"]
    whole = {**submit["schema"], "components": document["components"]}
    assert jsonschema_rs.is_valid(whole, body)


def test_every_pattern_is_one_that_re2_reads(service: Service) -> None:
    service.tasks.update(namesakes())
    for text in (service.get("/openapi.json").body, service.get("/tasks").body):
        assert b"(?" in text  # in words only
        patterns = re.findall(rb'"pattern":"((?:[^"\\]|\\.)*)"', text)
        assert patterns
        assert not [one for one in patterns if b"(?" in one]
    shown = tasks(service)["labels"]["params"]["$defs"]["Labels"]["properties"]
    assert shown["plain"]["pattern"] == "^[a-z]+$"
    assert shown["ahead"]["description"] == (
        "A label. It must match the Python regular expression ^(?!-)[a-z-]+$"
    )
    upload = tasks(service)["picture"]["params"]["$defs"]["Picture"]["properties"]["source"]
    assert upload["pattern"] == "^upload:[0-9a-f]{32}$"


def test_every_example_is_valid(service: Service) -> None:
    document = description(service)
    found = 0
    for schema in _schemas_with_examples(document):
        for example in schema["examples"]:
            found += 1
            whole = {**schema, "components": document["components"]}
            assert jsonschema_rs.is_valid(whole, example), (schema, example)
    assert found > 20


def _schemas_with_examples(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if isinstance(node.get("examples"), list):
            yield node
        for one in node.values():
            yield from _schemas_with_examples(one)
    elif isinstance(node, list):
        for one in node:
            yield from _schemas_with_examples(one)


def test_the_server_is_the_one_that_was_asked(service: Service) -> None:
    assert description(service)["servers"] == [{"url": BASE}]
    service.set(public_url=None)
    answer = service.through_api_gateway("GET", "/openapi.json")
    assert answer.json_body["servers"] == [{"url": f"https://{gateway.DOMAIN}/prod"}]


def test_the_description_is_built_once(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    first = service.get("/openapi.json").body
    monkeypatch.setattr(openapi, "describe", None)
    assert service.get("/openapi.json").body == first


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        ({"task": "echo", "params": {"text": "a"}}, True),
        ({"task": "echo", "params": {}, "run_at": "2027-01-15T09:00:00Z"}, True),
        ({"task": "echo", "params": {"lines": []}}, False),
        ({"task": "order", "params": {"lines": [{"article": "a", "piece": 1}]}}, False),
        ({"task": "letter", "params": {"to": {"town": "Oslo"}, "form": ""}}, False),
        ({"task": "nothing", "params": {}}, False),
        ({"task": "echo", "params": {}, "other": 1}, False),
    ],
)
def test_the_schema_of_a_submit_takes_what_a_submit_takes(
    service: Service, body: Any, fits: bool
) -> None:
    document = description(service)
    described = document["paths"]["/jobs"]["post"]["requestBody"]["content"]["application/json"]
    schema = {**described["schema"], "components": document["components"]}
    assert jsonschema_rs.is_valid(schema, body) is fits
    assert (service.post("/jobs", body).status_code == 202) is fits


def test_without_any_task_a_submit_is_described_in_general(service: Service) -> None:
    service.tasks.clear()
    body = operations(service)["POST", "/jobs"]["requestBody"]
    schema = body["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/SubmitBody"}


def test_every_operation_names_the_problems_that_it_answers_with(service: Service) -> None:
    for operation in operations(service).values():
        for status, response in operation["responses"].items():
            is_error = int(status) >= 400
            assert ("application/problem+json" in response.get("content", {})) is is_error
        assert "500" in operation["responses"]


@pytest.mark.parametrize(
    ("mode", "scheme", "refusals"),
    [
        ("tokens", {"authorize": {"type": "http", "scheme": "bearer"}}, {"401", "403", "503"}),
        ("jwt", {"authorize": {"type": "http", "scheme": "bearer"}}, {"401", "403", "503"}),
        ("iam", {"sigv4": {"type": "apiKey", "in": "header", "name": "Authorization"}}, {"403"}),
        ("open", {}, set()),
    ],
)
def test_every_operation_tells_what_credentials_it_takes(
    mode: str, scheme: dict[str, Any], refusals: set[str]
) -> None:
    issuer = {"JWT_ISSUER": "https://login.example.com", "JWT_AUDIENCE": "jobs"}
    stage = "local" if mode == "open" else "dev"
    document = described(load_app(AUTH=mode, STAGE=stage, **issuer).app)
    schemathesis.openapi.from_dict(document).validate()
    told = document["components"]["securitySchemes"]
    assert told.keys() == scheme.keys()
    assert all(told[name].items() >= scheme[name].items() for name in scheme)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            is_public = path in OPEN_TO_ALL
            assert operation["security"] == ([] if is_public else [{name: []} for name in scheme])
            assert refusals <= operation["responses"].keys() or is_public
            assert is_public is False or "401" not in operation["responses"]


def test_the_version_is_the_packages(service: Service) -> None:
    assert description(service)["info"]["version"] == __version__
    assert service.get("/health").json_body == {"status": "ok", "version": __version__}
