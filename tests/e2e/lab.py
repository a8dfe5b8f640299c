"""Where each permission is tried: a stage whose queues nobody listens to and whose sweeper nobody
wakes, and what is said to its functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.job import Hint
from chalicelib.domain.task import LANES
from chalicelib.domain.values import encode
from tests.e2e.deployed import Deployed, InvocationFailed
from tests.e2e.http import Client
from tests.e2e.permissions import Permission, permissions, without
from tests.e2e.third_party import ThirdParty
from tests.e2e.waiting import until
from tests.websocket import Subscriptions, connected

SECRET = "sk-live-of-a-third-party"  # that the stage keeps for its tasks
LARGE = "x" * 5_000  # params over 4 KiB are kept apart
TASKS = {"default": "steps", "heavy": "heavy-steps"}
assert set(LANES) == {*TASKS, "webhooks"}, "each lane needs a task of tests/e2e/steps.py"
IN_VAIN, IN_TIME = 3.0, 30.0  # seconds, for what is pushed: where it should not come, and should
ADMITTED = 101  # what a WebSocket opens with

Act = Callable[[], None]
"""Raises one of FAILURES where not all is as it should be."""

FAILURES = (AssertionError, InvocationFailed, TimeoutError)


class Lab:
    """Its functions run when they are invoked here, and only then."""

    def __init__(self, stage: Deployed, client: Client, receiver: ThirdParty) -> None:
        self.stage = stage
        self.client = client
        self.receiver = receiver
        self.patience = IN_TIME

    @contextmanager
    def in_vain(self) -> Iterator[None]:
        """While inside, what is waited for should not come."""
        self.patience = IN_VAIN
        try:
            yield
        finally:
            self.patience = IN_TIME

    def submit(self, *do: str, lane: str = "default", **more: Any) -> dict[str, Any]:
        return self.client.submit(TASKS[lane], {"do": list(do), **more})

    def submit_told(
        self, lane: str = "default", path: str = "/hook/lab", **headers: str
    ) -> dict[str, Any]:
        """A job whose end is told to the receiver."""
        body = {
            "task": TASKS[lane],
            "params": {},
            "webhook": {"url": f"{self.receiver.url}{path}"},
        }
        answer = self.client.call("POST", "/jobs", body, **headers)
        assert answer.status == 202, answer
        job: dict[str, Any] = answer.json
        return job

    def owed(self, path: str) -> str:
        """A webhook that waits to be delivered there: its message."""
        self.forget_messages("webhooks")
        job = self.submit_told(path=path)
        assert self.client.call("POST", f"/jobs/{job['id']}/cancel").status == 200
        return self.stage.read_message("webhooks", "job")

    def deliver(self, job: dict[str, Any], lane: str = "default") -> dict[str, Any]:
        """Invokes the lane's worker with the job's message; returns the job afterwards."""
        self.stage.invoke(f"{lane}_worker", delivery(encode(Hint(job["id"], 0))))
        return self.client.job(job)

    def ran(self, *do: str, lane: str = "default", **more: str) -> dict[str, Any]:
        """A job that succeeded."""
        return succeeded(self.deliver(self.submit(*do, lane=lane, **more), lane))

    def sweep(self) -> None:
        self.stage.invoke("sweep", scheduled())

    def upload(self, data: bytes = b"a,b\n") -> str:
        return self.client.upload("a.csv", "text/csv", data)

    def lose_uploads(self) -> None:
        s3, bucket = self.stage.client("s3"), self.stage.variable("api_handler", "BUCKET")
        for key in self.stage.objects("uploads/"):
            s3.delete_object(Bucket=bucket, Key=key)

    def lose(self, job: str, lane: str) -> None:
        """Its message is gone, and it is due since long."""
        self.forget_messages(lane)
        self.pass_by(job, "due_at")

    def forget_messages(self, lane: str) -> None:
        self.stage.client("sqs").purge_queue(QueueUrl=self.stage.queue(lane))

    def pass_by(self, job: str, *times: str) -> None:
        """These times of the job's record are past."""
        self.stage.client("dynamodb").update_item(
            TableName=self.stage.table,
            Key={"pk": {"S": job}, "sk": {"S": "job"}},
            UpdateExpression="SET " + ", ".join(f"{time} = :past" for time in times),
            ExpressionAttributeValues={":past": {"N": "1"}},
        )

    def erase_half(self, job: dict[str, Any]) -> None:
        """As the API leaves it that is cut off after its first step."""
        with without(self.stage, *of("api_handler", "s3:ListBucket")):
            assert self.client.call("DELETE", f"/jobs/{job['id']}").status == 503

    def remains(self, job: dict[str, Any]) -> list[str]:
        """Items and objects of a job."""
        return self.stage.items(job["id"]) + self.stage.objects(f"jobs/{job['id']}/")

    def left_behind(self, job: dict[str, Any]) -> str:
        """The id of a connection that subscribed to the job and has ended, unnoticed."""
        with listening(self.client) as subscriptions:
            subscribed(subscriptions, job, self.patience)
            (key,) = self.subscribers(job)
            connection = key.rpartition("#")[2]
            kept = self.stage.read(job["id"], key), self.stage.read(f"connection#{connection}")
        until(lambda: self.forgot(job, connection), 10)
        for item in kept:
            self.stage.client("dynamodb").put_item(TableName=self.stage.table, Item=item)
        return connection

    def subscribers(self, job: dict[str, Any]) -> list[str]:
        return [one for one in self.stage.items(job["id"]) if one.startswith("sub#")]

    def forgot(self, job: dict[str, Any], connection: str) -> bool:
        return not (self.subscribers(job) or self.stage.items(f"connection#{connection}"))


