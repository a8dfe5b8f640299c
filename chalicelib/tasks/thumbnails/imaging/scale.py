"""From a file to its thumbnails, by Pillow."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops, UnidentifiedImageError
from PIL.Image import Transpose

from . import gif, jpeg, png, webp
from .colours import to_rgb
from .stripped import MAX_PIXELS, Stripped, Unreadable

FORMATS = {  # the closed list, by how files begin
    rb"\xff\xd8\xff": jpeg.strip,
    rb"\x89PNG\r\n\x1a\n": png.strip,
    rb"RIFF....WEBP": webp.strip,
    rb"GIF8[79]a": gif.strip,
}
Image.MAX_IMAGE_PIXELS = None  # a JPEG may have more, and `stripped` has looked before Pillow does
UPRIGHT = {  # by EXIF's orientation
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Thumbnail:
    format: str
    width: int
    height: int
    data: bytes


def thumbnails(data: bytes, sizes: Sequence[int], target: str | None) -> Iterator[Thumbnail]:
    """One for each size, its longest edge. Raises Unreadable."""
    picture = stripped(data)
    image, profile = upright(picture, max(sizes))
    target = target or {"JPEG": "jpeg", "WEBP": "webp"}.get(picture.format, "png")
    if target == "jpeg" and image.mode == "RGBA":  # JPEG knows no transparency
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        image = white
    for size in sizes:
        small = image.copy()
        small.thumbnail((size, size))
        file = io.BytesIO()
        small.save(file, target, quality=85, optimize=True, icc_profile=profile or None)
        yield Thumbnail(target, small.width, small.height, file.getvalue())


def stripped(data: bytes) -> Stripped:
    """Raises Unreadable where the format is none of these four, or the picture is too large."""
    these = (strip for begin, strip in FORMATS.items() if re.match(begin, data, re.DOTALL))
    strip = next(these, None)
    if strip is None:
        raise Unreadable("This is not a JPEG, PNG, WebP or GIF picture.")
    picture = strip(data)
    pixels = picture.size[0] * picture.size[1]
    if not 0 < pixels <= picture.limit:
        raise Unreadable(f"The picture has {pixels:,} pixels; up to {picture.limit:,} are allowed.")
    return picture


def upright(picture: Stripped, edge: int) -> tuple[Image.Image, bytes]:
    """The picture in RGB or RGBA, at most `edge` long, and the profile of its colours."""
    try:
        image = unpacked(picture, picture.data, edge)
        if picture.other:
            other = unpacked(picture, picture.other, edge)
            if ImageChops.difference(image, other).getbbox():
                raise Unreadable("The file is truncated.")
    except UnidentifiedImageError:  # its message names an object in memory
        raise Unreadable("The header is damaged.") from None
    except OSError as error:
        if "truncated" in str(error).lower():  # it also counts bytes
            raise Unreadable("The file is truncated.") from None
        raise
    image = in_bytes(picture, image)
    if picture.place and image.size != picture.size:
        frame, image = image, Image.new("RGBA", picture.size)
        image.paste(frame, picture.place)
    image.thumbnail((edge, edge))
    image, profile = to_rgb(image, picture.profile)
    turn = UPRIGHT.get(picture.orientation)
    return (image if turn is None else image.transpose(turn)), profile


def unpacked(picture: Stripped, data: bytes, edge: int) -> Image.Image:
    """A JPEG, cheaply, at no more than half, a quarter or an eighth of its size, if that is enough
    for two pixels to make one of the thumbnail's, or if all of it is too much."""
    image = Image.open(io.BytesIO(data), formats=[picture.format])
    most = 2 if image.width * image.height > MAX_PIXELS else 1
    image.draft(None, (min(2 * edge, image.width // most), min(2 * edge, image.height // most)))
    image.load()
    return image


def in_bytes(picture: Stripped, image: Image.Image) -> Image.Image:
    """In L, LA, RGB, RGBA or CMYK."""
    if image.mode == "P" or "transparency" in image.info:
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    high, low = halves(picture, image) if picture.depth == 16 else (image, None)
    if high.mode == "1":
        high = high.convert("L")
    if picture.key:
        high.putalpha(ImageChops.invert(matches(picture, high, low)))
    return high


def halves(picture: Stripped, image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The upper and the lower bytes of 16-bit samples. Pillow reads all 16 of grey ones only, and
    the upper bytes of others; the lower ones are needed for a key alone."""
    if image.mode == "I;16":
        data = image.tobytes()
        low, high = (Image.frombytes("L", image.size, data[begin::2]) for begin in (0, 1))
        return high, low
    if not picture.key:
        return image, None
    low = Image.open(io.BytesIO(picture.data), formats=[picture.format])
    low.tile = [low.tile[0]._replace(args="RGB;16L")]  # as if the lower byte came second
    return image, low


def matches(picture: Stripped, high: Image.Image, low: Image.Image | None) -> Image.Image:
    """White where all bits are the key's colour."""
    largest = 2**picture.depth - 1
    samples = [sample & largest for sample in picture.key]
    if low is None:
        pairs = list(zip(high.split(), (one * 255 // largest for one in samples), strict=True))
    else:
        pairs = list(zip(high.split(), (one >> 8 for one in samples), strict=True))
        pairs += zip(low.split(), (one & 255 for one in samples), strict=True)
    equal = (plane.point([255 * (value == one) for value in range(256)]) for plane, one in pairs)
    return functools.reduce(ImageChops.darker, equal)
