"""The `thumbnails` task: several pictures into several sizes, one step a picture.

A model for a list of things to do, of which none is done twice, whatever ends an attempt.
"""

from __future__ import annotations

import io
from typing import Annotated

import msgspec
from msgspec import Meta

from chalicelib.tasks import Job, PermanentError, RetryLater, task
from chalicelib.tasks.thumbnails.decoder import Decoder, Format, Temporary
from chalicelib.tasks.thumbnails.imaging.jpeg import LIMIT, LIMIT_IN_SCANS, MAX_SCANS
from chalicelib.tasks.thumbnails.imaging.stripped import MAX_PIXELS

MAX_BYTES = 64 * 1024 * 1024  # of a picture's file
MAX_FILES = 100  # artifacts of a job
SUFFIXES: dict[Format, str] = {"jpeg": "jpg", "png": "png", "webp": "webp"}


class ThumbnailParams(msgspec.Struct):
    images: Annotated[
        list[Annotated[str, Meta(examples=["upload:5f0c2f9e3b7d4c51a9e86d0b7a1c4e22"])]],
        Meta(
            min_length=1,
            max_length=MAX_FILES,
            description="Uploads' ids or URLs of JPEG, PNG, WebP or GIF files, each of up to"
            f" {MAX_BYTES >> 20} MiB and {MAX_PIXELS:,} pixels. A JPEG may have {LIMIT:,} pixels;"
            f" a progressive one {LIMIT_IN_SCANS:,}, in {MAX_SCANS} scans.",
        ),
    ]
    sizes: Annotated[
        list[Annotated[int, Meta(ge=16, le=4096)]],
        Meta(
            min_length=1, max_length=10, description="Longest edges, in pixels.", examples=[[200]]
        ),
    ]
    format: Annotated[
        Format | None, Meta(description="As the picture is, if not given; PNG for a GIF.")
    ] = None

    def __post_init__(self) -> None:
        if len(set(self.sizes)) < len(self.sizes):
            raise ValueError("sizes must not name one twice")
        if len(self.images) * len(self.sizes) > MAX_FILES:
            raise ValueError(f"these would be more than {MAX_FILES} thumbnails: submit more jobs")


class Thumbnail(msgspec.Struct):
    artifact: str
    width: int
    height: int


class Picture(msgspec.Struct):
    """What came of one picture: thumbnails, or an error."""

    source: str
    thumbnails: list[Thumbnail] = []
    error: str | None = None


@task("thumbnails", lane="heavy")
def thumbnails(job: Job, params: ThumbnailParams) -> list[Picture]:
    """Scale pictures down to fit into squares of the sizes asked for; none is scaled up.

    Attaches 1-200.jpg and so on: the picture's place in `images`, and the size. It looks as a
    browser shows the picture, of an animation its first frame, and has none of its metadata but
    a colour profile. A picture that cannot be read is reported; if none can, the job fails. One
    that cannot be fetched is tried again, once the others are made, as long as there are attempts.
    """
    # A checkpoint, not `job.once`: what `once` stores stays although the worker crashes, and
    # the files attached since the last heartbeat do not. Checkpoint and files are recorded in
    # one write, so a picture that is in the checkpoint has its files.
    done = msgspec.convert(job.state or [], list[Picture | None])  # None: to be tried again
    waiting = [place for place, picture in enumerate(done) if picture is None]
    last = job.attempt >= job.max_attempts
    failures: list[Temporary] = []
    with Decoder() as decoder:
        for place in [*range(len(done), len(params.images)), *waiting]:
            share = sum(picture is not None for picture in done) / len(params.images)
            job.progress(share, f"Picture {place + 1} of {len(params.images)}")
            picture, settled = Picture(params.images[place]), True
            try:
                make(job, decoder, place + 1, picture, params)
            except PermanentError as error:
                picture.error = str(error)
            except Temporary as error:
                picture.error, settled = str(error), last
                failures.append(error)
            done[place : place + 1] = [picture if settled else None]
            job.checkpoint(done)
    if failures and not last:
        raise again(failures)
    pictures = [picture for picture in done if picture is not None]
    if all(picture.error for picture in pictures):
        job.checkpoint([])  # should the client retry, it is to begin anew
        raise PermanentError(f"No picture could be read. The first: {pictures[0].error}")
    return pictures


def make(
    job: Job, decoder: Decoder, number: int, picture: Picture, params: ThumbnailParams
) -> None:
    data = read(job, picture.source)
    for size, made, file in decoder.thumbnails(data, params.sizes, params.format):
        name = f"{number}-{size}.{SUFFIXES[made.format]}"
        job.attach(name, file, f"image/{made.format}")
        picture.thumbnails.append(Thumbnail(name, made.width, made.height))


def read(job: Job, source: str) -> bytes:
    try:
        with io.BufferedReader(job.open(source)) as stream:
            data = stream.read(MAX_BYTES + 1)
    except PermanentError:
        raise
    except Exception as error:  # of the network, the other side or the bucket
        raise Temporary(str(error), getattr(error, "delay_seconds", None)) from error
    if len(data) > MAX_BYTES:
        raise PermanentError(f"The file is over {MAX_BYTES >> 20} MiB.")
    return data


def again(failures: list[Temporary]) -> Exception:
    """When the last of those that named a time is ready, or else by the task's backoff."""
    message = f"Pictures that wait for another attempt: {len(failures)}. The first: {failures[0]}"
    delays = [one.delay for one in failures if one.delay is not None]
    return RetryLater(max(delays), message) if delays else Temporary(message)
