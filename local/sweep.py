"""Calls the sweeper's function again and again, as EventBridge's schedule would.

python -m local.sweep
"""

from __future__ import annotations

import time
import traceback
import uuid
from datetime import UTC, datetime
from typing import Any

from local import parent_watchdog
from local.invocation import ACCOUNT, REGION, Context
from local.project import load_app
from local.settings import read_settings
from local.stage import read_function

FUNCTION = "sweep"


def main() -> None:
    parent_watchdog.hold()
    stopping = parent_watchdog.stop_on_sigterm()
    settings = read_settings()
    function = read_function(FUNCTION, settings)
    handler = load_app().handler_map[FUNCTION]
    while not stopping():
        try:
            handler(scheduled_event(), Context(function))
        except Exception:
            traceback.print_exc()
        next_at = time.monotonic() + settings.sweep_seconds
        while not stopping() and time.monotonic() < next_at:
            time.sleep(0.1)


def scheduled_event() -> dict[str, Any]:
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{FUNCTION}"],
        "detail": {},
    }


if __name__ == "__main__":
    main()
