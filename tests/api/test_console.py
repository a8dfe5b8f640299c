"""GET / and GET /docs, as browsers and caches take them."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from chalicelib.http.console import FOLDER, VIEWS
from tests.api.doors import load_app
from tests.api.harness import Service, is_problem

LINKED = re.compile(r'(?:href|src)="(console/[^"]+)"')
PAGES = pytest.mark.parametrize("path", ["/", "/docs"])


@PAGES
def test_a_page_may_run_no_script_but_the_services_own(service: Service, path: str) -> None:
    answer = service.get(path)
    html = answer.body.decode()
    policy = dict(
        rule.strip().split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split(";")
    )
    [style] = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy["style-src"] == f"'sha256-{digest}'"
    assert (policy["default-src"], policy["script-src"]) == ("'none'", "'self'")
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert re.findall(r"<script[^>]*>(.*?)</script>", html, re.DOTALL) == [""]
    assert not re.search(r"\son\w+=|style=", html)


@PAGES
def test_a_page_may_connect_to_the_bucket_and_the_websocket_alone(
    service: Service, path: str
) -> None:
    policy = service.get(path).headers["Content-Security-Policy"]
    [reached] = re.findall("connect-src ([^;]*)", policy)
    put = service.post("/uploads", {"size": 1}).json_body["upload"]["url"]
    socket = service.post("/tickets", {}).json_body["url"]
    assert reached.split()[0] == "'self'"
    assert {put.split("/")[2], socket.split("/")[2]} == {
        one.split("/")[2] for one in reached.split()[1:]
    }


@PAGES
def test_a_page_sends_nothing_to_other_sites_and_is_checked_each_time(
    service: Service, path: str
) -> None:
    answer = service.get(path)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-cache"
    again = service.get(path, If_None_Match=answer.headers["ETag"])
    assert (again.status_code, again.body) == (304, b"")


def links_of(service: Service, path: str) -> list[str]:
    return LINKED.findall(service.get(path).body.decode())


@pytest.mark.parametrize(("path", "other"), [("/", "docs.js"), ("/docs", "job.js")])
def test_a_page_loads_no_module_of_the_other_page(service: Service, path: str, other: str) -> None:
    names = {link.rpartition("/")[2] for link in links_of(service, path)}
    assert {"app.js", "overtime.js", "form.js", "preact.js"} < names
    assert other not in names


def test_modules_are_kept_for_a_year_under_a_name_that_changes_with_them(service: Service) -> None:
    linked = {one for path in ("/", "/docs") for one in links_of(service, path)}
    assert {link.rpartition("/")[2] for link in linked} == {
        "overtime.js",
        *(path.name for path in FOLDER.glob("*.js")),
    }
    for link in linked:
        answer = service.get(f"/{link}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/javascript")
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_module_of_another_deployment_is_not_kept(service: Service) -> None:
    answer = service.get(f"/console/{'0' * 16}/app.js")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")


@pytest.mark.parametrize("name", ["none.js", "page.html", "..%2Fhttp%2Fconsole.py"])
def test_nothing_but_modules_is_served(service: Service, name: str) -> None:
    version = LINKED.findall(service.get("/").body.decode())[0].split("/")[1]
    assert is_problem(service.get(f"/console/{version}/{name}"), 404, "not-found")


def test_links_of_a_page_are_relative_as_a_stage_has_a_path(service: Service) -> None:
    html = service.get("/").body.decode()
    assert not re.search(r"""(href|src)=["']?(/|https?:)""", html)
    for path in FOLDER.glob("*.js"):
        imports = re.findall(r'from "([^"]+)"', path.read_text())
        assert all(one.startswith("./") for one in imports), path.name


@pytest.mark.parametrize("mode", ["tokens", "iam"])
def test_a_page_knows_how_its_stage_asks_for_credentials(mode: str) -> None:
    loaded = load_app(AUTH=mode, STAGE="dev")
    assert f'data-auth="{mode}"' in loaded.console.read_files().pages[VIEWS].substitute(auth=mode)
