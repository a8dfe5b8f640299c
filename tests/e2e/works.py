"""What each permission is needed for: for one action of one function on one resource, a piece of
that function's work that succeeds with it and does not without.

Each piece first prepares, with all permissions, and returns the act that needs this one. An act
raises AssertionError or InvocationFailed where not all is as it should be.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.job import Hint
from chalicelib.domain.params import encode
from tests.e2e.deployed import Deployed
from tests.e2e.http import Client
from tests.e2e.permissions import Permission, permissions, without
from tests.e2e.third_party import ThirdParty
from tests.websocket import Subscriptions, connected, refusal

LARGE = "x" * 5_000  # params over 4 KiB are kept apart
TASKS = {"default": "steps", "heavy": "heavy-steps"}
LANES = (*TASKS, "webhooks")
TOLD_WITHIN = 8.0  # seconds
NUMBERS = itertools.count()

Act = Callable[[], None]


class Lab:
    """A stage whose queues nobody listens to and whose sweeper nobody wakes: functions run when
    they are invoked here, and only then."""

    def __init__(self, stage: Deployed, client: Client, receiver: ThirdParty) -> None:
        self.stage = stage
        self.client = client
        self.receiver = receiver
        self.sockets = ExitStack()

    def ticket(self) -> dict[str, Any]:
        answer = self.client.call("POST", "/tickets")
        assert answer.status == 201, answer
        ticket: dict[str, Any] = answer.json
        return ticket

    def watching(self, *jobs: dict[str, Any]) -> Subscriptions:
        """A WebSocket that has been told of these jobs; open until the lab closes."""
        ticket = self.ticket()
        opening = connected(ticket["url"], ticket["ticket"], self.client.certificate)
        connection = self.sockets.enter_context(opening)
        for job in jobs:
            connection.subscribe(job["id"])
            assert told(connection)["job"]["id"] == job["id"]
        return connection

    def socket_event(self, kind: str, connection: str, **fields: Any) -> dict[str, Any]:
        """Invokes a function of the WebSocket API as API Gateway would."""
        context = {
            "eventType": kind,
            "connectionId": connection,
            "apiId": "a",
            "stage": "api",
            "domainName": "a.example",
        }
        event = {"requestContext": context, **fields}
        return self.stage.invoke(f"websocket_{kind.lower()}", event)

    def gone(self) -> str:
        """A connection that API Gateway does not know any more, and the table still does."""
        name = f"gone-{next(NUMBERS)}"
        query = {"ticket": self.ticket()["ticket"]}
        answer = self.socket_event("CONNECT", name, queryStringParameters=query)
        assert answer["statusCode"] == 200, answer
        assert self.is_known(name)
        return name

    def subscribe_gone(self, job: dict[str, Any]) -> str:
        """As it stands once a client has vanished."""
        name, dynamodb = self.gone(), self.stage.client("dynamodb")
        where: dict[str, Any] = {"TableName": self.stage.stage.table}
        record = {"pk": {"S": job["id"]}, "sk": {"S": "job"}}
        birth = dynamodb.get_item(**where, Key=record)["Item"]["birth"]["S"]
        dynamodb.update_item(
            **where,
            Key=record,
            UpdateExpression="SET watched = :true",
            ExpressionAttributeValues={":true": {"BOOL": True}},
        )
        place = {"pk": {"S": job["id"]}, "sk": {"S": f"sub#{birth}#{name}"}}
        rest = {"base": {"S": ""}, "until": {"N": "9" * 13}}
        dynamodb.put_item(**where, Item={**place, **rest})
        return name

    def is_known(self, connection: str) -> bool:
        key = {"pk": {"S": f"connection#{connection}"}, "sk": {"S": "connection"}}
        found = self.stage.client("dynamodb").get_item(
            TableName=self.stage.stage.table, Key=key, ConsistentRead=True
        )
        return "Item" in found

    def submit(self, *do: str, lane: str = "default", **more: str) -> dict[str, Any]:
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
        for one in s3.list_objects_v2(Bucket=bucket, Prefix="uploads/")["Contents"]:
            s3.delete_object(Bucket=bucket, Key=one["Key"])

    def lose(self, job: str, lane: str) -> None:
        """Its message is gone, and it is due since long."""
        self.forget_messages(lane)
        self.pass_by(job, "due_at")

    def forget_messages(self, lane: str) -> None:
        self.stage.client("sqs").purge_queue(QueueUrl=self.stage.queue(lane))

    def pass_by(self, job: str, *times: str) -> None:
        """These times of the job's record are past."""
        self.stage.client("dynamodb").update_item(
            TableName=self.stage.stage.table,
            Key={"pk": {"S": job}, "sk": {"S": "job"}},
            UpdateExpression="SET " + ", ".join(f"{time} = :past" for time in times),
            ExpressionAttributeValues={":past": {"N": "1"}},
        )

    def erase_half(self, job: dict[str, Any]) -> None:
        """As the API leaves it that is cut off after its first step."""
        taken = [
            one
            for one in permissions()
            if (one.function, one.action) == ("api_handler", "s3:ListBucket")
        ]
        with without(self.stage, *taken):
            assert self.client.call("DELETE", f"/jobs/{job['id']}").status == 503

    def remains(self, job: dict[str, Any]) -> list[str]:
        """Items and objects of a job."""
        items = self.stage.client("dynamodb").query(
            TableName=self.stage.stage.table,
            KeyConditionExpression="pk = :job",
            ExpressionAttributeValues={":job": {"S": job["id"]}},
            ConsistentRead=True,
        )["Items"]
        objects = self.stage.client("s3").list_objects_v2(
            Bucket=self.stage.variable("api_handler", "BUCKET"), Prefix=f"jobs/{job['id']}/"
        )
        keys = [one["Key"] for one in objects.get("Contents", [])]
        return [item["sk"]["S"] for item in items] + keys


