"""GIF89a: keeps the first frame, its palette and its transparent colour."""

from __future__ import annotations

import struct

from .stripped import Stripped, Unreadable

CONTROL = b"!\xf9\x04"  # the extension that names the transparent colour, and its size


def strip(data: bytes) -> Stripped:
    try:
        width, height, flags = struct.unpack_from("<HHB", data, 6)
        at = 13 + palette_size(flags)
        palette, control = data[13:at], b""
        while data[at : at + 1] == b"!":
            if data[at : at + 3] == CONTROL:
                control = data[at : at + 8]
            at += 2
            while size := data[at]:
                at += 1 + size
            at += 1
        if data[at : at + 1] != b",":
            raise Unreadable("The file holds no image.")
        left, top, columns, rows, local = struct.unpack_from("<HHHHB", data, at + 1)
    except (IndexError, struct.error):
        raise Unreadable("The file is truncated.") from None
    screen = struct.pack("<6sHHBxx", b"GIF89a", columns, rows, flags)
    frame = struct.pack("<sHHHHB", b",", 0, 0, columns, rows, local)
    return Stripped(
        "GIF",
        screen + palette + control + frame + data[at + 10 :],
        # a frame may reach beyond the screen, which grows then
        size=(max(width, left + columns), max(height, top + rows)),
        place=(left, top),
    )


def palette_size(flags: int) -> int:
    """In bytes."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
