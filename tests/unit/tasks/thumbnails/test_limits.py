"""What a picture may cost: it is refused by its header, before anything is unpacked."""

from __future__ import annotations

import struct
from typing import IO

import pytest
from PIL import Image

from chalicelib.tasks.thumbnails.imaging import scale
from chalicelib.tasks.thumbnails.imaging.jpeg import MAX_SCANS, segments
from chalicelib.tasks.thumbnails.imaging.stripped import Unreadable
from tests.unit.tasks.thumbnails.pictures import (
    chunk,
    encoded,
    extended,
    frame_apart,
    gif,
    noise,
    png,
    riff,
    thumbnail,
)

SIDE = 8_192
FRAMES = (0xC0, 0xC2)


def png_of(width: int, height: int) -> bytes:
    plain = png()
    return plain[:8] + chunk(b"IHDR", struct.pack(">II", width, height) + plain[24:29]) + plain[33:]


def jpeg_of(width: int, height: int, **more: bool) -> bytes:
    plain = encoded(noise(), "JPEG", **more)
    at = next(at for marker, at, _ in segments(plain) if marker in FRAMES)
    return plain[: at + 5] + struct.pack(">HH", height, width) + plain[at + 9 :]


def canvas_of(width: int, height: int) -> bytes:
    return riff(extended(0x02, width, height), (b"ANIM", bytes(6)))


def lossy_of(width: int, height: int) -> bytes:
    return riff((b"VP8 ", b"\x30\x01\0\x9d\x01\x2a" + struct.pack("<HH", width, height)))


def lossless_of(width: int, height: int) -> bytes:
    return riff((b"VP8L", b"\x2f" + struct.pack("<I", (height - 1) << 14 | (width - 1))))


@pytest.mark.parametrize(
    "picture",
    [
        png_of(SIDE, SIDE + 1),
        png_of(0x7FFFFFFF, 0x7FFFFFFF),
        png_of(0, 4),
        gif((SIDE, SIDE + 1), (0, 0, 4, 4)),
        gif((4, 4), (0xFFFF, 0xFFFF, 4, 4)),
        canvas_of(SIDE, SIDE + 1),
        canvas_of(1 << 24, 1 << 24),
        lossy_of(0x3FFF, 0x3FFF),
        lossless_of(0x4000, 0x4000),
        jpeg_of(4 * SIDE, SIDE + 1),
        jpeg_of(2 * SIDE, SIDE + 1, progressive=True),
        jpeg_of(64, 0),
    ],
)
def test_a_picture_of_too_many_pixels_or_none_is_refused_by_its_header(picture, monkeypatch):
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("opened"))
    with pytest.raises(Unreadable, match=r"^The picture has [\d,]+ pixels; up to [\d,]+ are allow"):
        thumbnail(picture)


@pytest.mark.parametrize(
    "picture",
    [
        png_of(SIDE, SIDE),
        gif((SIDE, SIDE), (0, 0, 4, 4)),
        canvas_of(SIDE, SIDE),
        lossy_of(SIDE, SIDE),
        lossless_of(SIDE, SIDE),
        jpeg_of(4 * SIDE, SIDE),
        jpeg_of(2 * SIDE, SIDE, progressive=True),
    ],
)
def test_as_many_pixels_as_are_allowed_are_not_too_many(picture):
    assert scale.stripped(picture).size[0] % SIDE == 0


def test_a_frame_larger_than_its_animation_is_not_looked_at():
    announced = chunk(b"acTL", bytes([0, 0, 0, 1, 0, 0, 0, 0]))
    picture = scale.stripped(png(announced, after=frame_apart(8, 5, 0, 0)))
    assert (picture.size, picture.place) == ((8, 4), None)


def test_a_jpeg_with_two_sizes_is_refused():
    plain = encoded(noise(), "JPEG")
    at = next(at for marker, at, _ in segments(plain) if marker in FRAMES)
    with pytest.raises(Unreadable, match="header"):
        thumbnail(plain[:at] + plain[at : at + 19] + plain[at:])


@pytest.mark.parametrize("edge", [200, 4_096])
def test_a_jpeg_of_a_phone_is_unpacked_no_larger_than_its_thumbnails_take(edge):
    """This one has 112 million pixels, and all of them would be 450 MB."""
    picture = scale.stripped(encoded(Image.new("L", (12_288, 9_216)), "JPEG"))
    unpacked = scale.unpacked(picture, picture.data, edge)
    assert unpacked.size == ((1_536, 1_152) if edge == 200 else (6_144, 4_608))


def test_a_jpeg_has_a_hundred_scans_at_most():
    """Each is a pass over all pixels, and may be a few bytes in the file."""
    plain = encoded(noise(mode="L"), "JPEG", progressive=True)
    scans = [at for marker, at, _ in segments(plain) if marker == 0xDA]
    last = plain[scans[-1] : -2]
    most = plain[:-2] + last * (MAX_SCANS - len(scans))
    assert thumbnail(most + b"\xff\xd9").size == (64, 64)
    with pytest.raises(Unreadable, match="The picture has over 100 scans"):
        thumbnail(most + last + b"\xff\xd9")


def test_scans_are_counted_where_they_are_and_nowhere_else():
    """Not in the picture that a camera puts into the metadata, nor behind the end."""
    plain = encoded(noise(), "JPEG")
    scans = b"\xff\xda\0\4ab" * 200
    inside = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(scans) + 2) + scans + plain[2:]
    assert thumbnail(inside).tobytes() == thumbnail(plain).tobytes()
    assert thumbnail(plain + scans).tobytes() == thumbnail(plain).tobytes()


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "ICO", "PPM", "JPEG2000", "AVIF", "TGA"])
def test_only_the_four_formats_are_read(kind):
    with pytest.raises(Unreadable, match="This is not a JPEG, PNG, WebP or GIF picture"):
        thumbnail(encoded(noise(), kind))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_pillow_tries_the_format_that_the_file_begins_as_and_no_other(kind, monkeypatch):
    tried, open_image = [], Image.open

    def watched(file: IO[bytes], formats: list[str]) -> Image.Image:
        tried.extend(formats)
        return open_image(file, formats=formats)

    monkeypatch.setattr(Image, "open", watched)
    scale.upright(scale.stripped(encoded(noise(), kind)), 40)
    assert tried == [kind]


@pytest.mark.parametrize("data", [b"", b"<svg/>", b"RIFF\0\0\0\0WAVEfmt ", b"\x89PNG", b"GIF88a"])
def test_what_is_no_picture_is_said_to_be_none(data):
    with pytest.raises(Unreadable, match="This is not a JPEG, PNG, WebP or GIF picture"):
        thumbnail(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_file_cut_off_in_its_header_is_refused_in_words(kind):
    whole = encoded(noise(), kind)
    for length in range(12, 60):
        with pytest.raises(Unreadable, match=r"^The (header is damaged|file |palette )"):
            thumbnail(whole[:length])
