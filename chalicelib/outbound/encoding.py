"""Unpack compressed answers (Content-Encoding).

gzip and deflate, which the standard library supports on every Python. The output comes in pieces
of bounded size, so that a small body that unpacks to a huge one costs no memory. A body that ends
early or is damaged raises an error.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

READABLE = ("gzip", "x-gzip", "deflate")  # RFC 9110, section 8.4.1
PIECE = 256 * 1024  # bytes
EITHER_HEADER = 32 + zlib.MAX_WBITS  # zlib detects whether the header is gzip's or its own


def coding_of(content_encoding: str) -> str:
    """The coding to undo, in lowercase; empty if there is none."""
    names = (name.strip().lower() for name in content_encoding.split(","))
    return ", ".join(name for name in names if name not in ("", "identity"))


def unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The content of one gzip or zlib stream, or several in a row. Raises OSError if it is damaged
    or cut off."""
    engine = None
    for chunk in chunks:
        while chunk:
            engine = engine or zlib.decompressobj(EITHER_HEADER)
            try:
                piece = engine.decompress(chunk, PIECE)
            except zlib.error as error:
                raise OSError(f"its compression is damaged: {error}") from error
            if piece:
                yield piece
            chunk = engine.unconsumed_tail or engine.unused_data
            if engine.eof:  # RFC 1952, section 2.2: members may follow each other
                engine = None
    if engine is not None:
        raise OSError("its compressed data ends early")
