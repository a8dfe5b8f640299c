"""JPEG (ITU-T T.81): keeps tables, scans, and the two segments that tell RGB from YCbCr."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from .stripped import MAX_PIXELS, Stripped, Unreadable, orientation

START, END = b"\xff\xd8", b"\xff\xd9"
EOI, SOS = 0xD9, 0xDA
FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15
PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
ALONE = {0x01, *range(0xD0, 0xD9)}  # markers that no segment follows
METADATA = {*range(0xE0, 0xF0), 0xFE}  # APP0 to APP15, and comments
# Of those, the ones that count: marker, what the content begins with, its least size in bytes.
JFIF, ADOBE = (0xE0, b"JFIF\0", 14), (0xEE, b"Adobe", 12)
EXIF, ICC = (0xE1, b"Exif\0\0", 6), (0xE2, b"ICC_PROFILE\0", 14)
MARKER = re.compile(rb"\xff([\x01-\xfe])")

MAX_SCANS = 100  # programs write some ten; each is a pass over all pixels
LIMIT = 4 * MAX_PIXELS  # over MAX_PIXELS, libjpeg unpacks half the width and height
LIMIT_IN_SCANS = 2 * MAX_PIXELS  # up to 6 bytes a pixel are kept until the last of several scans
NOISE = bytes.fromhex("a53c96e14b782d5ac31e8769b4d20f") * 64


def strip(data: bytes) -> Stripped:
    header: list[tuple[int, bytes]] = []
    scans: list[int] = []
    end = None
    for marker, at, content in segments(data):
        if marker == EOI:
            end = at
        elif marker == SOS:
            scans.append(at)
        elif not scans:
            header.append((marker, content))
        if len(scans) > MAX_SCANS:
            raise Unreadable(f"The picture has over {MAX_SCANS} scans.")
    try:
        [(kind, frame)] = [one for one in header if one[0] in FRAMES]
        height, width, components = struct.unpack_from(">HHB", frame, 1)
        begin = scans[0]
        several = kind in PROGRESSIVE or data[begin + 4] < components
    except (ValueError, IndexError, struct.error):
        raise Unreadable("The header is damaged.") from None

    def those(kind: tuple[int, bytes, int]) -> list[bytes]:
        marker, name, size = kind
        named = [one for other, one in header if other == marker and one.startswith(name)]
        return [one for one in named if len(one) >= size]

    colours = [(kind[0], one) for kind in (JFIF, ADOBE) for one in those(kind)]
    tables = [one for one in header if one[0] not in METADATA]
    kept = START + b"".join(written(*one) for one in colours + tables)
    kept += data[begin:end].rstrip(b"\xff")  # half a marker, where the file was cut off
    return Stripped(
        "JPEG",
        kept + END,
        size=(width, height),
        other=kept + NOISE + END if end is None else b"",
        limit=LIMIT_IN_SCANS if several else LIMIT,
        orientation=orientation(b"".join(those(EXIF)[:1])[6:]),
        profile=joined(those(ICC)),
    )


def segments(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Each marker, where it is, and the content of its segment."""
    at = len(START)
    while found := MARKER.search(data, at):
        marker, at = found[1][0], found.end()
        if marker in ALONE:
            continue
        size = 0 if marker == EOI else int.from_bytes(data[at : at + 2], "big")
        yield marker, found.start(), data[at + 2 : at + size]
        if marker == EOI:
            return
        at += size


def written(marker: int, content: bytes) -> bytes:
    return b"\xff%c%b%b" % (marker, (len(content) + 2).to_bytes(2, "big"), content)


def joined(parts: list[bytes]) -> bytes:
    """A profile in several segments, each with its number and how many there are; nothing, if
    one is missing."""
    numbers = sorted(parts, key=lambda part: part[12])
    if [part[12] for part in numbers] != list(range(1, len(parts) + 1)):
        return b""
    whole = bool(parts) and all(part[13] == len(parts) for part in parts)
    return b"".join(part[14:] for part in numbers) if whole else b""