def delivery(body: str) -> dict[str, Any]:
    """An SQS event of one message."""
    return {"Records": [{"body": body, "receiptHandle": "r", "eventSource": "aws:sqs"}]}


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


# ── the API's ─────────────────────────────────────────────────────────────────────────────


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


def sending(lane: str) -> Callable[[Lab], Act]:
    def prepare(lab: Lab) -> Act:
        before = lab.stage.depth(lane)

        def act() -> None:
            lab.submit(lane=lane)
            expect(lab.stage.depth(lane), before + 1)

        return act

    return prepare


# ── the workers' ──────────────────────────────────────────────────────────────────────────


def working(*do: str, **more: str) -> Callable[[str], Callable[[Lab], Act]]:
    def of(lane: str) -> Callable[[Lab], Act]:
        def prepare(lab: Lab) -> Act:
            source = {"source": lab.upload()} if "read" in do else {}
            job = lab.submit(*do, lane=lane, **more, **source)
            return lambda: expect(succeeded(lab.deliver(job, lane))["attempt"], 1)

        return prepare

    return of


def trying_again(lane: str) -> Callable[[Lab], Act]:
    def prepare(lab: Lab) -> Act:
        job = lab.submit("fail", lane=lane)
        before = lab.stage.depth(lane)

        def act() -> None:
            expect(lab.deliver(job, lane)["wait_reason"], "backoff")
            expect(lab.stage.depth(lane), before + 1)

        return act

    return prepare


def telling(lane: str) -> Callable[[Lab], Act]:
    def prepare(lab: Lab) -> Act:
        job = lab.submit_told(lane)
        before = lab.stage.depth("webhooks")

        def act() -> None:
            succeeded(lab.deliver(job, lane))
            expect(lab.stage.depth("webhooks"), before + 1)

        return act

    return prepare


def delivering(lab: Lab) -> Act:
    message = lab.owed("/hook/delivered")
    before = len(lab.receiver.posts["delivered"])

    def act() -> None:
        lab.stage.invoke("webhooks_worker", delivery(message))
        expect(len(lab.receiver.posts["delivered"]), before + 1)

    return act


def delivering_again(lab: Lab) -> Act:
    message = lab.owed("/hook/refused/500/500/500/500")
    before = lab.stage.depth("webhooks")

    def act() -> None:
        lab.stage.invoke("webhooks_worker", delivery(message))
        expect(lab.stage.depth("webhooks"), before + 1)

    return act


# ── the sweeper's ─────────────────────────────────────────────────────────────────────────


def reminding(lane: str) -> Callable[[Lab], Act]:
    def prepare(lab: Lab) -> Act:
        if lane == "webhooks":
            job = json.loads(lab.owed("/hook/reminded"))["job"]
        else:
            job = lab.submit(lane=lane)["id"]
        lab.lose(job, lane)

        def act() -> None:
            lab.sweep()
            expect(lab.stage.depth(lane) >= 1, True)

        return act

    return prepare


def expiring(lab: Lab) -> Act:
    """And telling of it."""
    job = lab.submit_told()
    lab.lose(job["id"], "default")
    lab.pass_by(job["id"], "deadline")
    before = lab.stage.depth("webhooks")

    def act() -> None:
        lab.sweep()
        expect(lab.stage.depth("webhooks") > before, True)

    return act


