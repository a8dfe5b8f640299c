"""What the local AWS of `make run` answers, and to which pages."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from local.aws_actions import FORM_BYTES
from local.aws_server import Rules, Server
from local.gate import Gate

PAGE = "https://app.example.com"
BUCKET = "overtime-local-000000000000-us-east-1"
KEY = "only-make-run-knows-it"
QUERY = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=test%2F&X-Amz-Signature=abc"


class Behind:
    """In place of MiniStack: it notes what reaches it, and answers as freely."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message["more_body"]:
                break
        self.bodies.append(body)
        headers = [(b"Access-Control-Allow-Origin", b"*"), (b"ETag", b'"1"')]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        named = dict(scope["headers"])
        body = b"{}" if any(name.lower() == b"x-amz-target" for name in named) else b"<Answer/>"
        await send({"type": "http.response.body", "body": body})


class Edge:
    def __init__(self, folder: Path, everything: bool = False, bucket: str = BUCKET) -> None:
        self.behind = Behind()
        self.file = folder / "gate.json"
        Rules(Gate(origins=(PAGE,)), bucket, KEY).write(self.file)
        self.server = Server(self.behind, None if everything else self.file)

    def ask(
        self, method: str, path: str, body: bytes = b"", query: str = "", **headers: Any
    ) -> tuple[int, dict[str, str], bytes]:
        named = {"Host": "127.0.0.1:4566"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        pairs = [(name.encode(), str(value).encode()) for name, value in named.items()]
        scope = {"type": "http", "method": method, "path": path, "query_string": query.encode()}
        sent = self.drive({**scope, "headers": pairs}, body)
        start = sent[0]
        answered = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return start["status"], answered, b"".join(one.get("body", b"") for one in sent[1:])

    def drive(self, scope: Any, body: bytes = b"") -> list[Any]:
        parts = [body[at : at + 2**16] for at in range(0, len(body), 2**16)] or [b""]
        messages = [
            {"type": "http.request", "body": part, "more_body": number < len(parts)}
            for number, part in enumerate(parts, 1)
        ]
        sent: list[Any] = []

        async def receive() -> Any:
            return messages.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self.server(scope, receive, send))
        return sent

    def client(self, service: str) -> Any:
        """botocore's, whose requests are handed to the server."""
        client: Any = botocore.session.get_session().create_client(
            service,
            region_name="us-east-1",
            endpoint_url="http://127.0.0.1:4566",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )
        client.meta.events.register("before-send", self._hand_over)
        return client

    def _hand_over(self, request: Any, **_: Any) -> Any:
        url, sent = urlsplit(request.url), request.body
        content = sent.read() if hasattr(sent, "read") else sent or b""
        content = content.encode() if isinstance(content, str) else content
        texts = {
            name.replace("-", "_"): value.decode() if isinstance(value, bytes) else value
            for name, value in dict(request.headers).items()
        }
        status, answered, body = self.ask(request.method, url.path, content, url.query, **texts)
        headers: Any = answered
        return AWSResponse(request.url, status, headers, _Raw(body))

    def authorization(self, service: str) -> str:
        scope = f"test/20261128/us-east-1/{service}/aws4_request"
        return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=abc"


class _Raw:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self.content


@pytest.fixture
def edge(tmp_path: Path) -> Edge:
    return Edge(tmp_path)


ANSWERED: list[tuple[str, str, dict[str, Any]]] = [
    ("dynamodb", "get_item", {"TableName": "t", "Key": {"pk": {"S": "a"}}}),
    ("dynamodb", "batch_execute_statement", {"Statements": [{"Statement": "SELECT"}]}),
    ("dynamodb", "transact_write_items", {"TransactItems": [{}]}),
    ("sqs", "send_message", {"QueueUrl": "http://127.0.0.1:4566/0/q", "MessageBody": "{}"}),
    ("sqs", "receive_message", {"QueueUrl": "http://127.0.0.1:4566/0/q"}),
    ("s3", "put_object", {"Bucket": BUCKET, "Key": "a/b", "Body": b"c"}),
    ("s3", "head_object", {"Bucket": BUCKET, "Key": "a/b"}),
    ("s3", "delete_objects", {"Bucket": BUCKET, "Delete": {"Objects": [{"Key": "a/b"}]}}),
    ("cloudwatch", "describe_alarms", {}),
]
REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("dynamodb", "scan", {"TableName": "t"}),
    ("dynamodb", "delete_table", {"TableName": "t"}),
    ("sqs", "purge_queue", {"QueueUrl": "http://127.0.0.1:4566/0/q"}),
    ("s3", "create_bucket", {"Bucket": "another"}),
    ("s3", "list_buckets", {}),
    ("s3", "get_object", {"Bucket": "another", "Key": "a"}),
    ("s3", "delete_bucket", {"Bucket": BUCKET}),
    ("s3", "put_bucket_policy", {"Bucket": BUCKET, "Policy": "{}"}),
    ("cloudformation", "create_stack", {"StackName": "evil", "TemplateBody": "{}"}),
    ("cloudformation", "update_stack", {"StackName": "evil", "TemplateBody": "{}"}),
    ("cloudformation", "delete_stack", {"StackName": "evil"}),
    ("lambda", "list_functions", {}),
    ("lambda", "invoke", {"FunctionName": "f"}),
    ("iam", "create_user", {"UserName": "evil"}),
    ("sts", "get_session_token", {}),
    ("sns", "publish", {"Message": "x", "TopicArn": "arn:aws:sns:us-east-1:000000000000:t"}),
]


