"""PNG (W3C, third edition): keeps the header, the palette and its transparency, and the pixels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence

from . import colours
from .stripped import MAX_PROFILE, Stripped, Unreadable, orientation

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE = 0, 2, 3  # colour types
PORTION = 65_536  # bytes, which inflate to 66 MB at most
SRGB_TRANSFER = 13  # of a cICP chunk (ITU-T H.273)


def strip(file: bytes) -> Stripped:
    before: dict[bytes, bytes] = {}  # chunks ahead of the pixels, by kind; the first counts
    pixels, frame, controls = list[bytes](), list[bytes](), list[bytes]()
    whole = False  # as far as the last chunk of pixels tells
    for kind, content, sound in chunks(file):
        if kind == b"IDAT":
            pixels.append(content)
            whole = sound
        elif kind == b"fdAT" and len(controls) == 1:
            frame.append(content[4:])
            whole = sound
        elif kind == b"fcTL" and sound:
            controls.append(content)
        elif sound and not pixels:
            before.setdefault(kind, content)
    header, place = before.get(b"IHDR", b""), None
    if len(header) != 13:
        raise Unreadable("The header is damaged.")
    width, height, depth, colour_type = struct.unpack_from(">IIBB", header)
    # An animation may begin with a frame of its own, and leave the pixels to programs that know
    # no animations.
    if b"acTL" in before and frame and len(controls[0]) == 26:
        columns, rows, left, top = struct.unpack_from(">4I", controls[0], 4)
        if left + columns <= width and top + rows <= height:
            header, place = struct.pack(">II", columns, rows) + header[8:], (left, top)
            pixels = frame
    clear, needed = before.get(b"tRNS", b""), {b"IHDR": header}
    if colour_type == PALETTE:
        if not before.get(b"PLTE"):
            raise Unreadable("The palette is missing or damaged.")
        needed |= {b"PLTE": before[b"PLTE"]} | ({b"tRNS": clear[:256]} if clear else {})
    samples = {GREY: 1, RGB: 3}.get(colour_type, 0)
    data = b"".join(pixels)
    needed |= {b"IDAT": data if whole else open_ended(data), b"IEND": b""}
    return Stripped(
        "PNG",
        SIGNATURE + b"".join(chunk(kind, needed[kind]) for kind in needed),
        size=(width, height),
        orientation=orientation(before.get(b"eXIf", b"")),
        profile=profile(before),
        key=struct.unpack(f">{samples}H", clear) if len(clear) == 2 * samples else (),
        depth=depth,
        place=place,
    )


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Kind, content, and whether it is what its checksum says."""
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        content = data[at + 8 : at + 8 + size]
        at += 12 + size
        yield kind, content, data[at - 4 : at] == struct.pack(">I", zlib.crc32(kind + content))


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def open_ended(data: bytes) -> bytes:
    """The same pixels without an end, for a file that was cut off.

    Where only zlib's checksum is missing, Pillow may wait for it before it takes the last rows; it
    takes them ahead of any block that follows, such as the empty one here. Where rows are missing
    it must find no end, or it would leave them black.
    """
    read, write = zlib.decompressobj(), zlib.compressobj(1)
    portions = (data[begin : begin + PORTION] for begin in range(0, len(data), PORTION))
    try:
        written = [write.compress(read.decompress(portion)) for portion in portions]
    except zlib.error:
        return data
    return b"".join(written) + write.flush(zlib.Z_SYNC_FLUSH)


def profile(before: Mapping[bytes, bytes]) -> bytes:
    """By the first sound one of the chunks cICP, iCCP, sRGB, and gAMA with cHRM (section 4.3)."""
    coded = before.get(b"cICP", b"")
    if len(coded) == 4 and coded[0] in colours.PRIMARIES and coded[1] == SRGB_TRANSFER:
        return colours.made(colours.PRIMARIES[coded[0]], *colours.SRGB_CURVE)
    embedded = before.get(b"iCCP", b"").partition(b"\0")[2]
    if colours.space(inflated := inflate(embedded[1:])):
        return inflated
    gamma = int.from_bytes(before.get(b"gAMA", b""), "big")  # in 1/100,000, as is cHRM
    if len(before.get(b"sRGB", b"")) == 1 or len(before.get(b"gAMA", b"")) != 4 or not gamma:
        return b""
    points: Sequence[float] = colours.SRGB
    if len(chromaticities := before.get(b"cHRM", b"")) == 32:
        points = [value / 100_000 for value in struct.unpack(">8I", chromaticities)]
    return colours.made(points, 100_000 / gamma)


def inflate(data: bytes) -> bytes:
    """Nothing, if it is damaged, cut off or over MAX_PROFILE."""
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(data, MAX_PROFILE)
    except zlib.error:
        return b""
    return inflated if stream.eof else b""