def of(function: str, action: str | None = None) -> list[Permission]:
    return [
        one for one in permissions() if one.function == function and action in (None, one.action)
    ]


@contextmanager
def listening(client: Client) -> Iterator[Subscriptions]:
    """A WebSocket of that client's. Now and then the local AWS answers no handshake at all for a
    minute: then another one is tried, with a ticket of its own."""
    with ExitStack() as opened:
        for handshakes_left in (2, 1, 0):
            ticket = client.call("POST", "/tickets").json
            opening = connected(ticket["url"], ticket["ticket"], client.certificate)
            try:
                subscriptions = opened.enter_context(opening)
                break
            except TimeoutError:
                if not handshakes_left:
                    raise
        yield subscriptions


def subscribed(subscriptions: Subscriptions, job: dict[str, Any], patience: float) -> None:
    subscriptions.subscribe(job["id"])
    expect(subscriptions.next(patience)["type"], "job.updated")


def delivery(body: str) -> dict[str, Any]:
    """An SQS event of one message."""
    return {"Records": [{"body": body, "receiptHandle": "r", "eventSource": "aws:sqs"}]}


def said(connection: str, body: str) -> dict[str, Any]:
    """API Gateway's event of a message on a WebSocket."""
    context = {
        "connectionId": connection,
        "eventType": "MESSAGE",
        "routeKey": "$default",
        "apiId": "e2e",
        "domainName": "nowhere.invalid",
        "stage": "api",
    }
    return {"requestContext": context, "body": body, "isBase64Encoded": False}


def scheduled() -> dict[str, Any]:
    """EventBridge's event, as Chalice takes it apart."""
    return {
        "version": "0",
        "id": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "us-east-1",
        "resources": [],
        "detail": {},
    }


def succeeded(job: dict[str, Any]) -> dict[str, Any]:
    assert job["status"] == "succeeded", job
    return job


def expect(actual: object, wanted: object) -> None:
    assert actual == wanted


Work = Callable[[Lab], Act]
"""Prepares, with all permissions, and returns the act that needs a certain one."""
