"""A picture without its metadata: what is left of a file once only its pixels matter.

Each format's `strip` writes the file anew, with the parts that make the pixels and no others. So
no damage to the rest costs the picture, and none of it gets into a thumbnail.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

# A picture over this limit has an edge of over 8,192 pixels: half of it is still larger than the
# largest thumbnail. It takes 4 bytes a pixel unpacked; WebP's decoder holds four such copies.
MAX_PIXELS = 8_192 * 8_192
MAX_PROFILE = 4 * 1024 * 1024  # bytes; the largest, for print, have some 3 MB
ORIENTATION, SHORT = 0x0112, 3  # a tag and a type (EXIF 2.32, sections 4.6.4 and 4.6.2)


class Unreadable(Exception):
    """The picture cannot be read; the message says why, to people."""


class Stripped(NamedTuple):
    format: str  # as Pillow names it
    data: bytes
    size: tuple[int, int]  # width and height, in pixels
    other: bytes = b""  # where the file's end is missing: the same with another tail
    limit: int = MAX_PIXELS
    orientation: int = 1  # as EXIF has it: 2 to 8, or else it is upright
    profile: bytes = b""  # ICC
    key: tuple[int, ...] = ()  # the colour that is transparent, a sample a channel
    depth: int = 8  # bits of a sample
    place: tuple[int, int] | None = None  # of an animation's first frame, from the left and top


def orientation(exif: bytes) -> int:
    """1 if the EXIF does not say, or is damaged before it does."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4], "")
    try:
        (at,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind, values, value = struct.unpack_from(f"{order}HHIH", exif, entry)
            if order and (tag, kind, values) == (ORIENTATION, SHORT, 1):
                return int(value)
    except struct.error:
        pass
    return 1