def ending_erasures(lab: Lab) -> Act:
    job = lab.ran("log", filler=LARGE)
    lab.erase_half(job)
    assert len(lab.remains(job)) == 3, lab.remains(job)

    def act() -> None:
        lab.sweep()
        expect(lab.remains(job), [])

    return act


# ── the authorizer's ──────────────────────────────────────────────────────────────────────


def letting_in(lab: Lab) -> Act:
    somebody = lab.stage.owner("somebody")  # with a token that nobody has asked about before
    return lambda: expect(somebody.call("GET", "/jobs").status, 200)


# ── push ──────────────────────────────────────────────────────────────────────────────────


def told(connection: Subscriptions) -> dict[str, Any]:
    """The next message; there has to be one."""
    try:
        return connection.next(TOLD_WITHIN)
    except TimeoutError:
        raise AssertionError("nothing was told") from None


def connecting(lab: Lab) -> Act:
    ticket, certificate = lab.ticket(), lab.client.certificate
    return lambda: expect(refusal(ticket["url"], ticket["ticket"], certificate), 101)


def connecting_first(lab: Lab) -> Act:
    """In a process that has yet to read the stage's secret."""
    connect = connecting(lab)

    def act() -> None:
        function = lab.stage.stage.function("websocket_connect")
        for process in lab.stage.aws.processes(function):
            os.kill(process, signal.SIGKILL)
        connect()

    return act


def subscribing(lab: Lab) -> Act:
    connection, job = lab.watching(), lab.submit()

    def act() -> None:
        connection.subscribe(job["id"])
        expect(told(connection)["type"], "job.updated")

    return act


def unsubscribing(lab: Lab) -> Act:
    job = lab.submit()
    connection = lab.watching(job)

    def act() -> None:
        connection.say({"action": "unsubscribe", "job": job["id"]})
        expect(told(connection)["type"], "unsubscribed")

    return act


def answering_nobody(lab: Lab) -> Act:
    job, name = lab.submit(), lab.gone()
    body = encode({"action": "subscribe", "job": job["id"]})

    def act() -> None:
        lab.socket_event("MESSAGE", name, body=body)
        expect(lab.is_known(name), False)

    return act


def leaving(lab: Lab) -> Act:
    name = lab.gone()

    def act() -> None:
        lab.socket_event("DISCONNECT", name)
        expect(lab.is_known(name), False)

    return act


def leaving_jobs(lab: Lab) -> Act:
    job = lab.submit()
    lab.watching(job)
    [name] = [one.rpartition("#")[2] for one in lab.remains(job) if one.startswith("sub#")]

    def act() -> None:
        lab.socket_event("DISCONNECT", name)
        expect([one for one in lab.remains(job) if one.startswith("sub#")], [])

    return act


def telling_watchers(lane: str) -> Callable[[Lab], Act]:
    def prepare(lab: Lab) -> Act:
        job = lab.submit(lane=lane)
        connection = lab.watching(job)

        def act() -> None:
            lab.deliver(job, lane)
            while told(connection)["job"]["status"] != "succeeded":
                pass

        return act

    return prepare


def forgetting_the_gone(lane: str) -> Callable[[Lab], Act]:
    def prepare(lab: Lab) -> Act:
        job = lab.submit(lane=lane)
        name = lab.subscribe_gone(job)

        def act() -> None:
            lab.deliver(job, lane)
            expect(lab.is_known(name), False)

        return act

    return prepare


def telling_of_a_cancel(lab: Lab) -> Act:
    job = lab.submit()
    connection = lab.watching(job)

    def act() -> None:
        lab.client.call("POST", f"/jobs/{job['id']}/cancel")
        expect(told(connection)["job"]["status"], "canceled")

    return act


def telling_of_a_deadline(lab: Lab) -> Act:
    job = lab.submit()
    connection = lab.watching(job)
    lab.lose(job["id"], "default")
    lab.pass_by(job["id"], "deadline")

    def act() -> None:
        lab.sweep()
        expect(told(connection)["job"]["status"], "failed")

    return act


WORKER: dict[tuple[str, str], Callable[[str], Callable[[Lab], Act]]] = {
    ("dynamodb:GetItem", "table"): working("once"),
    ("dynamodb:PutItem", "table"): working("once"),
    ("dynamodb:UpdateItem", "table"): working(),
    ("dynamodb:BatchWriteItem", "table"): working("log"),
    ("s3:GetObject", "jobs/"): working(filler=LARGE),
    ("s3:GetObject", "uploads/"): working("read"),
    ("s3:PutObject", "jobs/"): working("attach"),
    ("dynamodb:Query", "table"): telling_watchers,
    ("dynamodb:DeleteItem", "table"): forgetting_the_gone,
    ("execute-api:ManageConnections", "connections"): telling_watchers,
}

