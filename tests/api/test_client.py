"""GET /client.js: the JavaScript client, as pages and caches take it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from chalicelib.http.console import CLIENT
from tests.api.harness import Service, is_problem
from tests.aws import ROOT


def test_the_module_is_served_as_a_script_that_caches_may_keep(service: Service) -> None:
    answer = service.get("/client.js")
    assert (answer.status_code, answer.body) == (200, CLIENT.read_bytes())
    assert answer.headers["Content-Type"] == "text/javascript"
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_cache_that_has_the_module_gets_no_second_copy(service: Service) -> None:
    tag = service.get("/client.js").headers["ETag"]
    again = service.get("/client.js", If_None_Match=tag)
    assert (again.status_code, again.body, again.headers["ETag"]) == (304, b"", tag)
    assert service.get("/client.js", If_None_Match='"older"').status_code == 200
    assert is_problem(service.get("/client.js", If_None_Match="bare"), 400, "malformed-request")


@pytest.mark.parametrize(
    ("code", "reads"), [("import app", "0"), ("import app; app.console.read_files()", "1")]
)
def test_a_cold_start_does_not_read_the_module(code: str, reads: str) -> None:
    code += "; print(app.console.read_files.cache_info().currsize)"
    done = subprocess.run(
        [sys.executable, "-c", f"import tests.api.harness; {code}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == reads