@pytest.mark.parametrize(("service", "action", "arguments"), ANSWERED)
def test_a_program_calls_what_the_project_uses(
    edge: Edge, service: str, action: str, arguments: dict[str, Any]
) -> None:
    getattr(edge.client(service), action)(**arguments)
    assert len(edge.behind.scopes) == 1


@pytest.mark.parametrize(("service", "action", "arguments"), REFUSED)
def test_what_the_project_does_not_use_is_refused_with_a_reason(
    edge: Edge, service: str, action: str, arguments: dict[str, Any]
) -> None:
    client = edge.client(service)
    with pytest.raises(client.exceptions.ClientError, match=r"local/aws_actions\.py"):
        getattr(client, action)(**arguments)
    assert edge.behind.scopes == []


@pytest.mark.parametrize("action", ["CreateStack", "UpdateStack"])
def test_only_make_run_itself_changes_the_stack(edge: Edge, action: str) -> None:
    form = f"Action={action}&TemplateBody={'x' * 100_000}".encode()
    by_anyone = edge.authorization("cloudformation")
    assert edge.ask("POST", "/", form, Authorization=by_anyone)[0] == 403
    by_make_run = by_anyone.replace("test", KEY)
    assert edge.ask("POST", "/", form, Authorization=by_make_run)[0] == 200
    assert edge.behind.bodies == [form], "it arrives whole"


def test_an_unsigned_request_is_refused(edge: Edge) -> None:
    target = {"X_Amz_Target": "DynamoDB_20120810.Query"}
    assert edge.ask("POST", "/", b"{}", **target)[0] == 403
    assert edge.ask("GET", f"/{BUCKET}/uploads/a")[0] == 403
    assert edge.ask("POST", "/", b"Action=CreateStack")[0] == 403
    assert edge.ask("POST", "/_ministack/reset")[0] == 403
    assert edge.behind.scopes == []
    assert edge.ask("GET", "/_ministack/health")[0] == 200


@pytest.mark.parametrize(
    ("path", "query", "body", "headers"),
    [
        ("/", "Action=CreateStack", b"Action=GetCallerIdentity", {}),
        ("/", "", b"Action=GetCallerIdentity&Action=AssumeRole", {}),
        ("/", "", b"Action=GetCallerIdentity" + b"&a=" + b"x" * FORM_BYTES, {}),
        ("/", "", b"{}", {"X_Amz_Target": "DynamoDB_20120810.Query.Scan"}),
        ("/", "", b"{}", {"X_Amz_Target": "DynamoDB_20120810.Query, AWSStepFunctions.X"}),
        (f"/{BUCKET}/a", "", b"{}", {"X_Amz_Target": "DynamoDB_20120810.Query"}),
        ("/_ministack/reset", "", b"{}", {"X_Amz_Target": "DynamoDB_20120810.Query"}),
        ("/2015-03-31/functions", "", b"{}", {}),
    ],
)
def test_an_allowed_action_is_no_cover_for_another(
    edge: Edge, path: str, query: str, body: bytes, headers: dict[str, str]
) -> None:
    signed = edge.authorization("sts")
    assert edge.ask("POST", path, body, query, Authorization=signed, **headers)[0] == 403
    assert edge.behind.scopes == []


@pytest.mark.parametrize(
    "page",
    [
        {"Origin": "https://evil.example"},
        {"Origin": PAGE},
        {"Origin": "http://127.0.0.1:4566"},
        {"Sec_Fetch_Site": "same-origin"},
        {"Host": "evil.example:4566"},
    ],
)
def test_no_page_signs_a_request_by_itself(edge: Edge, page: dict[str, Any]) -> None:
    signed: dict[str, Any] = {"Authorization": edge.authorization("dynamodb")}
    target: dict[str, Any] = {"X_Amz_Target": "DynamoDB_20120810.Query"}
    assert edge.ask("POST", "/", b"{}", **signed, **target, **page)[0] == 403
    assert edge.ask("GET", f"/{BUCKET}/a", **signed, **page)[0] == 403
    assert edge.ask("GET", "/_ministack/health", **page)[0] == 403
    assert edge.behind.scopes == []


