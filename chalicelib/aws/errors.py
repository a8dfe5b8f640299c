"""Errors of AWS calls, turned into the service's own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.errors import Unavailable
from chalicelib.telemetry.metrics import Metric

logger = logging.getLogger(__name__)


def code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def unavailable(what: str) -> Iterator[None]:
    """Turns every unexpected AWS error, and a missing answer, into Unavailable: the service then
    does not know whether the call had an effect."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        metrics = {Metric.AWS_FAILURES: 1}
        logger.warning("aws_failed", extra={"edge": what, "text": str(error), "metrics": metrics})
        raise Unavailable(f"The {what} could not be reached or did not answer.") from error
