"""The `fetch` task: one call of a third party's HTTP API, with bounded retries.

A model for calling third parties. It waits as long as they ask for, gives up where asking again
cannot help, and sends the job's key, by which they can tell a repeated call from a new one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from chalicelib.tasks import (
    AnswerBrokeOff,
    AnswerTooLarge,
    HttpResponse,
    Job,
    PermanentError,
    RetryLater,
    retry_after,
    task,
)

INLINE = 16 * 1024  # bytes of an answer; what is longer becomes an artifact
EXCERPT = 500  # characters of an answer in an error's message
WORTH_ANOTHER_TRY = {408, 425, 429, *range(500, 600)}
SAFE = ("GET", "HEAD")  # may be sent again, whatever became of the first (RFC 9110, section 9.2.1)

HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, section 5.1
HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
STORABLE_TYPE = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,199}")  # as job.attach takes it
CHARSET = re.compile(r"""charset\s*=\s*["']?([^\s"',;]+)""", re.IGNORECASE)
OURS = set(  # what the connection, the body and the job decide
    "accept-encoding connection content-length expect host idempotency-key keep-alive "
    "proxy-authorization proxy-connection te trailer transfer-encoding upgrade".split()
)
SHOWN = set(
    "content-encoding content-length content-type date etag last-modified link location "
    "x-request-id".split()
)


class Refused(Exception):
    """The answer was not what we wanted, and may be another time."""


class FetchParams(msgspec.Struct):
    """They are stored with the job and shown to its owner: no place for a secret."""

    url: Annotated[str, Meta(pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://\S+$", max_length=2_048)]
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    headers: Annotated[dict[str, str], Meta(max_length=32)] = {}
    json: Annotated[Any, Meta(description="The body to send; null sends none.")] = None
    expect: Annotated[
        list[Annotated[int, Meta(ge=200, le=599)]],
        Meta(description="The statuses that are success; every 2xx if not given.", max_length=32),
    ] = []
    timeout: Annotated[float, Meta(ge=1, le=60, description="Seconds.")] = 30.0

    def __post_init__(self) -> None:
        for name, value in self.headers.items():
            if not HEADER.fullmatch(name) or not HEADER_VALUE.fullmatch(value):
                raise ValueError(f"{name!r} is not a header that HTTP can send")
            if name.lower() in OURS:
                raise ValueError(f"the header {name} is not the caller's to set")
        if self.json is not None and self.method in SAFE:
            raise ValueError(f"a {self.method} has no body")


class FetchResult(msgspec.Struct, omit_defaults=True):
    """The answer: as `json` or `text` where it is that and short, else as the artifact `body`.
    It is `incomplete` where its body broke off, is over 5 MiB or could not be stored: a call that
    may have had an effect is not sent again for the sake of its answer."""

    status: int
    headers: dict[str, str]
    json: Any = None
    text: str | None = None
    artifact: str | None = None
    incomplete: bool = False


@task("fetch", max_attempts=8)
def fetch(job: Job, params: FetchParams) -> FetchResult:
    """Call an HTTP API. The stage decides which hosts may be called; redirects are not followed.

    Answers 408, 425, 429 and 5xx are tried again, when Retry-After says or with growing pauses;
    any other that is not expected fails the job. All but GET and HEAD carry an Idempotency-Key.
    """
    # Titled, so that a header is one however its name is written
    headers = {name.title(): value for name, value in params.headers.items()}
    if params.method not in SAFE:
        headers["Idempotency-Key"] = job.key
    body = None
    if params.json is not None:
        headers.setdefault("Content-Type", "application/json")
        body = msgspec.json.encode(params.json)
    incomplete = False
    try:
        answer = job.request(
            params.method, params.url, headers=headers, body=body, timeout=params.timeout
        )
    except (AnswerBrokeOff, AnswerTooLarge) as error:
        if params.method in SAFE:
            raise
        answer, incomplete = error.response, True
    if answer.status in params.expect or (not params.expect and 200 <= answer.status < 300):
        result = FetchResult(answer.status, shown(answer.headers), incomplete=incomplete)
        keep_body(job, params, answer, result)
        return result
    excerpt = " ".join(answer.body.decode("utf-8", "replace").split())[:EXCERPT]
    said = f"{urlsplit(params.url).hostname} answered {answer.status}. {excerpt}".strip()
    if answer.status not in WORTH_ANOTHER_TRY:
        raise PermanentError(said)
    delay = retry_after(answer.headers.get("retry-after", ""), time.time())
    raise Refused(said) if delay is None else RetryLater(delay, said)


def shown(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name in SHOWN}


def keep_body(job: Job, params: FetchParams, answer: HttpResponse, result: FetchResult) -> None:
    """In `result`, or with the job. The third party has answered, so nothing here may fail for a
    reason that lies in its answer: another attempt would send the call again."""
    content_type = answer.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    whole = not result.incomplete and "content-encoding" not in answer.headers
    if whole and 0 < len(answer.body) <= INLINE:
        try:
            if kind == "application/json" or kind.endswith("+json"):
                result.json = msgspec.json.decode(text_of(answer.body, content_type))
                return
            if kind.startswith("text/"):
                result.text = text_of(answer.body, content_type)
                return
        except (msgspec.DecodeError, ValueError, LookupError, RecursionError):
            pass  # not what it says it is: kept byte for byte
    if not answer.body:
        return
    kept = content_type if STORABLE_TYPE.fullmatch(content_type) else "application/octet-stream"
    try:
        job.attach("body", answer.body, kept)
        result.artifact = "body"
    except Exception as error:
        if params.method in SAFE:
            raise
        job.log(f"The answer's body could not be stored: {error}")
        result.incomplete = True


def text_of(body: bytes, content_type: str) -> str:
    """Decoded as the type declares, by UTF-8 if it does not. Raises LookupError for a charset that
    Python does not know, ValueError for bytes that it does not allow."""
    declared = CHARSET.search(content_type)
    charset = declared[1] if declared else "utf-8"
    text = body.decode(charset).removeprefix("\ufeff")
    text.encode()  # a few charsets can spell half a character, which no result can hold
    return text
