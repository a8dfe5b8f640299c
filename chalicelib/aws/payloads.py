"""The bucket: params, results, checkpoints, artifacts and uploads."""

from __future__ import annotations

import os
import shutil
import tempfile
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import msgspec
from botocore.exceptions import ClientError

from chalicelib.aws.errors import code, unavailable
from chalicelib.domain.source import Source

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHUNK = 256 * 1024  # bytes
SPOOLED_IN_MEMORY = 8 * 1024 * 1024  # bytes; a larger body goes to a temporary file
DELETE_AT_ONCE = 1_000  # keys: S3's limit on DeleteObjects
MISSING = frozenset({"404", "NoSuchKey", "NotFound"})


class Payloads(msgspec.Struct, frozen=True):
    """Implements ports.PayloadStore on one S3 bucket."""

    client: Callable[[], S3Client]
    bucket: str

    def put(self, key: str, body: bytes | Path | BinaryIO, content_type: str) -> int:
        with _repeatable(body) as source, unavailable("bucket"):
            size = len(source) if isinstance(source, bytes) else _size(source)
            self.client().put_object(
                Bucket=self.bucket, Key=key, Body=source, ContentType=content_type
            )
            return size

    def get(self, key: str) -> bytes:
        with unavailable("bucket"):
            try:
                return self.client().get_object(Bucket=self.bucket, Key=key)["Body"].read()
            except ClientError as error:
                if code(error) in MISSING:
                    raise FileNotFoundError(key) from None
                raise

    def open(self, key: str, start: int) -> Source:
        with unavailable("bucket"):
            try:
                size = self.size(key)
                if size is None:
                    raise FileNotFoundError(key)
                if start >= size:
                    return Source(iter(()), 0)
                answer = self.client().get_object(
                    Bucket=self.bucket, Key=key, Range=f"bytes={start}-"
                )
            except ClientError as error:
                if code(error) in MISSING:
                    raise FileNotFoundError(key) from None
                raise
        return Source(answer["Body"].iter_chunks(CHUNK), size - start, answer["Body"].close)

    def size(self, key: str) -> int | None:
        with unavailable("bucket"):
            try:
                return self.client().head_object(Bucket=self.bucket, Key=key)["ContentLength"]
            except ClientError as error:
                if code(error) in MISSING:
                    return None
                raise

    def upload_url(
        self, key: str, content_type: str, size: int, seconds: int
    ) -> tuple[str, Mapping[str, str]]:
        # The signature covers all of them. So S3 refuses another length, and a second PUT to the
        # same key (If-None-Match, S3's conditional writes).
        params = {
            "Bucket": self.bucket,
            "Key": key,
            "ContentType": content_type,
            "ContentLength": size,
            "IfNoneMatch": "*",
        }
        url = self._presigned("put_object", params, seconds)
        headers = {"Content-Type": content_type, "Content-Length": str(size), "If-None-Match": "*"}
        return url, headers

    def download_url(self, key: str, filename: str | None, content_type: str, seconds: int) -> str:
        params: dict[str, Any] = {
            "Bucket": self.bucket,
            "Key": key,
            "ResponseContentType": content_type,
        }
        if filename is not None:
            quoted = urllib.parse.quote(filename)  # RFC 6266, section 4.1, with RFC 8187
            params["ResponseContentDisposition"] = f"attachment; filename*=UTF-8''{quoted}"
        return self._presigned("get_object", params, seconds)

    def _presigned(self, operation: str, params: Mapping[str, Any], seconds: int) -> str:
        with unavailable("bucket"):  # signing makes no call, but fails without credentials
            return self.client().generate_presigned_url(operation, Params=params, ExpiresIn=seconds)

    def delete(self, keys: Sequence[str]) -> None:
        remaining = iter(keys)
        with unavailable("bucket"):
            while batch := list(islice(remaining, DELETE_AT_ONCE)):
                objects: Any = [{"Key": key} for key in batch]
                answer = self.client().delete_objects(
                    Bucket=self.bucket, Delete={"Objects": objects, "Quiet": True}
                )
                for error in answer.get("Errors", []):  # errors of single keys, in a 200 answer
                    raise ClientError({"Error": error}, "DeleteObjects")

    def erase(self, prefix: str, at_most: int) -> bool:
        erased = 0
        with unavailable("bucket"):
            pages = self.client().get_paginator("list_objects_v2")
            for page in pages.paginate(
                Bucket=self.bucket,
                Prefix=prefix,
                PaginationConfig={"PageSize": min(at_most, DELETE_AT_ONCE)},
            ):
                keys = [one["Key"] for one in page.get("Contents", [])]
                if keys:
                    self.delete(keys)
                erased += len(keys)
                if erased >= at_most and page["IsTruncated"]:
                    return False
        return True


@contextmanager
def _repeatable(body: bytes | Path | BinaryIO) -> Iterator[bytes | BinaryIO]:
    """A body that the SDK can read again from its start, to sign it and to repeat the call. A file
    that cannot seek, or is not at its start, is copied first."""
    if isinstance(body, bytes):
        yield body
    elif isinstance(body, Path):
        with body.open("rb") as file:
            yield file
    elif not hasattr(body, "read"):
        yield bytes(memoryview(cast(Any, body)))
    elif body.seekable() and body.tell() == 0:
        yield body
    else:
        with tempfile.SpooledTemporaryFile(SPOOLED_IN_MEMORY) as copy:
            shutil.copyfileobj(body, copy)
            copy.seek(0)
            yield cast(BinaryIO, copy)


def _size(file: BinaryIO) -> int:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size
