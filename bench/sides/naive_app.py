"""What a team writes first: a Chalice app that stores a record without conditions, and sends."""

import json
import time
import uuid
from typing import Any

import boto3
from chalice import Chalice, NotFoundError, Response

TABLE, QUEUE = "naive", "naive"
app = Chalice(app_name="naive")
clients: dict[str, Any] = {}


def client(name: Any) -> Any:
    if name not in clients:
        clients[name] = boto3.client(name)
    return clients[name]


def queue_url() -> Any:
    if "url" not in clients:
        clients["url"] = client("sqs").get_queue_url(QueueName=QUEUE)["QueueUrl"]
    return clients["url"]


def view(item: Any) -> Any:
    seen = {name: next(iter(value.values())) for name, value in item.items()}
    for name in ("params", "result"):
        if name in seen:
            seen[name] = json.loads(seen[name])
    return seen


@app.route("/jobs", methods=["POST"])
def submit() -> Response:
    request: Any = app.current_request
    body = request.json_body
    item = {
        "id": {"S": uuid.uuid4().hex},
        "owner": {"S": "all"},
        "task": {"S": body["task"]},
        "params": {"S": json.dumps(body["params"])},
        "status": {"S": "queued"},
        "created": {"N": str(time.time())},
    }
    client("dynamodb").put_item(TableName=TABLE, Item=item)
    client("sqs").send_message(
        QueueUrl=queue_url(), MessageBody=json.dumps({**body, "id": item["id"]["S"]})
    )
    return Response(view(item), status_code=202)


@app.route("/jobs/{job_id}")
def read(job_id: str) -> Any:
    found = client("dynamodb").get_item(TableName=TABLE, Key={"id": {"S": job_id}}).get("Item")
    if found is None:
        raise NotFoundError(job_id)
    return view(found)


@app.route("/jobs")
def list_jobs() -> Any:
    found = client("dynamodb").query(
        TableName=TABLE,
        IndexName="owner",
        KeyConditionExpression="#o = :o",
        ExpressionAttributeNames={"#o": "owner"},
        ExpressionAttributeValues={":o": {"S": "all"}},
        ScanIndexForward=False,
        Limit=20,
    )
    return {"jobs": [view(one) for one in found["Items"]]}


def set_status(job_id: str, status: str, **more: Any) -> None:
    values: dict[str, Any] = {"status": {"S": status}, **more}
    client("dynamodb").update_item(
        TableName=TABLE,
        Key={"id": {"S": job_id}},
        UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
        ExpressionAttributeNames={f"#{name}": name for name in values},
        ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        ReturnValues="ALL_NEW",
    )


@app.on_sqs_message(queue=QUEUE, batch_size=1)
def worker(event: Any) -> None:
    for message in event:
        job = json.loads(message.body)
        set_status(job["id"], "running")
        result = {"number": job["params"]["number"] + 1}
        set_status(job["id"], "succeeded", result={"S": json.dumps(result)})
