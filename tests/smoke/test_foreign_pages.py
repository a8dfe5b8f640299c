"""What a web page can do to the machine of a developer while `make run` is on, in real Chromium.

A page of a stranger tries each way that a browser has of sending a request. What counts is what the
machine holds afterwards. That a request reached its port is seen by the refusal.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import botocore.session
import pytest
from botocore.config import Config
from playwright.sync_api import Browser, Frame, Page, Response

from tests.aws import ENVIRONMENT, ROOT
from tests.browser import chromium
from tests.deploy.project import Project
from tests.smoke.test_make_run import CSV, TASK, Run, free_ports, params, send, submit_report
from tests.websocket import connected, ticket

STRANGER, ALLOWED = "evil.example", "app.example"
NAMES = ", ".join(f"MAP {name} 127.0.0.1" for name in (STRANGER, ALLOWED))
STACK = "evil"
TEMPLATE = {"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": STACK}}}}
SCOPE = "test/20261128/us-east-1/dynamodb/aws4_request"
SEEN = 10_000  # milliseconds that a refusal may take to be seen

SUBMIT_FORM = """([url, type, fields]) => {
  const form = Object.assign(document.createElement('form'), {method: 'POST', action: url});
  form.enctype = type;
  form.target = `answer ${document.forms.length}`;  // a frame of its own
  for (const [name, value] of Object.entries(fields))
    form.append(Object.assign(document.createElement('input'), {name, value}));
  document.body.append(Object.assign(document.createElement('iframe'), {name: form.target}), form);
  form.submit();
}"""
FETCH = """([url, options]) => fetch(url, options).then(
  answer => answer.text().then(text => [answer.status, text]), error => [0, String(error)])"""
SHOW_IMAGE = "url => { document.body.append(Object.assign(new Image(), {src: url})); }"
SHOW_FRAME = """url => {
  document.body.append(Object.assign(document.createElement('iframe'), {src: url})); }"""
CONNECT = """url => new Promise(resolve => {
  const socket = new WebSocket(url);
  socket.onopen = () => resolve('open');
  socket.onerror = () => resolve('refused');
})"""
UPLOAD_AND_REPORT = """async ([api, csv, params]) => {
  const call = (path, body) => fetch(api + path, body && {
    method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body)});
  const wanted = {filename: 'a.csv', content_type: 'text/csv', size: csv.length};
  const {id: source, upload} = await (await call('/uploads', wanted)).json();
  delete upload.headers['Content-Length'];  // the browser's to set
  const put = await fetch(upload.url, {method: 'PUT', headers: upload.headers, body: csv});
  let job = await (await call('/jobs', {task: 'report', params: {...params, source}})).json();
  while (!job.finished_at) job = await (await call('/jobs/' + job.id)).json();
  const report = await call(`/jobs/${job.id}/artifacts/report.csv`);
  return [put.status, put.headers.get('ETag'), report.status, await report.text()];
}"""


@dataclass(frozen=True)
class Machine:
    """A developer's machine, on which `make run` is on and a browser shows pages."""

    run: Run
    browser: Browser
    state: Path
    pages: int
    """The port of a server for pages of every name."""
    api: str
    aws: str
    push: str

    @property
    def dead_letters(self) -> str:
        return f"{self.aws}/000000000000/overtime-local-default-dead"

    @functools.cache  # noqa: B019 it lives as long as the tests of this file
    def client(self, service: str, key: str = "test") -> Any:
        return botocore.session.get_session().create_client(
            service,
            region_name="us-east-1",
            endpoint_url=self.aws,
            aws_access_key_id=key,
            aws_secret_access_key="test",
            config=Config(signature_version="s3v4" if service == "s3" else None),
        )

    def holds(self) -> dict[str, Any]:
        """What no page may change."""
        key = json.loads((self.state / "gate.json").read_text())["key"]
        stacks = self.client("cloudformation", key).describe_stacks()["Stacks"]
        objects = self.client("s3").list_objects_v2(Bucket=ENVIRONMENT["BUCKET"])
        queued = self.client("sqs").get_queue_attributes(
            QueueUrl=self.dead_letters, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return {
            "stacks": [stack["StackName"] for stack in stacks],
            "objects": [one["Key"] for one in objects.get("Contents", [])],
            "messages": queued["Attributes"]["ApproximateNumberOfMessages"],
            "jobs": [job["id"] for job in self.run.get("/jobs")["jobs"]],
        }


class AnyPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"<!doctype html><title>A page</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Of no interest."""


@pytest.fixture(scope="module")
def pages() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), AnyPage)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(f"--host-resolver-rules={NAMES}") as started:
        yield started


