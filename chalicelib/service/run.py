"""A running job: the object that a task calls `job`."""

from __future__ import annotations

import itertools
import logging
import mimetypes
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from chalicelib.domain.children import Child
from chalicelib.domain.errors import PermanentError
from chalicelib.domain.events import LogLine, event_position
from chalicelib.domain.handle import Job, Named
from chalicelib.domain.job import Artifact, JobRecord, Progress, Stored
from chalicelib.domain.response import HttpResponse
from chalicelib.domain.secret import NAME as SECRET_NAME
from chalicelib.domain.secret import NAME_RULE, without_secrets
from chalicelib.domain.source import Source
from chalicelib.domain.text import printable
from chalicelib.domain.values import decode_json
from chalicelib.domain.verbs import PendingOutput
from chalicelib.ports.system import System
from chalicelib.service.arguments import arguments_of, require
from chalicelib.service.maps import Maps
from chalicelib.service.sources import key_of
from chalicelib.service.stash import CHECKPOINT_INLINE, fetch, json_text, stash
from chalicelib.service.steps import Steps

T = TypeVar("T")
logger = logging.getLogger(__name__)

MESSAGE_AT_MOST = 500  # characters of a progress message: it is in every status body
LINE_AT_MOST = 2_000  # characters of a log line
LINES_AT_MOST = 1_000  # stored lines of an attempt; further ones are in the service's log only
ARTIFACTS_AT_MOST = 100  # the record lists them, and has to stay small
ARTIFACT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")  # safe in any URL
CONTENT_TYPE = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,199}")


