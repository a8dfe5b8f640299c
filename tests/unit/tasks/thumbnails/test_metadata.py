"""Damage outside a picture's pixels costs nothing: not the picture, and none of its pixels."""

from __future__ import annotations

import functools
import io
import struct
import zlib

import pytest
from PIL import Image, ImageOps

from chalicelib.tasks.thumbnails.imaging.scale import stripped
from chalicelib.tasks.thumbnails.imaging.stripped import Unreadable
from tests.unit.tasks.thumbnails.pictures import (
    LEFT,
    PALETTE,
    RIGHT,
    SRGB,
    after_start,
    chunk,
    chunks_of,
    embedded,
    encoded,
    exif,
    extended,
    gamma,
    gif,
    noise,
    png,
    riff,
    segment,
    thumbnail,
)

NOTHING = b""
BOMB = zlib.compress(bytes(80_000_000))
JPEG, WEBP = encoded(noise(), "JPEG"), encoded(noise(), "WEBP")
IMAGE = chunks_of(WEBP)[0]
BAD_EXIF = [
    NOTHING,
    b"II*\0",
    b"MM\0*\xff\xff\xff\xff",
    exif(6)[:13],
    exif(9),
    exif(0),
    exif(6, kind=2),
    b"garbage" * 5_000,
]


plainly = functools.cache(thumbnail)


def same(data: bytes, plain: bytes) -> bool:
    one, other = thumbnail(data), plainly(plain)
    profiles = [image.info.get("icc_profile") for image in (one, other)]
    return one.tobytes() == other.tobytes() and profiles[0] == profiles[1]


# ── PNG ──


@pytest.mark.parametrize("sound", [True, False])
@pytest.mark.parametrize("kind", ["gAMA", "cHRM", "sRGB", "cICP", "iCCP", "tRNS", "eXIf", "pHYs"])
@pytest.mark.parametrize("content", [NOTHING, b"\0", bytes(3), b"\xff" * 100])
def test_a_chunk_of_a_wrong_size_is_as_none(kind, content, sound):
    assert same(png(chunk(kind.encode(), content, sound=sound)), png())


def test_primaries_of_a_wrong_size_and_codes_that_are_not_known_are_as_none():
    short, long = (chunk(b"cHRM", bytes(size)) for size in (28, 36))
    assert same(png(gamma(1.0), short), png(gamma(1.0)))
    assert same(png(gamma(1.0), long), png(gamma(1.0)))
    assert same(png(chunk(b"cICP", bytes([9, 16, 0, 1]))), png())
    assert same(png(chunk(b"cICP", bytes([2, 13, 0, 1]))), png())


def test_transparency_of_more_colours_than_a_palette_can_have_is_cut_off():
    colours = chunk(b"PLTE", bytes([*LEFT, *RIGHT]))

    def with_alpha(count: int) -> bytes:
        alpha = chunk(b"tRNS", b"\x80" * count)
        return png(colours, alpha, left=[0], right=[1], colours=PALETTE)

    assert same(with_alpha(300), with_alpha(2))


@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt", "tIME", "bKGD", "hIST", "sPLT", "zzZz"])
@pytest.mark.parametrize(
    "content", [NOTHING, b"k\0\0" + BOMB, b"k\0\0garbage", b"\xff" * 3_000_000]
)
def test_text_and_whatever_else_is_not_looked_at(kind, content):
    assert same(png(chunk(kind.encode(), content, sound=False)), png())


@pytest.mark.parametrize("content", BAD_EXIF)
def test_a_damaged_exif_chunk_turns_nothing(content):
    assert same(png(chunk(b"eXIf", content)), png())


def test_exif_that_was_converted_to_text_turns_nothing():
    text = b"\nexif\n      38\n" + (b"Exif\0\0" + exif(6)).hex().encode()
    assert same(png(chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text))), png())


@pytest.mark.parametrize(
    "damaged",
    [embedded(SRGB)[:-20] + bytes(20), chunk(b"iCCP", b"n\0\0" + zlib.compress(SRGB)[:-9])],
)
def test_a_damaged_profile_is_as_none(damaged):
    image = thumbnail(png(damaged))
    assert image.tobytes() == thumbnail(png()).tobytes()
    assert "icc_profile" not in image.info


def test_a_profile_that_inflates_without_end_is_as_none():
    assert same(png(chunk(b"iCCP", b"n\0\0" + BOMB)), png())


