"""Uploads: the client puts its bytes straight into the bucket, and names them in params."""

from __future__ import annotations

import hashlib
from typing import Any

from chalicelib.domain.errors import FieldError, InvalidRequest
from chalicelib.domain.params import UPLOAD_ID
from chalicelib.domain.tickets import UploadTicket
from chalicelib.domain.values import strings_in
from chalicelib.ports.system import System

UPLOAD_SECONDS = 3_600
UPLOADS_AT_MOST = 500  # of one job's params: each is a call to S3, and the API has 29 seconds


def create(system: System, owner: str, content_type: str, size: int) -> UploadTicket:
    """A presigned PUT by which `size` bytes can be written once."""
    upload_id = f"upload:{system.new_id()}"
    url, headers = system.payloads.upload_url(
        upload_key(owner, upload_id), content_type, size, UPLOAD_SECONDS
    )
    expires_at = system.clock.now() + UPLOAD_SECONDS * 1_000
    return UploadTicket(upload_id, url, headers, expires_at)


def check(system: System, owner: str, params: Any) -> None:
    """Every upload that params name, anywhere in them, exists and is this owner's."""
    named: dict[str, list[str]] = {}
    for pointer, text in strings_in(params, "/params"):
        if UPLOAD_ID.fullmatch(text):
            named.setdefault(text, []).append(pointer)
    if len(named) > UPLOADS_AT_MOST:
        detail = f"The params name {len(named)} uploads, and may name {UPLOADS_AT_MOST}."
        raise InvalidRequest(detail, errors=(FieldError("/params", detail),))
    missing = tuple(
        FieldError(pointer, "No such upload: POST /uploads first, then PUT the bytes to its url.")
        for upload_id, pointers in named.items()
        if system.payloads.size(upload_key(owner, upload_id)) is None
        for pointer in pointers
    )
    if missing:
        raise InvalidRequest("The params name uploads that do not exist.", errors=missing)


def upload_key(owner: str, upload_id: str) -> str:
    """The owner is part of the key, so that another's upload is simply not there."""
    folder = hashlib.sha256(owner.encode()).hexdigest()[:32]
    return f"uploads/{folder}/{upload_id.removeprefix('upload:')}"
