"""Files, up and down: past the API, by presigned URLs, and none of our credentials go there."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from overtime.errors import TransferFailed
from overtime.exchange import Exchange
from overtime.models import Artifact, UploadTicket
from overtime.steps import Answer, Call, OnBytes, Send, Source, Steps, Target

FRESH_URLS = 3  # presigned URLs expire
File = str | os.PathLike[str] | bytes
Files = Mapping[str, File | Sequence[File]]
OnUpload = Callable[[str, int, int], object]
"""Called with the file's name, the bytes sent so far, and the bytes in all."""


@dataclass
class Transfers:
    http: Exchange
    new_key: Callable[[], str]

    def uploaded(
        self, files: File | Sequence[File], on_upload: OnUpload | None, until: float | None
    ) -> Steps[str | list[str]]:
        if isinstance(files, (str, os.PathLike, bytes)):
            return (yield from self.upload(files, on_upload, until))
        ids = []
        for one in files:
            ids.append((yield from self.upload(one, on_upload, until)))
        return ids

    def upload(
        self, file: File, on_upload: OnUpload | None = None, until: float | None = None
    ) -> Steps[str]:
        """The id to name in params. A PUT without an answer is sent again from the start; the
        place can be written once, so 412 then means that the first one arrived."""
        content = file if isinstance(file, bytes) else Path(file)
        name = "file" if isinstance(content, bytes) else content.name
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        wanted = {
            "filename": name,
            "content_type": mimetypes.guess_type(name)[0] or "application/octet-stream",
            "size": size,
        }
        report = None if on_upload is None else lambda done, whole: on_upload(name, done, whole)
        for _ in range(FRESH_URLS):
            made = yield from self.http.call("POST", "/uploads", body=wanted, until=until)
            ticket = self.http.decoded(made, UploadTicket)
            place, source = ticket.upload, Source(content, size=size, on_bytes=report)
            put = Send(place.method, place.url, place.headers, source, seconds=120)
            answer = yield from self.http.exchange(put, until)
            if answer.status < 300 or (answer.status == 412 and answer.repeated):
                return ticket.id
        raise TransferFailed(f"{name} could not be uploaded: the store answers {said(answer)}.")

    def download(
        self,
        place: str,
        artifact: Artifact,
        path: Path,
        on_bytes: OnBytes | None = None,
        until: float | None = None,
    ) -> Steps[Path]:
        """Into a file, or into a folder under its own name. It goes on where it broke off, and the
        file appears once it is whole."""
        if path.is_dir():
            if Path(artifact.name).name != artifact.name:
                raise TransferFailed(f"The artifact's name {artifact.name!r} is no file's name.")
            path = path / artifact.name
        part = path.with_name(f".{path.name}.{self.new_key()[:8]}.part")
        try:
            for _ in range(FRESH_URLS):
                answer = yield from self.http.call("GET", place, until=until)
                into = Target(part, size=artifact.size, on_bytes=on_bytes)
                answer = yield from self.followed(answer, until, into)
                if answer.status in (200, 206):
                    yield Call(part.replace, (path,))
                    return path
        finally:
            part.unlink(missing_ok=True)
        raise TransferFailed(f"{artifact.name}: the store answers {said(answer)}.")

    def followed(
        self, answer: Answer, until: float | None, into: Target | None = None
    ) -> Steps[Answer]:
        """What is stored elsewhere, without our credentials."""
        if answer.status != 303:
            return answer
        place = Send("GET", answer.headers["location"], into=into)
        found = yield from self.http.exchange(place, until)
        if found.status >= 300 and into is None:
            raise TransferFailed(f"The result cannot be read: the store answers {said(found)}.")
        return found


def said(answer: Answer) -> str:
    """A store's refusal: its status, and the code in its XML."""
    code = answer.body.partition(b"<Code>")[2].partition(b"</Code>")[0][:60]
    return f"{answer.status} {code.decode('ascii', 'replace')}".strip()
