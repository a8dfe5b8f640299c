"""Uploads: the client puts its bytes straight into the bucket, and names them in params."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from chalicelib.domain.errors import FieldError, InvalidRequest, refuse_any
from chalicelib.domain.params import UPLOAD_ID
from chalicelib.domain.tickets import UploadTicket
from chalicelib.domain.values import strings_in
from chalicelib.ports.system import System

UPLOAD_SECONDS = 3_600
# A whole string of JSON text, its quotes included: an escaped quote follows a backslash.
_NAMED = re.compile(rf'(?<!\\)"({UPLOAD_ID.pattern})"')
UPLOADS_AT_MOST = 500  # of one job's params: each is a call to S3, and the API has 29 seconds


def create(system: System, owner: str, content_type: str, size: int) -> UploadTicket:
    """A presigned PUT by which `size` bytes can be written once."""
    upload_id = f"upload:{system.new_id()}"
    url, headers = system.payloads.upload_url(
        upload_key(owner, upload_id), content_type, size, UPLOAD_SECONDS
    )
    expires_at = system.clock.now() + UPLOAD_SECONDS * 1_000
    return UploadTicket(upload_id, url, headers, expires_at)


def check(system: System, owner: str, params: Any, text: str) -> None:
    """Every upload that params name, anywhere in them, exists and is this owner's. `text` is the
    params as JSON, in which they are found without a walk."""
    named = set(_NAMED.findall(text))
    if len(named) > UPLOADS_AT_MOST:
        detail = f"The params name {len(named)} uploads; {UPLOADS_AT_MOST} are allowed."
        raise InvalidRequest(detail, errors=(FieldError("/params", detail),))
    missing = {one for one in named if system.payloads.size(upload_key(owner, one)) is None}
    refuse_any(
        "The params name uploads that do not exist.",
        (
            FieldError(place, "No such upload: POST /uploads first, then PUT the bytes to its url.")
            for place, one in (strings_in(params, "/params") if missing else ())
            if one in missing
        ),
    )


def upload_key(owner: str, upload_id: str) -> str:
    """The owner is part of the key, so that another's upload is simply not there."""
    folder = hashlib.sha256(owner.encode()).hexdigest()[:32]
    return f"uploads/{folder}/{upload_id.removeprefix('upload:')}"
