"""A request as the routes see it: its owner, its base URL, its body, headers and query."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import SplitResult, urlsplit

import msgspec
from chalice.app import Request

from chalicelib.domain.children import ChildCounts
from chalicelib.domain.errors import (
    FieldError,
    InvalidRequest,
    MalformedRequest,
    UnsupportedMediaType,
)
from chalicelib.domain.job import JobRecord, Status, Webhook
from chalicelib.domain.misfits import faults
from chalicelib.domain.task import Tasks
from chalicelib.http import preferences
from chalicelib.http.bodies import BODY_AT_MOST, parsed
from chalicelib.http.cursors import seal, unseal
from chalicelib.http.fields import EPOCH

T = TypeVar("T")

THIS_MACHINE = frozenset({"127.0.0.1", "localhost"})
LARGEST_UPLOAD = 5 * 1024**3  # bytes: S3's limit on a single PUT
ANSWER_WITHIN = 29_000  # milliseconds: API Gateway's quota on an integration
TO_ANSWER = 2_000  # milliseconds left to build the answer after a wait


class WebhookBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A URL that receives the finished job, as Standard Webhooks defines it."""

    url: Annotated[str, msgspec.Meta(max_length=2_048, description="A public https URL, port 443.")]
    events: Annotated[
        tuple[Literal["succeeded", "failed", "canceled"], ...],
        msgspec.Meta(min_length=1, description="The statuses to send; all of them by default."),
    ] = ("succeeded", "failed", "canceled")

    def seen_from(self, base: str) -> Webhook:
        return Webhook(self.url, tuple(sorted({Status(event) for event in self.events})), base)


class SubmitBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    task: Annotated[str, msgspec.Meta(max_length=64, description="A name from GET /tasks.")]
    params: Annotated[
        dict[str, Any] | msgspec.UnsetType,
        msgspec.Meta(description="See the task's schema; leave out if the task takes none."),
    ] = msgspec.UNSET
    run_at: (
        Annotated[
            datetime, msgspec.Meta(tz=True, description="When to start; at most 30 days ahead.")
        ]
        | None
    ) = None
    webhook: WebhookBody | None = None

    @property
    def run_at_ms(self) -> int | None:
        return None if self.run_at is None else (self.run_at - EPOCH) // timedelta(milliseconds=1)


class UploadBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size: Annotated[
        int,
        msgspec.Meta(
            ge=0, le=LARGEST_UPLOAD, description="In bytes. The upload must have exactly this size."
        ),
    ]
    filename: Annotated[str, msgspec.Meta(max_length=255)] = ""
    content_type: Annotated[
        str,
        msgspec.Meta(
            max_length=255,
            description="A media type such as `text/csv;charset=utf-8`; may be empty.",
            extra_json_schema={
                "pattern": r"^([A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+(;charset=[a-z0-9-]+)?)?$"
            },
        ),
    ] = ""

    @property
    def media_type(self) -> str:
        given = self.content_type.strip(" ") or "application/octet-stream"
        if not preferences.is_media_type(given):
            detail = f"{given!r} is not a media type such as text/csv or text/csv;charset=utf-8."
            raise InvalidRequest(detail, errors=(FieldError("/content_type", detail),))
        return given


