"""What Lambda hands to a function beside the event."""

from __future__ import annotations

import time
import uuid

from local.stage import Function

REGION = "us-east-1"
ACCOUNT = "000000000000"


class Context:
    """Lambda's context object, for one invocation that begins now."""

    def __init__(self, function: Function) -> None:
        self._ends_at = time.monotonic() + function.seconds
        self.function_name = function.name
        self.function_version = "$LATEST"
        self.memory_limit_in_mb = str(function.megabytes)  # a string, as in Lambda
        self.invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function.name}"
        self.aws_request_id = str(uuid.uuid4())
        self.log_group_name = f"/aws/lambda/{function.name}"
        self.log_stream_name = "local"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, round(1000 * (self._ends_at - time.monotonic())))
