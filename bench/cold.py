"""One cold start, from the first import to the first 202: python -I -S cold.py KIND FOLDER …

Runs without this project on its path: FOLDER is the unpacked bundle, as Lambda has it. Prints CPU
and wall seconds, the peak memory and the names of the imported modules.
"""

from __future__ import annotations

import json
import os
import sys
import time

KIND, FOLDERS = sys.argv[1], sys.argv[2:]
HANDLER = {"overtime": "app", "naive": "naive_app"}
EVENT = json.loads(os.environ["EVENT"])


class Context:
    aws_request_id = "6f1d4c1e-0000-4000-8000-000000000000"
    function_name = "bench"

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


def first_submit() -> int:
    if KIND == "raw":
        import boto3

        dynamodb, sqs = boto3.client("dynamodb"), boto3.client("sqs")
        item = {"id": {"S": str(os.getpid())}, "owner": {"S": "raw"}, "created": {"N": "1"}}
        dynamodb.put_item(TableName="naive", Item=item)
        sqs.send_message(QueueUrl=os.environ["NAIVE_QUEUE_URL"], MessageBody="1")
        return 202
    app = __import__(HANDLER[KIND]).app
    return int(app(EVENT, Context())["statusCode"])


def peak_kilobytes() -> int:
    """Of this process alone: what getrusage tells begins with the parent's."""
    with open("/proc/self/status") as status:  # noqa: PTH123 - no import may count
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


if __name__ == "__main__":
    sys.path[:0] = FOLDERS
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    known = set(sys.modules)
    cpu, wall = time.process_time(), time.perf_counter()
    status = first_submit()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    if status != 202:
        sys.exit(f"{KIND} answered {status} in place of 202")
    figures = {
        "cpu": cpu,
        "wall": wall,
        "kilobytes": peak_kilobytes(),
        "modules": sorted(set(sys.modules) - known),
    }
    print(json.dumps(figures), file=answers)
