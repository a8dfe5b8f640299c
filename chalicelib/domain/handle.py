"""`Job`: what a running task is given, and its only access to the system."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

from chalicelib.domain.children import Child
from chalicelib.domain.response import HttpResponse
from chalicelib.domain.source import Source

T = TypeVar("T")


class Named(Protocol):
    """A task."""

    @property
    def name(self) -> str: ...


class Job(ABC):
    """The job that a task works on. Every method may raise `Interrupted`, because the client
    canceled, the deadline passed or the Lambda invocation is ending: let it through. All methods
    still work in an `except` or a `finally`: save a checkpoint there, and clean up."""

    id: str
    key: str
    """The same in all attempts: pass it to third parties as their idempotency key."""
    attempt: int
    max_attempts: int
    state: Any
    """The state of the last `checkpoint` before this invocation, as read back from JSON; None if
    there was none."""

    @abstractmethod
    def progress(self, fraction: float, message: str = "") -> None:
        """Report how far the job is, from 0 to 1. Call it as often as you like: the service
        writes at most once a second."""

    @abstractmethod
    def log(self, message: str) -> None:
        """Add a line to the job's events and to the service's log."""

    @abstractmethod
    def attach(
        self, name: str, data: bytes | str | Path | BinaryIO, content_type: str | None = None
    ) -> None:
        """Store a file with the job; clients get it at `/jobs/{id}/artifacts/{name}`.

        A name has 1 to 128 of `A-Z a-z 0-9 . _ -`, a letter or digit first. Attaching a name
        again replaces the file. The type is guessed from the name if not given.
        """

    @abstractmethod
    def once(self, step: str, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """The result of `function(*args, **kwargs)`, called only if no attempt has stored it.

        The result must be JSON, 300 KiB at most, and is returned as JSON reads it (a tuple
        becomes a list). After a crash between the call and the storing, the next attempt calls
        again: pass `job.key` to the third party, so that it notices the repetition.
        """

    @abstractmethod
    def map(
        self, step: str, task: Named | str, items: Iterable[Any], *, on_failure: str = "keep"
    ) -> Sequence[Child]:
        """Run the task as a child job for each item, which are its params, and return the children
        in this order once all have ended. The job holds no worker meanwhile.

        Every run must give the same items. A list is checked before any child is stored. An
        iterator is checked as it is stored, and its children can have no children of their own.
        The sequence fetches 100 children at a time, so loop over it rather than make a list.

        on_failure: `keep` also returns children that failed or were canceled; with `raise`, the
        first of these wakes the job, which raises PermanentError for it. When a job ends before
        its children, they are canceled.

        A job and all its descendants are 100,000 at most, so each child may have its share.
        """

    @abstractmethod
    def sleep(self, step: str, seconds: float) -> None:
        """Go on after `seconds` at the earliest, counted from the first time that this step was
        reached. The job holds no worker meanwhile, unless the rest is short.

        `sleep` and `ask` are waiting steps: a name has 1 to 64 of `a-z 0-9 _ -`. They stop the
        task by raising `Suspended`, which must be let through; once the wait is over, the function
        runs again from its top. What has to happen once belongs in `once`.
        """

    @abstractmethod
    def ask(self, step: str, *, prompt: str, timeout: float) -> Any:
        """Wait for an answer from outside, and return it as the type that `asks` of the task names
        for this step.

        Clients see the question in `waits_for`, and answer at `/jobs/{id}/answers/{step}`; the
        first answer counts. Raises `Unanswered` (a PermanentError) after `timeout` seconds,
        counted from the first time that this step was asked.
        """

    @abstractmethod
    def answer_url(self, step: str, timeout: float) -> str:
        """A URL that takes the answer to this step without credentials, for `timeout` seconds.

        Pass it to a third party that calls back when it is done, then `ask`: the answer may come
        before. Who knows the URL can answer, so pass it to no one else.
        """

    @abstractmethod
    def checkpoint(self, state: Any) -> None:
        """Save the job's state, as JSON: the next attempt or invocation finds it in `state`.

        Call it as often as you like: the state is stored with the next heartbeat, within about a
        second, and at the latest when this attempt ends.
        """

    @abstractmethod
    def open(self, source: str, start: int = 0) -> Source:
        """Read an upload (`upload:…`), a file that this job has attached (`artifact:NAME`) or a
        URL as a stream, from byte `start` on.

        Raises PermanentError if it does not exist or its host is not allowed on this stage, and
        OSError if another attempt may help; it is also a RetryLater if the host says when.
        Reading raises OSError if the source breaks off, or sends less than 8 KiB a second over a
        minute of waiting for it.
        """

    @abstractmethod
    def secret(self, name: str) -> str:
        """A secret that the stage keeps, such as the key of a third party's API.

        `make secret STAGE=… NAME=…` sets it; running workers see a new value within five minutes.
        Raises PermanentError if there is none. Progress messages, log lines and errors of this job
        show the secret's name in place of its value; results, artifacts and checkpoints do not.
        """

    @abstractmethod
    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float = 30.0,
        max_bytes: int = 5 * 1024 * 1024,
    ) -> HttpResponse:
        """Call a third party once, without following redirects.

        `timeout` is in seconds, for the whole call. A gzip or deflate body is unpacked; one
        compressed otherwise, or damaged, stays as it is and keeps its `content-encoding` header.
        Raises PermanentError if the host is not allowed on this stage, OSError if no answer
        comes, AnswerTooLarge (a PermanentError) if the body is over `max_bytes`, and
        AnswerBrokeOff (an OSError) if it is cut off; the last two hold what has arrived. With a
        `max_bytes` of 0 the body is not read, and neither is raised.
        """

    @abstractmethod
    def time_left(self) -> float:
        """Seconds until this invocation has to end (another may then continue the job)."""
