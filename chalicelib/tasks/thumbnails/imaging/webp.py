"""WebP (RFC 9649): keeps the image, or the frames of the animation."""

from __future__ import annotations

import struct

from .stripped import Stripped, Unreadable

LOSSY, LOSSLESS, EXTENDED, PROFILE = b"VP8 ", b"VP8L", b"VP8X", b"ICCP"
KEPT = (LOSSY, LOSSLESS, EXTENDED, b"ALPH", b"ANIM", b"ANMF")
ANIMATED, ALPHA, PROFILED = 0x02, 0x10, 0x20  # flags of an extended file


def strip(data: bytes) -> Stripped:
    chunks: list[tuple[bytes, bytes]] = []
    at, profile = 12, b""
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, at)
        content = data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
        if kind == PROFILE:
            profile = content
        elif kind in KEPT and len(content) < size:
            raise Unreadable("The file is truncated.")
        elif kind in KEPT:
            chunks.append((kind, content))
    try:
        ((kind, content), *_) = chunks
        size = dimensions(kind, content)
        flags = content[0] if kind == EXTENDED else 0
    except (ValueError, IndexError, struct.error):
        raise Unreadable("The header is damaged.") from None
    if kind == EXTENDED:
        # what an animation leaves free is transparent, whether or not it says so
        chunks[0] = kind, bytes([flags | (ALPHA if flags & ANIMATED else 0)]) + content[1:]
    body = b"WEBP" + b"".join(
        struct.pack("<4sI", kind, len(content)) + content + bytes(len(content) % 2)
        for kind, content in chunks
    )
    return Stripped(
        "WEBP",
        struct.pack("<4sI", b"RIFF", len(body)) + body,
        size=size,
        profile=profile if flags & PROFILED else b"",
    )


def dimensions(kind: bytes, content: bytes) -> tuple[int, int]:
    """Width and height. Its decoder takes the memory for them as soon as it is opened."""
    if kind == EXTENDED:
        width, height = content[4:7], content[7:10]
        return int.from_bytes(width, "little") + 1, int.from_bytes(height, "little") + 1
    if kind == LOSSLESS:
        (bits,) = struct.unpack_from("<I", content, 1)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", content, 6)
    return width & 0x3FFF, height & 0x3FFF
