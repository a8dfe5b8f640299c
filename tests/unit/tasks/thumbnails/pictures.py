"""Pictures, byte by byte, and what a browser is asked about them."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageCms, ImageDraw

from chalicelib.tasks.thumbnails.imaging import scale

RED, WHITE = (255, 0, 0), (255, 255, 255)
LEFT, RIGHT = (200, 100, 50), (60, 120, 180)
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # PNG's colour types
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def encoded(image: Image.Image, kind: str = "PNG", **more: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


def half_red(mode: str = "RGB", size: tuple[int, int] = (120, 60)) -> Image.Image:
    """Red on the left, white on the right."""
    image = Image.new("RGB", size, WHITE)
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 2 - 1, size[1]), RED)
    return image.convert(mode)


def noise(size: tuple[int, int] = (64, 64), mode: str = "RGB") -> Image.Image:
    """The same each time."""
    samples = random.Random(0).randbytes(size[0] * size[1])
    return Image.frombytes("L", size, samples).convert(mode)


def thumbnail(data: bytes, size: int = 4096, target: str | None = "png") -> Image.Image:
    """In this process; what the task makes of it in another is the same."""
    (made,) = scale.thumbnails(data, [size], target)
    return Image.open(io.BytesIO(made.data))


def near(pixel: Any, colour: Sequence[int], by: int = 12) -> bool:
    """JPEG and WebP are not exact."""
    return all(abs(one - other) < by for one, other in zip(pixel, colour, strict=True))


# ── PNG ──


def chunk(kind: bytes, content: bytes, *, sound: bool = True) -> bytes:
    checksum = zlib.crc32(kind + content) if sound else 0
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(
    *before: bytes,
    left: Sequence[int] = LEFT,
    right: Sequence[int] = RIGHT,
    depth: int = 8,
    colours: int = RGB,
    interlaced: bool = False,
    after: bytes = chunk(b"IEND", b""),
) -> bytes:
    """8 x 4 pixels, the left half of one colour and the right half of another; `before` stands
    ahead of the pixels."""
    rows = [[left] * 4 + [right] * 4] * 4
    passes = [rows]
    if interlaced:
        passes = [[row[x::dx] for row in rows[y::dy]] for x, y, dx, dy in ADAM7]
    lines = [b"\0" + packed(line, depth) for part in passes for line in part if line]
    shape = struct.pack(">IIBBBBB", 8, 4, depth, colours, 0, 0, interlaced)
    pixels = chunk(b"IDAT", zlib.compress(b"".join(lines)))
    header = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", shape)
    return header + b"".join(before) + pixels + after


def packed(line: Sequence[Sequence[int]], depth: int) -> bytes:
    bits = "".join(f"{sample:0{depth}b}" for pixel in line for sample in pixel)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def key(*samples: int) -> bytes:
    return chunk(b"tRNS", struct.pack(f">{len(samples)}H", *samples))


def embedded(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"name\0\0" + zlib.compress(profile))


def frame_apart(*shape: int) -> bytes:
    """After a PNG's pixels: a red frame (width, height, left, top) that they are no part of."""
    width, height, _, _ = shape
    pixels = zlib.compress((b"\0" + bytes(RED) * width) * height)
    control = chunk(b"fcTL", struct.pack(">5IHHH", 0, *shape, 1, 1, 0))
    return control + chunk(b"fdAT", struct.pack(">I", 1) + pixels) + chunk(b"IEND", b"")


def gamma(value: float, *points: float) -> bytes:
    chromaticities = struct.pack(f">{len(points)}I", *(round(one * 100_000) for one in points))
    written = chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))
    return written + (chunk(b"cHRM", chromaticities) if points else b"")


# ── JPEG, WebP, GIF ──


def segment(marker: int, content: bytes) -> bytes:
    return b"\xff%c%b%b" % (marker, struct.pack(">H", len(content) + 2), content)


def after_start(jpeg: bytes, *segments: bytes) -> bytes:
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(
        struct.pack("<4sI", kind, len(content)) + content + bytes(len(content) % 2)
        for kind, content in chunks
    )
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def chunks_of(webp: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 12
    while at < len(webp):
        kind, size = struct.unpack_from("<4sI", webp, at)
        found.append((kind, webp[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    return found


def extended(flags: int, width: int, height: int) -> tuple[bytes, bytes]:
    return b"VP8X", struct.pack("<I", flags) + three(width - 1) + three(height - 1)


def animated(width: int, height: int, frame: Image.Image, left: int) -> bytes:
    """Without the flag that says that anything is transparent."""
    shape = three(left // 2) + three(0) + three(frame.width - 1) + three(frame.height - 1)
    image = riff(*chunks_of(encoded(frame, "WEBP", lossless=True)))[12:]
    whole = shape + three(10_000) + b"\0" + image
    return riff(extended(0x02, width, height), (b"ANIM", bytes(6)), (b"ANMF", whole))


def three(value: int) -> bytes:
    return value.to_bytes(3, "little")


def gif(
    screen: tuple[int, int],
    frame: tuple[int, int, int, int],
    before: bytes = b"",
    after: bytes = b";",
) -> bytes:
    """All of the frame (left, top, width, height) is red; blue is the other colour."""
    image = Image.new("P", frame[2:], 0)
    image.putpalette([*RED, 0, 0, 255])
    data = encoded(image, "GIF")
    begin = data.index(struct.pack("<sHHHH", b",", 0, 0, *frame[2:]))
    head = (
        struct.pack("<6sHHBxx", b"GIF89a", *screen, data[10])
        + data[13 : 13 + (6 << (data[10] & 7))]
    )
    return head + before + struct.pack("<sHHHH", b",", *frame) + data[begin + 9 : -1] + after


# ── EXIF and profiles ──


def exif(orientation: int, order: str = "<", kind: int = 3) -> bytes:
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    return head + struct.pack(f"{order}HHHIHHI", 1, 0x0112, kind, 1, orientation, 0, 0)


def profile(space: bytes, connection: bytes, **tags: bytes) -> bytes:
    table, at = struct.pack(">I", len(tags)), 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name.encode(), at, len(content))
        at += len(content)
    white = struct.pack(">iii", 63_190, 65_536, 54_061)
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    head = struct.pack(">I4xI4s4s4s12x4s28x", at, 0x02400000, kind, space, connection, b"acsp")
    return (head + white).ljust(128, b"\0") + table + b"".join(tags.values())


# samples of twice the size are twice the light, which sRGB's are not
LINEAR_GREY = profile(
    b"GRAY",
    b"XYZ ",
    wtpt=b"XYZ \0\0\0\0" + struct.pack(">iii", 63_190, 65_536, 54_061),
    kTRC=b"curv\0\0\0\0" + struct.pack(">IHxx", 1, 256),
)
# any ink is grey: a table from the sixteen corners of CMYK to Lab
GREY_INKS = profile(
    b"CMYK",
    b"Lab ",
    wtpt=b"XYZ \0\0\0\0" + struct.pack(">iii", 63_190, 65_536, 54_061),
    A2B0=b"mft1\0\0\0\0\4\3\2\0"
    + struct.pack(">9i", 65_536, 0, 0, 0, 65_536, 0, 0, 0, 65_536)
    + bytes(range(256)) * 4
    + b"".join(bytes([255 - 60 * corner.bit_count(), 128, 128]) for corner in range(16))
    + bytes(range(256)) * 3,
)