def test_a_chunk_that_claims_to_be_longer_than_the_file_ends_it():
    assert same(png(after=b"\xff\xff\xff\xfftEXtgarbage"), png())


def test_a_header_or_palette_that_is_not_what_its_checksum_says_is_refused():
    with pytest.raises(Unreadable, match="header"):
        stripped(png().replace(b"\x08\x02\0\0\0", b"\x08\x00\0\0\0"))
    colours = chunk(b"PLTE", bytes([*LEFT, *RIGHT]), sound=False)
    with pytest.raises(Unreadable, match="palette"):
        stripped(png(colours, left=[0], right=[1], colours=PALETTE))


# ── JPEG ──


@pytest.mark.parametrize("marker", [*range(0xE0, 0xF0), 0xFE])
@pytest.mark.parametrize(
    "content",
    [
        NOTHING,
        b"JFIF\0",
        b"Adobe",
        b"Exif\0\0",
        b"Exif\0\0garbage",
        b"ICC_PROFILE\0",
        b"ICC_PROFILE\0\1",
        b"ICC_PROFILE\0\2\2" + SRGB,
        b"MPF\0garbage",
        b"Photoshop 3.0\0008BIM",
        b"http://ns.adobe.com/xap/1.0/\0<",
        b"\xff\xda" * 30_000,
    ],
)
def test_a_damaged_segment_is_as_none(marker, content):
    image = thumbnail(after_start(JPEG, segment(marker, content)))
    assert image.tobytes() == thumbnail(JPEG).tobytes()
    assert "icc_profile" not in image.info


@pytest.mark.parametrize("content", BAD_EXIF)
def test_damaged_exif_in_a_jpeg_turns_nothing(content):
    assert same(after_start(JPEG, segment(0xE1, b"Exif\0\0" + content)), JPEG)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("turn", range(9))
def test_a_photo_is_turned_upright_as_its_exif_says(turn, order):
    photo = encoded(noise((64, 32)), "JPEG", exif=exif(turn, order))
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(photo)))
    assert thumbnail(photo).tobytes() == upright.tobytes()


@pytest.mark.parametrize("numbers", [[(1, 2)], [(1, 2), (1, 2)], [(1, 3), (2, 3)], [(0, 1)]])
def test_a_profile_that_lacks_a_segment_is_as_none(numbers):
    parts = [b"ICC_PROFILE\0" + bytes(pair) + SRGB for pair in numbers]
    assert same(after_start(JPEG, *(segment(0xE2, part) for part in parts)), JPEG)


def test_a_profile_of_over_4_mib_is_as_none():
    large = SRGB + bytes(4 << 20)
    assert same(png(embedded(large)), png())
    assert same(encoded(noise(), "JPEG", icc_profile=large), JPEG)
    webp = riff(extended(0x20, 64, 64), (b"ICCP", large), IMAGE)
    assert same(webp, riff(extended(0, 64, 64), IMAGE))


def test_what_stands_between_scans_is_not_looked_at():
    photo = encoded(noise((64, 32)), "JPEG", progressive=True)
    second = photo.index(b"\xff\xda", photo.index(b"\xff\xda") + 2)
    between = segment(0xE1, b"Exif\0\0" + exif(6))
    assert same(photo[:second] + between + photo[second:], photo)


def test_a_profile_in_several_segments_is_put_together_in_their_order():
    profile = SRGB + bytes(150_000)
    photo = encoded(noise(), "JPEG", icc_profile=profile)
    parts = [
        b"ICC_PROFILE\0%c\3" % number + profile[begin : begin + 60_000]
        for number, begin in ((3, 120_000), (1, 0), (2, 60_000))
    ]
    shuffled = after_start(JPEG, *(segment(0xE2, part) for part in parts))
    assert len(photo) > len(profile)
    assert thumbnail(photo).info["icc_profile"] == profile
    assert thumbnail(shuffled).info["icc_profile"] == profile[:180_000]


# ── WebP and GIF ──


