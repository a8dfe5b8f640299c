"""What browsers load: the console's pages with their modules, and the JavaScript client.

None of it holds data or needs credentials. The files are read when the first is asked for, so that
no cold start of the API pays for them. The console's modules lie below a hash of all its files: a
browser keeps them for a year, and a new deployment names new ones.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit

import msgspec
from chalice.app import Blueprint, Response

from chalicelib.domain.errors import NotFound
from chalicelib.http.operations import Answer, Operation
from chalicelib.http.preferences import matches
from chalicelib.http.routes import Routes
from chalicelib.settings import Auth

FOLDER = Path(__file__).parents[1] / "console"
CLIENT = Path(__file__).with_name("static") / "overtime.js"
VIEWS, DOCS = "views.js", "docs.js"  # what app.js imports for one of the pages alone
IMPORT = re.compile(r'from "\./([\w.]+)"')
SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
HOUR = {"Cache-Control": "public, max-age=3600"}
YEAR = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}


HTML, JAVASCRIPT = "text/html; charset=utf-8", "text/javascript"
SAFE_HEADERS = ("Cache-Control", "X-Content-Type-Options", "Referrer-Policy")
SCRIPT_HEADERS = ("ETag", *SAFE_HEADERS)
HTML_HEADERS = ("Content-Security-Policy", *SCRIPT_HEADERS)
PAGE: Mapping[int, Answer] = {
    200: Answer("The page.", str, HTML_HEADERS, HTML),
    304: Answer("The page still has the ETag in If-None-Match.", None, HTML_HEADERS),
}
GET_CONSOLE = Operation("GET", "/", PAGE, (400, 503), ("If-None-Match",))
GET_DOCS = Operation("GET", "/docs", PAGE, (400, 503), ("If-None-Match",))
GET_MODULE = Operation(
    "GET",
    "/console/{version}/{name}",
    answers={200: Answer("An ES module.", str, SAFE_HEADERS, JAVASCRIPT)},
    problems=(404,),
)
GET_CLIENT = Operation(
    "GET",
    "/client.js",
    answers={
        200: Answer("An ES module.", str, SCRIPT_HEADERS, JAVASCRIPT),
        304: Answer("The module still has the ETag in If-None-Match.", None, SCRIPT_HEADERS),
    },
    problems=(400,),
    headers=("If-None-Match",),
)


class Files(msgspec.Struct, frozen=True):
    pages: Mapping[str, Template]
    """By the module that a page has alone, VIEWS or DOCS. They still have to learn how the stage
    asks for credentials."""
    policy: str
    """The Content-Security-Policy, but for what the page may connect to."""
    version: str
    modules: Mapping[str, str]


@functools.cache
def read_files() -> Files:
    modules = {path.name: path.read_text("utf-8") for path in [*FOLDER.glob("*.js"), CLIENT]}
    page, style = ((FOLDER / name).read_text("utf-8") for name in ("page.html", "style.css"))
    version = _digest(
        "\0".join([page, style, *(f"{one}\0{modules[one]}" for one in sorted(modules))])
    )
    folder = f"console/{version}"  # relative: the API may lie below a stage's path

    def page_of(entry: str) -> Template:
        needed = sorted(_imported(modules, "app.js") | _imported(modules, entry))
        links = [f'<link rel="modulepreload" href="{folder}/{name}">' for name in needed]
        known = {"style": style, "folder": folder, "preload": "\n".join(links)}
        return Template(Template(page).safe_substitute(known))

    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'sha256-{allowed}'; img-src data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    pages = {entry: page_of(entry) for entry in (VIEWS, DOCS)}
    return Files(pages, policy, version, modules)


def _imported(modules: Mapping[str, str], name: str) -> set[str]:
    """The module, and all that it cannot run without."""
    found, unread = set[str](), {name}
    while unread:
        found |= unread
        unread = {one for known in unread for one in IMPORT.findall(modules[known])} - found
    return found


def surface(routes: Routes, auth: Auth, connects: Callable[[], Iterable[str]]) -> Blueprint:
    """`connects` gives URLs at the origins that a page talks to beside the API's own."""
    blueprint = Blueprint(__name__)
    route = routes.on(blueprint)

    def unless_known(body: str, headers: Mapping[str, str]) -> Response:
        """304 for a browser that has this already (RFC 9110, 13.1.2)."""
        tag = f'"{_digest(str(headers) + body)}"'
        request: Any = blueprint.current_request
        known = request.headers.get("if-none-match")
        has_it = known is not None and matches(known, tag)
        return Response(
            "" if has_it else body,
            headers={**SAFE, "ETag": tag, **headers},
            status_code=304 if has_it else 200,
        )

    def page(entry: str) -> Response:
        files = read_files()
        reached = " ".join(["'self'", *map(_origin, connects())])
        headers = {
            "Content-Type": HTML,
            "Content-Security-Policy": f"{files.policy}; connect-src {reached}",
            "Cache-Control": "no-cache",
        }
        return unless_known(files.pages[entry].substitute(auth=auth), headers)

    @route(GET_CONSOLE)
    def get_console() -> Response:
        """Show the console, a page for people."""
        return page(VIEWS)

    @route(GET_DOCS)
    def get_docs() -> Response:
        """Show this description as a page, on which requests can be tried."""
        return page(DOCS)

    @route(GET_MODULE)
    def get_module(version: str, name: str) -> Response:
        """Fetch a module of the console."""
        files = read_files()
        if name not in files.modules:
            raise NotFound(f"The console has no module {name!r}.")
        # While a deployment replaces another, a page of one may ask the other.
        cached = YEAR if version == files.version else {"Cache-Control": "no-store"}
        return Response(
            files.modules[name],
            headers={**SAFE, "Content-Type": JAVASCRIPT, **cached},
            status_code=200,
        )

    @route(GET_CLIENT)
    def get_client() -> Response:
        """Fetch the JavaScript client.

        Import `Client` from it in a page, or install overtime-client.
        """
        return unless_known(read_files().modules[CLIENT.name], {"Content-Type": JAVASCRIPT, **HOUR})

    return blueprint


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
