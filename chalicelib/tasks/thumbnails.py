"""The `thumbnails` task: several pictures into several sizes, one step a picture.

A model for a list of things to do, of which none is done twice, whatever ends an attempt.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from chalicelib.tasks import Job, PermanentError, task

if TYPE_CHECKING:  # a cold start pays for Pillow only where there is a picture to work on
    from PIL import Image

MAX_BYTES = 64 * 1024 * 1024  # of a picture as it comes
MAX_PIXELS = 64_000_000  # of a picture unpacked, which takes 256 MB
MAX_FILES = 100  # artifacts of a job
OPENED = ("JPEG", "PNG", "WEBP", "GIF")  # the rest of Pillow's decoders stays out of reach

Format = Literal["jpeg", "png", "webp"]
NATIVE: dict[str, Format] = {"JPEG": "jpeg", "MPO": "jpeg", "WEBP": "webp"}
SUFFIXES: dict[Format, str] = {"jpeg": "jpg", "png": "png", "webp": "webp"}


class ThumbnailParams(msgspec.Struct):
    images: Annotated[
        list[str],
        Meta(min_length=1, max_length=MAX_FILES, description="Uploads' ids or URLs."),
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

    Attaches 1-200.jpg and so on: the picture's place in `images`, and the size. A picture
    that cannot be read is reported; if none can, the job fails.
    """
    # A checkpoint, not `job.once`: what `once` stores stays although the worker crashes, and
    # the files attached since the last heartbeat do not. Checkpoint and files are recorded in
    # one write, so a picture that is in the checkpoint has its files.
    done = msgspec.convert(job.state or [], list[Picture])
    for number, source in enumerate(params.images[len(done) :], len(done) + 1):
        job.progress((number - 1) / len(params.images), f"Picture {number} of {len(params.images)}")
        done.append(one_picture(job, number, source, params))
        job.checkpoint(done)
    if all(picture.error for picture in done):
        job.checkpoint([])  # should the client retry, it is to begin anew
        raise PermanentError(f"No picture could be read. The first: {done[0].error}")
    return done


def one_picture(job: Job, number: int, source: str, params: ThumbnailParams) -> Picture:
    picture = Picture(source)
    try:
        image, native, profile = load(read(job, source), max(params.sizes))
    except PermanentError as error:  # anything else, such as a network's, is worth a retry
        picture.error = str(error)
        return picture
    target = params.format or native
    if target == "jpeg":
        image = on_white(image)
    for size in params.sizes:
        small = image.copy()
        small.thumbnail((size, size))
        # The profile goes along, for the colours; no other metadata, such as where a photo was
        # taken: Pillow writes none unasked.
        file = io.BytesIO()
        small.save(file, target, quality=85, optimize=True, icc_profile=profile)
        name = f"{number}-{size}.{SUFFIXES[target]}"
        job.attach(name, file.getvalue(), f"image/{target}")
        picture.thumbnails.append(Thumbnail(name, small.width, small.height))
    return picture


def read(job: Job, source: str) -> bytes:
    with io.BufferedReader(job.open(source)) as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise PermanentError(f"The picture is over {MAX_BYTES // 1024**2} MiB.")
    return data


def load(data: bytes, edge: int) -> tuple[Image.Image, Format, bytes | None]:
    """The picture upright, in RGB or RGBA and at most `edge` long; its format and profile."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=OPENED)
        native = NATIVE.get(image.format or "", "png")
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError(f"it has over {MAX_PIXELS:,} pixels")
        image.draft(None, (2 * edge, 2 * edge))  # a JPEG is unpacked no larger than that
        ImageOps.exif_transpose(image, in_place=True)
    except UnidentifiedImageError:
        raise PermanentError("This is not a JPEG, PNG, WebP or GIF picture.") from None
    except Exception as error:  # decoders raise what the damage leads them to
        raise PermanentError(f"The picture cannot be read: {error}") from error
    # A profile describes the picture's own channels, so a grey or CMYK one ends here.
    profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA") else None
    if image.mode.startswith("I"):  # 16 bits of grey, which `convert` would cut off at 255
        image = image.point(lambda grey: grey / 256).convert("L")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode != mode:
        image = image.convert(mode)
    image.thumbnail((edge, edge))
    return image, native, profile


def on_white(image: Image.Image) -> Image.Image:
    """For JPEG, which knows no transparency."""
    from PIL import Image

    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
    return white