@pytest.mark.parametrize(
    "behind", [(b"EXIF", b"garbage"), (b"EXIF", NOTHING), (b"XMP ", b"<"), (b"zzzz", b"\xff" * 9)]
)
def test_what_a_webp_has_beside_its_image_is_not_looked_at(behind):
    plain = riff(extended(0, 64, 64), IMAGE)
    assert same(riff(extended(0x0C, 64, 64), IMAGE, behind), plain)
    assert same(riff(extended(0x0C, 64, 64), behind, IMAGE), plain)
    assert same(riff(extended(0x0C, 64, 64), IMAGE, behind)[:-5], plain)


def test_a_damaged_profile_of_a_webp_is_as_none():
    image = thumbnail(riff(extended(0x20, 64, 64), (b"ICCP", b"garbage"), IMAGE))
    assert image.tobytes() == thumbnail(WEBP).tobytes()
    assert "icc_profile" not in image.info


def test_a_webp_need_not_know_how_long_it_is():
    assert same(WEBP[:4] + struct.pack("<I", 7) + WEBP[8:], WEBP)
    assert same(WEBP[:4] + struct.pack("<I", 1 << 30) + WEBP[8:], WEBP)


@pytest.mark.parametrize(
    "extension",
    [
        b"!\xfe\x03abc\0",
        b"!\xfe" + b"\1a" * 1_000_000 + b"\0",
        b"!\xff\x0bNETSCAPE2.0\0",
        b"!\xff\x03abc\0",
        b"!\xf9\0",
        b"!\xf9\2\1\0\0",
        b"!\0\0",
    ],
)
def test_extensions_of_a_gif_are_passed_over(extension):
    plain = gif((8, 4), (0, 0, 8, 4))
    assert same(gif((8, 4), (0, 0, 8, 4), before=extension), plain)
    assert same(gif((8, 4), (0, 0, 8, 4), after=extension[:-1]), plain)


# ── where the file ends ──


@pytest.mark.parametrize("lost", range(9))
@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "P"])
def test_a_png_may_lack_its_end_and_the_checksums_of_its_pixels(mode, lost):
    """The chunk's, and zlib's before it."""
    for size in ((1, 1), (8, 4), (5, 9), (300, 200)):
        for image in (noise(size, mode), Image.new(mode, size)):
            whole = encoded(image)
            assert same(whole[: whole.index(b"IEND") - 4 - lost], whole)


def test_an_interlaced_png_may_lack_them_too():
    whole = png(interlaced=True)
    assert same(whole[: whole.index(b"IEND") - 4 - 8], whole)


def test_a_png_is_refused_where_it_is_cut_off_between_two_rows():
    whole = png()
    begin, end = whole.index(b"IDAT"), whole.index(b"IEND") - 8
    rows, stream = zlib.decompress(whole[begin + 4 : end]), zlib.compressobj()
    first = stream.compress(rows[: len(rows) // 2]) + stream.flush(zlib.Z_SYNC_FLUSH)
    with pytest.raises(Unreadable, match="truncated"):
        thumbnail(whole[: begin + 4] + first)


@pytest.mark.parametrize("lost", range(4, 12))
def test_a_png_is_refused_where_only_its_last_pixels_are_missing(lost):
    """The last two or three bytes may be no more than the sign that no other follow."""
    whole = encoded(noise((300, 200)))
    with pytest.raises(Unreadable, match="truncated"):
        thumbnail(whole[: whole.index(b"IEND") - 4 - 8 - lost])


@pytest.mark.parametrize("more", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 5}])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("size", [(64, 64), (61, 33)])
def test_a_jpeg_may_lack_its_end(mode, more, size):
    whole = encoded(noise(size, mode), "JPEG", **more)
    assert same(whole[:-2], whole)
    assert same(whole[:-1], whole)


def test_a_gif_may_lack_its_end():
    assert same(gif((8, 4), (0, 0, 8, 4), after=NOTHING), gif((8, 4), (0, 0, 8, 4)))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize(
    ("kind", "more"),
    [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("WEBP", {}), ("GIF", {})],
)
def test_a_picture_without_all_its_pixels_is_refused(kind, more, share):
    whole = encoded(noise(), kind, **more)
    with pytest.raises((Unreadable, OSError), match=r"truncated|damaged|could not"):
        thumbnail(whole[: int(len(whole) * share)])


def test_a_jpeg_is_refused_where_only_its_last_block_is_missing():
    whole = encoded(noise((64, 64), "L"), "JPEG")
    for lost in range(4, 12):
        with pytest.raises(Unreadable, match="truncated"):
            thumbnail(whole[:-lost])