@pytest.fixture(scope="module")
def machine(
    browser: Browser, pages: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine")
    project = Project(folder / "project")
    (project.folder / ".venv-aws").symlink_to(ROOT / ".venv-aws")
    config = project.config
    variables = config["stages"]["local"]["environment_variables"]
    variables["ALLOWED_ORIGIN"] = f"http://{ALLOWED}:{pages}"
    project.configure(stages=config["stages"])
    api, aws, push = free_ports(3)
    run = Run(folder / "state", api, aws, push, home=project.folder)
    job = submit_report(run)
    run.wait_for(lambda: run.get(f"/jobs/{job}")["finished_at"])  # its artifacts are there, too
    urls = [f"http://127.0.0.1:{port}" for port in (api, aws, push)]
    yield Machine(run, browser, folder / "state", pages, *urls)
    run.stop()


@pytest.fixture
def page(machine: Machine) -> Iterator[Page]:
    opened = machine.browser.new_page()
    yield opened
    opened.close()


@pytest.fixture(params=["another site", "another port of this machine", "a sandbox"])
def stranger(request: pytest.FixtureRequest, machine: Machine, page: Page) -> Frame:
    """A page that the stage has not named, as seen by its scripts."""
    host = "127.0.0.1" if "port" in request.param else STRANGER
    page.goto(f"http://{host}:{machine.pages}/")
    if request.param != "a sandbox":
        return page.main_frame
    with page.expect_event("frameattached") as attached:
        page.set_content("<iframe sandbox='allow-scripts allow-forms' srcdoc='A frame'></iframe>")
    attached.value.wait_for_load_state()
    return attached.value


@pytest.fixture
def rebound(machine: Machine, page: Page) -> Callable[[str], Frame]:
    """Shows a page of a stranger's name that leads to a port of this machine, as the port's own."""

    def show(url: str) -> Frame:
        page.goto(f"http://{STRANGER}:{url.rpartition(':')[2]}/")
        return page.main_frame

    return show


@pytest.fixture(autouse=True)
def unchanged(machine: Machine, request: pytest.FixtureRequest) -> Iterator[None]:
    """Around each test of a stranger's page."""
    if "page" not in request.fixturenames or "allowed" in request.fixturenames:
        yield
        return
    before = machine.holds()
    yield
    assert machine.holds() == before


def refused(frame: Frame, url: str, script: str, argument: Any) -> None:
    """Runs a script that sends one request there, and sees it refused."""
    page = frame.page

    def there(response: Response) -> bool:
        return response.url.startswith(url)

    with page.expect_response(there, timeout=SEEN) as got:
        frame.evaluate(script, argument)
    assert got.value.status == 403


def not_shown(frame: Frame, url: str) -> None:
    """Shows it as an image; Chromium tells no status of what is none."""
    with frame.page.expect_event("requestfailed", lambda one: one.url == url, timeout=SEEN):
        frame.evaluate(SHOW_IMAGE, url)


def form(machine: Machine) -> dict[str, str]:
    return {"Action": "CreateStack", "StackName": STACK, "TemplateBody": json.dumps(TEMPLATE)}


def test_no_form_creates_a_stack(machine: Machine, stranger: Frame) -> None:
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain"):
        refused(stranger, machine.aws, SUBMIT_FORM, [machine.aws, kind, form(machine)])


def test_no_request_without_an_answer_sends_a_message(machine: Machine, stranger: Frame) -> None:
    message = f"Action=SendMessage&QueueUrl={machine.dead_letters}&MessageBody=x"
    options = {"method": "POST", "mode": "no-cors", "body": message}
    refused(stranger, machine.aws, FETCH, [machine.dead_letters, options])
    refused(stranger, machine.aws, SHOW_IMAGE, f"{machine.dead_letters}?{message}")
    refused(stranger, machine.aws, FETCH, [f"{machine.aws}/_ministack/reset", options])


def test_no_page_reads_the_table(machine: Machine, stranger: Frame) -> None:
    query = {
        "TableName": ENVIRONMENT["TABLE"],
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": machine.holds()["jobs"][0]}},
    }
    assert machine.client("dynamodb").query(**query)["Items"], "a program reads it"
    headers = {
        "X-Amz-Target": "DynamoDB_20120810.Query",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host, Signature=0",
    }
    options = {"method": "POST", "headers": headers, "body": json.dumps(query)}
    status, text = stranger.evaluate(FETCH, [machine.aws, options])
    assert (status, "Failed to fetch" in text) == (0, True), text


def test_no_page_reads_or_fills_the_bucket(machine: Machine, stranger: Frame) -> None:
    bucket, uploaded = ENVIRONMENT["BUCKET"], machine.holds()["objects"][0]
    s3, upload = machine.client("s3"), {"method": "PUT", "body": "from a stranger"}
    read = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": uploaded})
    fill = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "uploads/evil"})
    assert send("GET", read, None, {})[0] == 200, "a program may"
    assert stranger.evaluate(FETCH, [f"{machine.aws}/{bucket}", {}])[0] == 0
    assert stranger.evaluate(FETCH, [fill, upload])[0] == 0
    if stranger.parent_frame is None:  # a sandbox that has a link may read it, as after a redirect
        assert stranger.evaluate(FETCH, [read, {}])[0] == 0


