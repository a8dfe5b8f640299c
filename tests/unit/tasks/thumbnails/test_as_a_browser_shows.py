"""A thumbnail shows what a browser shows of the picture: asked of Chromium, pixel by pixel."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Sequence
from typing import Any

import pytest
from PIL import Image, ImageChops

from chalicelib.tasks.thumbnails.imaging import colours, scale
from tests.browser import chromium
from tests.unit.tasks.thumbnails.pictures import (
    GREY,
    GREY_ALPHA,
    GREY_INKS,
    LEFT,
    LINEAR_GREY,
    PALETTE,
    RGBA,
    RIGHT,
    animated,
    chunk,
    chunks_of,
    embedded,
    encoded,
    exif,
    extended,
    frame_apart,
    gamma,
    gif,
    key,
    noise,
    png,
    riff,
)

P3 = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
COLOURS = chunk(b"PLTE", bytes([*LEFT, *RIGHT]))
ONE_FRAME = chunk(b"acTL", bytes([0, 0, 0, 1, 0, 0, 0, 0]))
clear = Image.new("RGBA", (16, 8), (0, 0, 255, 255))
clear.paste((255, 0, 0, 90), (0, 0, 8, 8))
inks = Image.new("CMYK", (16, 8), (10, 100, 200, 30))
no_black = Image.new("CMYK", (16, 8), (10, 100, 200, 0))
LINEAR = colours.made(colours.SRGB, 1.0)
WEBP = chunks_of(encoded(noise(), "WEBP"))[0]
greys = noise(mode="L")


def grey(depth: int, *before: bytes, interlaced: bool = False) -> bytes:
    """The darkest grey but one, and the one below."""
    return png(*before, left=[1], right=[0], depth=depth, colours=GREY, interlaced=interlaced)


PICTURES = {
    "grey of 1 bit with a key": grey(1, key(1)),
    "grey of 2 bits with a key": grey(2, key(1)),
    "grey of 4 bits with a key": grey(4, key(1)),
    "grey of 8 bits with a key": grey(8, key(1)),
    "grey of 16 bits with a key": grey(16, key(1)),
    "grey of 16 bits, interlaced, with a key": grey(16, key(1), interlaced=True),
    "RGB of 8 bits with a key": png(key(*LEFT)),
    "RGB of 8 bits with a key of more bits": png(key(0x100 + LEFT[0], *LEFT[1:])),
    "RGB of 16 bits with a key": png(
        key(513, 514, 515), left=(513, 514, 515), right=(513, 514, 516), depth=16
    ),
    "RGB of 16 bits, interlaced, with a key": png(
        key(1, 2, 3), left=(1, 2, 3), right=(1, 2, 259), depth=16, interlaced=True
    ),
    "two keys, of which the first counts": png(key(*LEFT), key(*RIGHT)),
    "a key too short": png(chunk(b"tRNS", b"\0\x01")),
    "a key with alpha": png(key(*LEFT), left=(*LEFT, 255), right=(*RIGHT, 99), colours=RGBA),
    "a key with a wrong checksum": png(chunk(b"tRNS", b"\0\xc8\0\x64\0\x32", sound=False)),
    **{
        f"a palette of {depth} bits with alpha": png(
            COLOURS, chunk(b"tRNS", b"\xff\x80"), left=[0], right=[1], depth=depth, colours=PALETTE
        )
        for depth in (1, 2, 4, 8)
    },
    "RGBA of 16 bits": png(
        left=(0x12FF, 0x2280, 0x327F, 0xFFFF),
        right=(0x1234, 0, 0xFFFF, 0x8000),
        depth=16,
        colours=RGBA,
    ),
    "grey of 16 bits": png(left=[0x12FF], right=[0xFE80], depth=16, colours=GREY),
    "linear light": png(gamma(1.0)),
    "linear light in grey": png(gamma(1.0), left=[100], right=[200], colours=GREY),
    "linear light in a palette": png(COLOURS, gamma(1.0), left=[0], right=[1], colours=PALETTE),
    "an old Mac's gamma": png(gamma(0.55556)),
    "the usual gamma": png(gamma(0.45455)),
    "wide primaries": png(gamma(0.45455, *P3)),
    "impossible primaries": png(gamma(1.0, *[0.3] * 8)),
    "primaries without a gamma": png(gamma(0.45455, *P3)[16:]),
    "sRGB, whatever the gamma": png(chunk(b"sRGB", b"\0"), gamma(1.0)),
    "sRGB with a wrong checksum": png(chunk(b"sRGB", b"\0", sound=False), gamma(1.0)),
    "coded wide primaries": png(chunk(b"cICP", bytes([12, 13, 0, 1]))),
    "a damaged profile, and a gamma": png(embedded(LINEAR_GREY)[:-9] + bytes(9), gamma(1.0)),
    "grey with its profile": png(embedded(LINEAR_GREY), left=[100], right=[200], colours=GREY),
    "grey of 16 bits with its profile": png(
        embedded(LINEAR_GREY), left=[25_700], right=[51_400], depth=16, colours=GREY
    ),
    "grey and alpha with a profile": png(
        embedded(LINEAR_GREY), left=(100, 255), right=(200, 99), colours=GREY_ALPHA
    ),
    "RGB with a profile of grey": png(embedded(LINEAR_GREY)),
    "grey JPEG with its profile": encoded(greys, "JPEG", icc_profile=LINEAR_GREY),
    "RGB JPEG with a profile of grey": encoded(noise(), "JPEG", icc_profile=LINEAR_GREY),
    "CMYK": encoded(inks, "JPEG", quality=100),
    # without black, which Chromium mixes into the other inks before it looks into the profile
    "CMYK with its profile": encoded(no_black, "JPEG", quality=100, icc_profile=GREY_INKS),
    "CMYK with a profile of grey": encoded(inks, "JPEG", quality=100, icc_profile=LINEAR_GREY),
    "RGB in a JPEG": encoded(noise(), "JPEG", keep_rgb=True),
    "JPEG": encoded(noise(), "JPEG"),
    "JPEG, progressive": encoded(noise(), "JPEG", progressive=True),
    **{
        f"JPEG turned by {turn}": encoded(noise((8, 16)), "JPEG", exif=exif(turn))
        for turn in range(9)
    },
    "JPEG turned, big endian": encoded(noise((8, 16)), "JPEG", exif=exif(6, ">")),
    "JPEG turned by a number of another type": encoded(
        noise((8, 16)), "JPEG", exif=exif(6, kind=4)
    ),
    "PNG turned": png(chunk(b"eXIf", exif(6))),
    "PNG turned after its pixels": png(after=chunk(b"eXIf", exif(6)) + chunk(b"IEND", b"")),
    "PNG turned, with a wrong checksum": png(chunk(b"eXIf", exif(6), sound=False)),
    "WebP turned": encoded(noise((8, 16)), "WEBP", exif=exif(6)),
    "WebP with alpha": encoded(clear, "WEBP", quality=90),
    "WebP without loss and with alpha": encoded(clear, "WEBP", lossless=True),
    "WebP with a frame that leaves room": animated(16, 8, noise((8, 8)), left=8),
    "WebP with a profile": riff(extended(0x20, 64, 64), (b"ICCP", LINEAR), WEBP),
    "WebP with a profile that it does not announce": riff(
        extended(0, 64, 64), (b"ICCP", LINEAR), WEBP
    ),
    "GIF": gif((8, 4), (0, 0, 8, 4)),
    "GIF with a frame that leaves room": gif((8, 4), (2, 1, 4, 2)),
    "GIF with a frame beyond its screen": gif((4, 4), (2, 0, 8, 4)),
    "GIF with a transparent colour": gif((8, 4), (0, 0, 4, 4), before=b"!\xf9\4\1\0\0\0\0"),
    "PNG that begins its animation": png(ONE_FRAME, frame_apart(8, 4, 0, 0)[:38]),
    "PNG apart from its animation": png(ONE_FRAME, after=frame_apart(8, 4, 0, 0)),
    "PNG apart from a small frame": png(ONE_FRAME, after=frame_apart(4, 2, 3, 1)),
    "PNG whose animation is not announced": png(after=frame_apart(8, 4, 0, 0)),
}


LOOK = """async sources => {
  const looks = {};
  for (const [name, src] of Object.entries(sources)) {
    const image = Object.assign(new Image(), {src});
    await new Promise(resolve => { image.onload = image.onerror = resolve; });
    document.body.append(image);
    const [width, height] = [image.naturalWidth, image.naturalHeight];
    const canvas = Object.assign(document.createElement('canvas'), {width, height});
    const context = canvas.getContext('2d', {willReadFrequently: true});
    context.drawImage(image, 0, 0);
    looks[name] = [width, height, [...context.getImageData(0, 0, width, height).data]];
  }
  return looks;
}"""


@pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed here")
def test_a_thumbnail_looks_as_a_browser_shows_its_picture():
    """By 4 of 255 at most, in any channel of any pixel."""
    thumbnails = {f"{name}, small": small(picture) for name, picture in PICTURES.items()}
    sources = {
        name: f"data:image/png;base64,{base64.b64encode(data).decode()}"
        for name, data in (PICTURES | thumbnails).items()
    }
    with chromium("--force-color-profile=srgb") as browser:
        looks = browser.new_page().evaluate(LOOK, sources)
    different = {name: difference(looks[name], looks[f"{name}, small"]) for name in PICTURES}
    assert {name: by for name, by in different.items() if by > 4} == {}


def small(picture: bytes) -> bytes:
    """As large as the picture; it may have a profile, for the browser to apply."""
    (made,) = scale.thumbnails(picture, [4_096], "png")
    return made.data


def difference(one: Sequence[Any], other: Sequence[Any]) -> int:
    assert one[0] * one[1] > 0
    if one[:2] != other[:2]:
        return 255
    planes = [
        Image.frombytes("RGBA", (look[0], look[1]), bytes(look[2]))
        .convert("RGBa")
        .split()  # clear is black
        for look in (one, other)
    ]
    return max(max(ImageChops.difference(*pair).tobytes()) for pair in zip(*planes, strict=True))
