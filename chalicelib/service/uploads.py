"""Uploads: the client puts its bytes directly into the bucket, and names them in params."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from chalicelib.domain.errors import FieldError, InvalidRequest, refuse_any
from chalicelib.domain.params import UPLOAD_ID
from chalicelib.domain.tickets import UploadTicket
from chalicelib.domain.values import strings_in
from chalicelib.ports.system import System

UPLOAD_SECONDS = 3_600
# A whole string of JSON text, its quotes included: an escaped quote follows a backslash.
_NAMED = re.compile(rf'(?<!\\)"({UPLOAD_ID.pattern})"')
MISSING = "There is no such upload: POST /uploads, then PUT the bytes to its url."
UPLOADS_AT_MOST = 500  # of one job's params: each is a call to S3, and the API has 29 seconds


def create(system: System, owner: str, content_type: str, size: int) -> UploadTicket:
    """A presigned PUT that writes `size` bytes, once."""
    upload_id = f"upload:{system.new_id()}"
    url, headers = system.payloads.upload_url(
        upload_key(owner, upload_id), content_type, size, UPLOAD_SECONDS
    )
    expires_at = system.clock.now() + UPLOAD_SECONDS * 1_000
    return UploadTicket(upload_id, url, headers, expires_at)


def origins(system: System) -> list[str]:
    """URLs at the origins that a page talks to beside the API's own: the bucket's and, on a stage
    that pushes, that of the WebSocket."""
    bucket = system.payloads.download_url("uploads/any", None, "text/plain", 1)
    return [bucket, *([system.pushing.url] if system.pushing else [])]


def check(system: System, owner: str, value: Any, text: str, at: str = "/params") -> None:
    """Raises InvalidRequest unless every upload that the value names exists and is this owner's.
    `text` is the value as JSON, which is faster to search; `at` its place in the request."""
    named = named_in(text)
    if len(named) > UPLOADS_AT_MOST:
        detail = f"The request names {len(named)} uploads; {UPLOADS_AT_MOST} are allowed."
        raise InvalidRequest(detail, errors=(FieldError(at, detail),))
    gone = missing(system, owner, named)
    refuse_any(
        "The request names uploads that do not exist.",
        (
            FieldError(place, MISSING)
            for place, one in (strings_in(value, at) if gone else ())
            if one in gone
        ),
    )


def named_in(text: str) -> set[str]:
    """The uploads that a value names; `text` is the value as JSON."""
    return set(_NAMED.findall(text))


def missing(system: System, owner: str, named: Iterable[str]) -> set[str]:
    """Those that do not exist, or are another owner's. A call to S3 takes 20 to 50 ms, and a submit
    has 29 seconds, so several run at once."""

    def absent(upload_id: str) -> str | None:
        return upload_id if system.payloads.size(upload_key(owner, upload_id)) is None else None

    return {one for one in system.in_parallel(absent, sorted(named)) if one is not None}


def upload_key(owner: str, upload_id: str) -> str:
    """The owner is part of the key, so another owner's upload is not found."""
    folder = hashlib.sha256(owner.encode()).hexdigest()[:32]
    return f"uploads/{folder}/{upload_id.removeprefix('upload:')}"