class Call(msgspec.Struct, frozen=True, dict=True):
    """One request. Its links begin with `base`."""

    request: Request
    owner: str
    base: str
    secrets: Callable[[], tuple[bytes, ...]]  # those that seal; only cursors need them
    longest_wait: int  # seconds that `Prefer: wait` may ask for
    now: Callable[[], int]  # epoch milliseconds
    tasks: Tasks
    children: Callable[[JobRecord], ChildCounts | None]

    def header(self, name: str) -> str | None:
        """A header that may be given once."""
        values = self._values(name)
        if len(values) > 1:
            raise MalformedRequest(f"The header {name} is given {len(values)} times; send it once.")
        return values[0] if values else None

    def header_list(self, name: str) -> str | None:
        """A header with a list; several lines are joined (RFC 9110, 5.3)."""
        values = self._values(name)
        return ", ".join(values) if values else None

    def _values(self, name: str) -> list[str]:
        """All values of a header: repeated ones are only in `multiValueHeaders`."""
        event = self.request.to_original_event()
        repeated: Mapping[str, list[str]] = event.get("multiValueHeaders") or {}
        values = [value for key, all in repeated.items() if key.lower() == name for value in all]
        if not values and name in self.request.headers:
            values = [self.request.headers[name]]
        return [value.strip(" \t") for value in values]

    @property
    def idempotency_key(self) -> str | None:
        value = self.header("idempotency-key")
        return None if value is None else preferences.idempotency_key(value)

    @property
    def cancel_after(self) -> int | None:
        value = self.header("cancel-after")
        return None if value is None else preferences.cancel_after(value)

    @property
    def if_match(self) -> str | None:
        return self.header_list("if-match")

    @property
    def if_none_match(self) -> str | None:
        return self.header_list("if-none-match")

    @property
    def wait_until(self) -> int:
        """When to answer, at the latest (epoch ms)."""
        return self._wait[1]

    @cached_property
    def _wait(self) -> tuple[int, int]:
        """How long to hold this request as `Prefer: wait=N` asks, in ms, and until when."""
        now = self.now()
        until = self.until(preferences.wait_seconds(self._preferences, self.longest_wait), now)
        return until - now, until

    def until(self, seconds: int, now: int | None = None) -> int:
        """When to answer a request that is held for so long (epoch ms): as the stage allows, and in
        time for API Gateway, which counts from when it took the request (a cold start, and all that
        came before)."""
        now = self.now() if now is None else now
        arrived: int = self.request.context.get("requestTimeEpoch", now)
        context: Any = self.request.lambda_context
        ends_at = now + int(context.get_remaining_time_in_millis())
        ends = min(arrived + ANSWER_WITHIN, ends_at) - TO_ANSWER
        return now + max(0, min(min(seconds, self.longest_wait) * 1_000, ends - now))

    def preference_applied(self, waited: bool) -> dict[str, str]:
        """Preference-Applied (RFC 7240, section 3), where any was: a wait as long as it was allowed
        here, if the request was held for it, or had no need to be."""
        seconds = self._wait[0] // 1_000
        applied = [f"wait={seconds}"] if waited and seconds else []
        if "respond-async" in self._preferences:
            applied.append("respond-async")
        return {"Preference-Applied": ", ".join(applied)} if applied else {}

    @property
    def _preferences(self) -> dict[str, str]:
        return preferences.prefer(self.header_list("prefer") or "")

    @property
    def path(self) -> str:
        """The path below `base`."""
        resource: str = self.request.context["resourcePath"]
        return resource.format(**(self.request.uri_params or {}))

    def body(
        self,
        expected: type[T],
        first: Callable[[Any], None] = lambda value: None,
        at_most: int = BODY_AT_MOST,
    ) -> T:
        """The JSON body, of so many bytes at most, as `expected`. If it does not fit, `first` may
        raise a better error."""
        if (encoding := self.header("content-encoding") or "identity").lower() != "identity":
            raise UnsupportedMediaType(
                f"The body has Content-Encoding: {encoding}. Send it uncompressed, without one."
            )
        media_type = (self.header("content-type") or "application/json").partition(";")[0].strip()
        if media_type.lower() != "application/json":
            raise UnsupportedMediaType(
                f"The body is {media_type}: send JSON, with Content-Type: application/json."
            )
        raw = self.request.raw_body
        value = parsed(raw.encode() if isinstance(raw, str) else raw, at_most)
        try:
            return msgspec.convert(value, expected)
        except msgspec.ValidationError:
            first(value)
            detail = "The body's members do not fit; see `errors`."
            raise InvalidRequest(detail, errors=faults(expected, value, "")) from None

    def query(self, *known: str) -> dict[str, str]:
        """The query parameters. Raises MalformedRequest for others, and for repeated ones."""
        given = self.request.query_params
        if given is None:
            return {}
        for name in given:
            if name not in known:
                there = ", ".join(known)
                raise MalformedRequest(f"Unknown query parameter {name!r}; allowed are: {there}.")
            if len(given.getlist(name)) > 1:
                raise MalformedRequest(f"The query parameter {name!r} is given more than once.")
        return dict(given)

    def list_query(self, *filters: str) -> ListQuery:
        """`limit`, `cursor` and these filters. A cursor is valid for the same list only."""
        given = self.query("limit", "cursor", *filters)
        text = given.get("limit", "20")
        limit = int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 0
        if not 1 <= limit <= 100:
            raise MalformedRequest("limit must be a whole number from 1 to 100.")
        chosen = {name: given[name] for name in filters if name in given}
        scope = (self.owner, self.path, *(f"{name}={value}" for name, value in chosen.items()))
        cursor = given.get("cursor")
        position = None if cursor is None else unseal(self.secrets(), scope, cursor)
        return ListQuery(limit, position, chosen, lambda place: seal(self.secrets(), scope, place))


class ListQuery(msgspec.Struct, frozen=True):
    """`position` is where the page begins, None for the first; `cursor` seals a position."""

    limit: int
    position: str | None
    filters: Mapping[str, str]
    cursor: Callable[[str], str]

    def following(self, position: str | None) -> str | None:
        return None if position is None else self.cursor(position)

    @property
    def status(self) -> Status | None:
        text = self.filters.get("status")
        if text is None:
            return None
        shown = [status for status in Status if status is not Status.ERASING]
        if text not in shown:
            raise MalformedRequest(f"status must be one of {', '.join(shown)}.")
        return Status(text)


def base_of(request: Request, public_url: str | None) -> str:
    """The base of absolute links: the stage's setting, else the domain and path at which API
    Gateway received the request, stage path and custom domain included. Headers, which a client
    can forge, are not used."""
    if public_url:
        return _as_called(urlsplit(public_url.rstrip("/")), request.headers.get("host", ""))
    context = request.context
    if "domainName" not in context:
        return f"http://{request.headers.get('host', 'localhost')}"  # chalice local
    inside = [segment for segment in context["resourcePath"].split("/") if segment]
    path = context["path"].rstrip("/").split("/")  # API Gateway also accepts a trailing slash
    return f"https://{context['domainName']}{'/'.join(path[: len(path) - len(inside)])}"


def _as_called(public: SplitResult, host: str) -> str:
    """A local service is called as 127.0.0.1 or as localhost, and a page at one of them may not
    read from the other. So links use the host of the request."""
    port = f":{public.port}" if public.port else ""
    if public.hostname in THIS_MACHINE and host in {f"{name}{port}" for name in THIS_MACHINE}:
        public = public._replace(netloc=host)
    return public.geturl()