@pytest.mark.parametrize(("method", "origin"), [("GET", PAGE), ("PUT", PAGE), ("GET", "null")])
def test_a_page_uploads_and_downloads_by_a_link(edge: Edge, method: str, origin: str) -> None:
    asking: dict[str, Any] = {"Origin": origin, "Access_Control_Request_Method": method}
    path = f"/{BUCKET}/uploads/a"
    status, headers, _ = edge.ask(
        "OPTIONS", path, query=QUERY, Access_Control_Request_Headers="if-none-match", **asking
    )
    assert status == 204
    assert headers["access-control-allow-origin"] == origin
    assert headers["access-control-allow-headers"] == "if-none-match"
    assert method in headers["access-control-allow-methods"]
    status, headers, _ = edge.ask(method, path, b"a,b", QUERY, Origin=origin)
    assert status == 200
    assert headers["access-control-allow-origin"] == origin
    assert headers["access-control-expose-headers"] == "ETag"
    assert edge.behind.bodies == [b"a,b"]


def test_a_foreign_page_uploads_and_downloads_nothing(edge: Edge) -> None:
    path, evil = f"/{BUCKET}/uploads/a", "https://evil.example"
    for method in ("OPTIONS", "GET", "HEAD", "PUT"):
        status, headers, _ = edge.ask(method, path, b"", QUERY, Origin=evil)
        assert status == 403
        assert not [name for name in headers if name.startswith("access-control")]
    assert edge.ask("PUT", path, b"x", QUERY, Origin="null")[0] == 403
    assert edge.ask("GET", path, b"", QUERY, Host="evil.example")[0] == 403
    assert edge.behind.scopes == []


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("POST", f"/{BUCKET}/a", QUERY),
        ("DELETE", f"/{BUCKET}/a", QUERY),
        ("GET", f"/{BUCKET}/", QUERY),
        ("GET", "/another/a", QUERY),
        ("GET", "/_ministack/health", QUERY),
        ("GET", f"/{BUCKET}/a", "X-Amz-Signature=abc"),
        ("GET", f"/{BUCKET}/a", QUERY.replace("HMAC", "ECDSA")),
    ],
)
def test_a_link_is_to_one_object_and_its_signature_is_one_that_s3_checks(
    edge: Edge, method: str, path: str, query: str
) -> None:
    assert edge.ask(method, path, b"", query, Origin=PAGE)[0] == 403
    assert edge.behind.scopes == []


def test_a_link_reaches_s3_whatever_it_names_beside(edge: Edge) -> None:
    """MiniStack looks for actions of other services in a query and in a form."""
    edge.ask("PUT", f"/{BUCKET}/a", b"Action=CreateStack", f"{QUERY}&Action=CreateStack")
    sent = dict(edge.behind.scopes[0]["headers"])
    assert sent[b"authorization"] == b"Credential=-/-/-/s3/-"


def test_answers_to_programs_let_no_page_read_them(edge: Edge) -> None:
    signed = {"Authorization": edge.authorization("sts")}
    _, headers, _ = edge.ask("POST", "/", b"Action=GetCallerIdentity", **signed)
    assert headers == {"etag": '"1"'}


def test_a_change_of_the_configuration_is_heard(edge: Edge) -> None:
    path, other = f"/{BUCKET}/a", "https://other.example"
    assert edge.ask("GET", path, b"", QUERY, Origin=other)[0] == 403
    Rules(Gate(origins=(other,)), BUCKET, KEY).write(edge.file)
    assert edge.ask("GET", path, b"", QUERY, Origin=other)[0] == 200
    assert json.loads(edge.file.read_text())["key"] == KEY
    assert edge.file.stat().st_mode & 0o077 == 0


def test_before_it_knows_the_stage_it_serves_no_link(tmp_path: Path) -> None:
    edge = Edge(tmp_path, bucket="")
    assert edge.ask("GET", "//a", b"", QUERY)[0] == 403
    assert edge.ask("GET", "/a", b"", QUERY)[0] == 403


def test_tests_may_call_every_service_and_pages_may_not(tmp_path: Path) -> None:
    edge = Edge(tmp_path, everything=True)
    assert edge.ask("POST", "/2015-03-31/functions", b"{}")[0] == 200
    assert edge.ask("POST", "/", b"Action=CreateStack", Origin="https://evil.example")[0] == 403
    assert edge.ask("POST", "/", b"Action=CreateStack", Host="evil.example")[0] == 403


@pytest.mark.parametrize(("everything", "origin"), [(False, ""), (True, "https://evil.example")])
def test_a_websocket_of_make_run_is_on_its_own_port(
    tmp_path: Path, everything: bool, origin: str
) -> None:
    edge = Edge(tmp_path, everything=everything)
    pairs = [(b"host", b"127.0.0.1:4566"), *([(b"origin", origin.encode())] if origin else [])]
    sent = edge.drive({"type": "websocket", "path": "/", "query_string": b"", "headers": pairs})
    assert [one["type"] for one in sent] == ["websocket.close"]
    assert edge.behind.scopes == []