def test_no_page_submits_a_job(machine: Machine, stranger: Frame) -> None:
    jobs, job = f"{machine.api}/jobs", {"task": "fetch", "params": {"url": machine.api}}
    as_json = {"Content-Type": "application/json"}
    options = {"method": "POST", "body": json.dumps(job)}
    name, value = json.dumps({**job, "_": "="}).split("=")
    refused(stranger, jobs, SUBMIT_FORM, [jobs, "text/plain", {name: value}])
    refused(stranger, jobs, FETCH, [jobs, {**options, "mode": "no-cors"}])
    refused(stranger, jobs, SHOW_FRAME, jobs)
    not_shown(stranger, jobs)
    assert stranger.evaluate(FETCH, [jobs, {**options, "headers": as_json}])[0] == 0
    assert stranger.evaluate(FETCH, [jobs, {}])[0] == 0


def test_no_page_hears_of_jobs(machine: Machine, stranger: Frame) -> None:
    admitting = ticket(machine.api)
    url = f"{admitting['url']}/?ticket={admitting['ticket']}"
    assert stranger.evaluate(CONNECT, url) == "refused"
    with connected(admitting["url"], admitting["ticket"]):
        pass  # the ticket is good, and unused


def test_no_page_sends_to_a_client_or_closes_its_connection(
    machine: Machine, stranger: Frame
) -> None:
    admitting, job = ticket(machine.api), machine.run.get("/jobs")["jobs"][0]["id"]
    with connected(admitting["url"], admitting["ticket"]) as client:
        client.subscribe(job)
        assert client.next()["job"]["id"] == job
        connection = f"{machine.push}/@connections/{subscribed(machine, job)}"
        options = {"method": "POST", "mode": "no-cors", "body": "from a stranger"}
        refused(stranger, connection, FETCH, [connection, options])
        refused(stranger, connection, SUBMIT_FORM, [connection, "text/plain", {"a": "b"}])
        refused(stranger, connection, SHOW_FRAME, connection)
        not_shown(stranger, connection)
        assert stranger.evaluate(FETCH, [connection, {"method": "DELETE"}])[0] == 0
        client.say("hello")
        assert client.next()["problem"]["type"] == "/problems/malformed-request"


def subscribed(machine: Machine, job: str) -> str:
    """The id of the connection that has subscribed to this job, quoted for a path."""
    found = machine.client("dynamodb").query(
        TableName=ENVIRONMENT["TABLE"],
        KeyConditionExpression="pk = :pk AND begins_with(sk, :sub)",
        ExpressionAttributeValues={":pk": {"S": job}, ":sub": {"S": "sub#"}},
    )
    return quote(found["Items"][0]["sk"]["S"].rpartition("#")[2], "")


def test_a_name_that_leads_here_opens_no_port(
    machine: Machine, rebound: Callable[[str], Frame]
) -> None:
    """The page is of the same origin as the port, so its script may send and read everything."""
    body = json.dumps({"task": "fetch", "params": {"url": machine.api}})
    json_type = {"Content-Type": "application/json"}
    for url, path in (
        (machine.api, "/jobs"),
        (machine.aws, "/"),
        (machine.push, "/@connections/a"),
    ):
        frame = rebound(url)
        for options in ({}, {"method": "POST", "headers": json_type, "body": body}):
            status, text = frame.evaluate(FETCH, [path, options])
            assert status == 403, text
    frame = rebound(machine.aws)
    encoded = "&".join(f"{name}={value}" for name, value in form(machine).items())
    options = {"method": "POST", "body": encoded}
    assert frame.evaluate(FETCH, ["/", options])[0] == 403
    admitting = ticket(machine.api)
    url = f"{machine.push}/?ticket={admitting['ticket']}".replace(
        "http://127.0.0.1", f"ws://{STRANGER}"
    )
    assert rebound(machine.push).evaluate(CONNECT, url) == "refused"


@pytest.fixture(params=["the API's own", "the API's own by name", "ALLOWED_ORIGIN"])
def allowed(request: pytest.FixtureRequest, machine: Machine, page: Page) -> Frame:
    own = f"{machine.api}/health"
    by_name = own.replace("127.0.0.1", "localhost")
    pages = {"the API's own": own, "the API's own by name": by_name}
    page.goto(pages.get(request.param, f"http://{ALLOWED}:{machine.pages}/"))
    return page.main_frame


def test_pages_that_may_call_upload_and_download(machine: Machine, allowed: Frame) -> None:
    wanted = params("")
    api = "" if "127.0.0.1" in allowed.url or "localhost" in allowed.url else machine.api
    put, etag, status, text = allowed.evaluate(
        UPLOAD_AND_REPORT, [api, CSV.decode(), {**wanted, "source": None}]
    )
    assert (put, bool(etag), status) == (200, True, 200)
    assert text.startswith("carrier,count")
    assert TASK == "report"


def test_pages_that_may_call_hear_of_jobs(machine: Machine, allowed: Frame) -> None:
    admitting = ticket(machine.api)
    url = f"{admitting['url']}/?ticket={admitting['ticket']}"
    assert allowed.evaluate(CONNECT, url) == "open"
