"""What S3 answers besides yes and no."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.aws.payloads import Payloads
from chalicelib.domain.errors import Unavailable


class Client:
    """Answers that it deleted everything but for one key."""

    def get_paginator(self, _: str) -> Client:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"Contents": [{"Key": "jobs/1/a"}, {"Key": "jobs/1/b"}], "IsTruncated": False}]

    def delete_objects(self, **_: Any) -> dict[str, Any]:
        error = {"Key": "jobs/1/b", "Code": "InternalError", "Message": "Please try again."}
        return {"Errors": [error]}


def test_an_object_that_s3_did_not_delete_is_not_taken_for_erased() -> None:
    with pytest.raises(Unavailable):
        Payloads(lambda: Client(), "bucket").erase("jobs/1/", 1_000)  # type: ignore[arg-type,return-value]