WORKS: dict[tuple[str, str, str], Callable[[Lab], Act]] = {
    ("authorize", "dynamodb:GetItem", "table"): letting_in,
    ("api_handler", "dynamodb:GetItem", "table"): reading,
    ("api_handler", "dynamodb:BatchGetItem", "table"): listing,
    ("api_handler", "dynamodb:Query", "owner"): listing,
    ("api_handler", "dynamodb:Query", "table"): telling_history,
    ("api_handler", "dynamodb:PutItem", "table"): submitting,
    ("api_handler", "dynamodb:UpdateItem", "table"): canceling,
    ("api_handler", "dynamodb:DeleteItem", "table"): erasing,
    ("api_handler", "dynamodb:BatchWriteItem", "table"): erasing,
    ("api_handler", "s3:GetObject", "jobs/"): fetching,
    ("api_handler", "s3:GetObject", "uploads/"): taking_uploads,
    ("api_handler", "s3:PutObject", "jobs/"): submitting_large,
    ("api_handler", "s3:PutObject", "uploads/"): uploading,
    ("api_handler", "s3:DeleteObject", "jobs/"): erasing,
    ("api_handler", "s3:ListBucket", "bucket"): erasing,
    ("api_handler", "sqs:SendMessage", "default"): sending("default"),
    ("api_handler", "sqs:SendMessage", "heavy"): sending("heavy"),
    ("api_handler", "sqs:SendMessage", "webhooks"): canceling_told,
    ("api_handler", "execute-api:ManageConnections", "connections"): telling_of_a_cancel,
    **{
        (f"{lane}_worker", *needed): work(lane) for lane in TASKS for needed, work in WORKER.items()
    },
    ("default_worker", "sqs:SendMessage", "default"): trying_again("default"),
    ("default_worker", "sqs:SendMessage", "webhooks"): telling("default"),
    ("heavy_worker", "sqs:SendMessage", "heavy"): trying_again("heavy"),
    ("heavy_worker", "sqs:SendMessage", "webhooks"): telling("heavy"),
    ("webhooks_worker", "dynamodb:GetItem", "table"): delivering,
    ("webhooks_worker", "dynamodb:UpdateItem", "table"): delivering,
    ("webhooks_worker", "sqs:SendMessage", "webhooks"): delivering_again,
    ("sweep", "dynamodb:BatchGetItem", "table"): reminding("default"),
    ("sweep", "dynamodb:UpdateItem", "table"): reminding("default"),
    ("sweep", "dynamodb:PutItem", "table"): expiring,
    ("sweep", "dynamodb:Query", "due"): reminding("default"),
    ("sweep", "dynamodb:Query", "table"): ending_erasures,
    ("sweep", "dynamodb:DeleteItem", "table"): ending_erasures,
    ("sweep", "dynamodb:BatchWriteItem", "table"): ending_erasures,
    ("sweep", "s3:DeleteObject", "jobs/"): ending_erasures,
    ("sweep", "s3:ListBucket", "bucket"): ending_erasures,
    ("sweep", "sqs:SendMessage", "default"): reminding("default"),
    ("sweep", "sqs:SendMessage", "heavy"): reminding("heavy"),
    ("sweep", "sqs:SendMessage", "webhooks"): expiring,
    ("sweep", "sqs:GetQueueAttributes", "default"): reminding("default"),
    ("sweep", "sqs:GetQueueAttributes", "heavy"): reminding("heavy"),
    ("sweep", "sqs:GetQueueAttributes", "webhooks"): reminding("webhooks"),
    ("sweep", "execute-api:ManageConnections", "connections"): telling_of_a_deadline,
    ("websocket_connect", "dynamodb:GetItem", "table"): connecting_first,
    ("websocket_connect", "dynamodb:PutItem", "table"): connecting,
    ("websocket_message", "dynamodb:GetItem", "table"): subscribing,
    ("websocket_message", "dynamodb:PutItem", "table"): subscribing,
    ("websocket_message", "dynamodb:UpdateItem", "table"): subscribing,
    ("websocket_message", "dynamodb:DeleteItem", "table"): answering_nobody,
    ("websocket_message", "dynamodb:BatchWriteItem", "table"): unsubscribing,
    ("websocket_message", "execute-api:ManageConnections", "connections"): subscribing,
    ("websocket_disconnect", "dynamodb:DeleteItem", "table"): leaving,
    ("websocket_disconnect", "dynamodb:BatchWriteItem", "table"): leaving_jobs,
}


def work_that_needs(permission: Permission) -> Callable[[Lab], Act]:
    return WORKS[permission.function, permission.action, permission.place]