class Run(Job):
    """Implements Job over the ports. The task calls it in one thread; the heartbeat takes its
    output from another."""

    def __init__(self, system: System, record: JobRecord, ends_at: int) -> None:
        self.system = system
        self.record = record
        self.lease_token = record.lease_token
        self.ends_at = ends_at  # when the task has to stop (epoch ms)
        self.interrupts = system.interrupts()
        self.steps = Steps(system, record, self.interrupts, self.time_left)
        self.maps = Maps(self.steps, self._has_written)
        self.on_news: Callable[[], None] = lambda: None
        self.id = record.id
        self.key = f"{record.id}-{record.uid}"
        self.attempt = record.attempt
        self.max_attempts = record.max_attempts
        self._saved: str | None = None
        self.state = None
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self._checkpoint: Stored | None = None
        self._artifacts = record.artifacts
        self._artifacts_changed = False
        self._lines: list[LogLine] = []
        self._numbers = itertools.count(1)
        self._logged = 0
        self._secrets: dict[str, str] = {}  # those that the task has read
        # Keys of objects to delete once the record no longer names them.
        kept = record.checkpoint.key if record.checkpoint else None
        self._replaceable: set[str] = set() if kept is None else {kept}
        self.moved = False  # whether this invocation has saved a new checkpoint

    def resume(self) -> None:
        """Fetch the state of the last checkpoint."""
        if self.record.checkpoint is not None:
            gone = "The job's checkpoint no longer exists, so it cannot continue."
            self._saved = fetch(self.system, self.record.checkpoint, gone)
            self.state = decode_json(self._saved)

    # ── what a task calls ──

    def progress(self, fraction: float, message: str = "") -> None:
        with arguments_of("progress"):
            share = min(max(0.0, float(fraction)), 1.0)  # this order makes nan 0
            progress = Progress(round(share * 100, 1), self.shown(message)[:MESSAGE_AT_MOST])
        with self._news():
            self._progress = progress

    def log(self, message: str) -> None:
        with arguments_of("log"):
            message = self.shown(message)
        logger.info("job_log", extra={"text": message})
        with self._news():
            self._logged += 1
            if self._logged > LINES_AT_MOST:
                return
            if self._logged == LINES_AT_MOST:
                message = "(The service's log has the further lines of this attempt.)"
            now = self.system.clock.now()
            position = event_position(now, f"1{self._new_name()}")
            text, run = message[:LINE_AT_MOST], self.record.generation + 1
            self._lines.append(LogLine(now, self.attempt, text, position, run))

    def attach(
        self, name: str, data: bytes | str | Path | BinaryIO, content_type: str | None = None
    ) -> None:
        with arguments_of("attach"):
            if not ARTIFACT_NAME.fullmatch(name):
                raise ValueError(
                    f"{name!r} cannot name an artifact: use 1 to 128 of A-Z a-z 0-9 . _ -, a letter"
                    " or digit first"
                )
            guessed = content_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
            if not CONTENT_TYPE.fullmatch(guessed):
                raise ValueError(f"{guessed!r} is not a content type such as text/csv")
            body = data.encode() if isinstance(data, str) else data
        others = tuple(one for one in self._artifacts if one.name != name)
        if len(others) >= ARTIFACTS_AT_MOST:
            raise PermanentError(f"A job can have {ARTIFACTS_AT_MOST} artifacts at most.")
        with self.interrupts.shielded():
            key = self.new_key("artifacts")
            try:
                size = self.system.payloads.put(key, body, guessed)
            except TypeError as error:
                raise PermanentError(f"job.attach: {name} cannot be stored: {error}") from error
        with self._news():
            self._replaceable.update(one.key for one in self._artifacts if one.name == name)
            others = tuple(one for one in self._artifacts if one.name != name)
            self._artifacts = (*others, Artifact(name, guessed, size, key))
            self._artifacts_changed = True

    def once(self, step: str, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return self.steps.once(step, function, *args, **kwargs)

    def map(
        self, step: str, task: Named | str, items: Iterable[Any], *, on_failure: str = "keep"
    ) -> Sequence[Child]:
        return self.maps.map(step, task, items, on_failure)

    def sleep(self, step: str, seconds: float) -> None:
        self.steps.sleep(step, seconds)

    def ask(self, step: str, *, prompt: str, timeout: float) -> Any:
        return self.steps.ask(step, prompt, timeout)

    def answer_url(self, step: str, timeout: float) -> str:
        return self.steps.answer_url(step, timeout)

    def checkpoint(self, state: Any) -> None:
        text = json_text(state, "checkpoint")  # now: the task may change the object later
        with self._news():
            self._checkpoint = Stored(text=text)
            self.moved = self.moved or text != self._saved

    def open(self, source: str, start: int = 0) -> Source:
        with arguments_of("open"):
            require("source", source, str)
            require("start", start, int)
            if start < 0:
                raise ValueError(f"start is {start}; it must be 0 or more (bytes)")
        with self.interrupts.shielded():
            key = key_of(self.system, self.record, self._artifacts, source)
            if key is None:
                return self.system.web.open(source, start)
            try:
                return self.system.payloads.open(key, start)
            except FileNotFoundError:
                raise PermanentError(f"{source} no longer exists.") from None

    def secret(self, name: str) -> str:
        with arguments_of("secret"):
            require("name", name, str)
            if not SECRET_NAME.fullmatch(name):
                raise ValueError(f"{name!r} cannot name a secret: {NAME_RULE}")
        with self.interrupts.shielded():
            value = self.system.task_secrets().read(name, self.system.clock.now())
        self._secrets[name] = value
        return value

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
        with arguments_of("request"):
            require("method", method, str)
            require("url", url, str)
            require("headers", headers, Mapping, type(None))
            require("body", body, bytes, type(None))
            require("timeout", timeout, int, float)
            require("max_bytes", max_bytes, int)
        self.interrupts.check()
        return self.system.web.request(method, url, headers or {}, body, timeout, max_bytes)

    def time_left(self) -> float:
        return max(0.0, (self.ends_at - self.system.clock.now()) / 1_000)

    # ── what the heartbeat and the worker take ──

    def shown(self, text: str) -> str:
        """The text as clients and the service's log may see it."""
        return printable(without_secrets(text, self._secrets))

    @property
    def has_news(self) -> bool:
        found = (self._progress, self._checkpoint)
        waiting = bool(self._lines) or self._artifacts_changed
        return waiting or any(one is not None for one in found)

    def take_output(self) -> PendingOutput:
        """The output that is not written yet. If it holds a checkpoint, it also holds all artifacts
        attached before that checkpoint, so that the next invocation finds both."""
        with self._lock:
            checkpoint = self._checkpoint
        stored = self._stored(checkpoint)  # before anything is taken, since this may fail
        with self._lock:
            if self._checkpoint is checkpoint:
                self._checkpoint = None
            artifacts = self._artifacts if self._artifacts_changed else None
            found = PendingOutput(self._progress, stored, artifacts)
            self._progress, self._artifacts_changed = None, False
        return found

    def give_back(self, found: PendingOutput) -> None:
        """Puts back what could not be written, unless the task has newer output."""
        with self._lock:
            self._progress = self._progress or found.progress
            self._checkpoint = self._checkpoint or found.checkpoint
            self._artifacts_changed = self._artifacts_changed or found.artifacts is not None

    def drop_checkpoint(self) -> None:
        """The task has finished: nothing will continue from a checkpoint."""
        with self._lock:
            self._checkpoint = None

    def store_logs(self) -> None:
        """Lines that cannot be stored wait for the next call: they must not cost the lease or the
        outcome."""
        with self._lock:
            lines = tuple(self._lines)
        if not lines:
            return
        try:
            self.system.jobs.log(self.record, lines, self.record.beside_until)
        except Exception:
            logger.exception("log_lines_failed")
            return
        with self._lock:
            del self._lines[: len(lines)]

    def _stored(self, checkpoint: Stored | None) -> Stored | None:
        """The checkpoint as the record holds it: a large one is an object in the bucket."""
        if checkpoint is None or checkpoint.text is None:
            return checkpoint
        key = self.new_key("checkpoints")
        stored = stash(self.system, key, checkpoint.text, CHECKPOINT_INLINE)
        if stored.key is not None:
            self._replaceable.add(stored.key)
        return stored

    def new_key(self, kind: str) -> str:
        """A fresh key for an object in the bucket."""
        return f"{self.record.prefix}{kind}/{self._new_name()}"

    def _new_name(self) -> str:
        """Contains the lease token, so that no other attempt uses the same name."""
        return f"{self.lease_token}-{next(self._numbers):06d}"

    def delete_replaced(self, after: JobRecord) -> None:
        """Delete the objects that the record no longer names. `after` was written by this attempt,
        so no later write can name them again. A failure costs only storage."""
        named = {one.key for one in (after.checkpoint, *after.artifacts) if one is not None}
        if replaced := self._replaceable - named:
            try:
                self.system.payloads.delete(sorted(replaced))
            except Exception:
                logger.warning("replaced_objects_kept", exc_info=True)

    def _has_written(self, record: JobRecord, more_children: bool) -> None:
        self.record, self.moved = record, self.moved or more_children

    @contextmanager
    def _news(self) -> Iterator[None]:
        with self.interrupts.shielded():
            with self._lock:
                yield
            self.on_news()
