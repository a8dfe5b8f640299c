"""The thumbnails task: pictures of all kinds, broken ones too, and no step done twice."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageOps, PngImagePlugin

from chalicelib.domain.errors import InvalidRequest
from chalicelib.tasks import HttpResponse
from chalicelib.tasks.thumbnails import thumbnails
from chalicelib.testing import Bench, Done

MODULE = "chalicelib.tasks.thumbnails"
ORIENTATION, MAKE = 0x0112, 0x010F  # EXIF tags
RED, WHITE = (255, 0, 0), (255, 255, 255)


def encoded(image: Image.Image, kind: str = "PNG", **more: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


def half_red(mode: str = "RGB", size: tuple[int, int] = (120, 60)) -> Image.Image:
    """Red on the left, white on the right."""
    image = Image.new("RGB", size, WHITE)
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 2 - 1, size[1]), RED)
    return image.convert(mode)


def run(*pictures: bytes, sizes: tuple[int, ...] = (40,), **more: Any) -> Done:
    bench = Bench()
    interruptions = {name: more.pop(name) for name in list(more) if name.endswith("_after")}
    images = [bench.upload(picture) for picture in pictures]
    return bench.run(thumbnails, {"images": images, "sizes": list(sizes), **more}, **interruptions)


def opened(done: Done, name: str) -> Image.Image:
    return Image.open(io.BytesIO(done.artifacts[name]))


def near(pixel: Any, colour: tuple[int, ...]) -> bool:
    """JPEG and WebP are not exact."""
    return all(abs(one - other) < 12 for one, other in zip(pixel, colour, strict=True))


def test_each_picture_comes_in_each_size_and_tells_its_own():
    done = run(
        encoded(half_red()), encoded(half_red(size=(30, 90)), "JPEG"), sizes=(40, 20), format=None
    )
    names = [
        [(one["artifact"], one["width"], one["height"]) for one in picture["thumbnails"]]
        for picture in done.result
    ]
    assert names == [
        [("1-40.png", 40, 20), ("1-20.png", 20, 10)],
        [("2-40.jpg", 13, 40), ("2-20.jpg", 7, 20)],
    ]
    assert opened(done, "1-20.png").size == (20, 10)
    assert list(done.artifacts) == ["1-40.png", "1-20.png", "2-40.jpg", "2-20.jpg"]


def test_no_picture_is_scaled_up():
    (picture,) = run(encoded(half_red()), sizes=(500,)).result
    assert picture["thumbnails"] == [{"artifact": "1-500.png", "width": 120, "height": 60}]


def test_a_picture_can_come_from_a_url():
    bench = Bench()
    bench.answers("GET", "https://pics.example.com/a", HttpResponse(200, {}, encoded(half_red())))
    done = bench.run(thumbnails, {"images": ["https://pics.example.com/a"], "sizes": [40]})
    assert opened(done, "1-40.png").size == (40, 20)


@pytest.mark.parametrize(
    ("source", "target"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("GIF", "png")]
)
def test_the_format_stays_where_it_can(source, target):
    done = run(encoded(half_red(), source))
    assert list(done.artifacts) == [f"1-40.{target}"]


@pytest.mark.parametrize("target", ["jpeg", "png", "webp"])
def test_the_format_can_be_chosen(target):
    done = run(encoded(half_red(), "GIF"), format=target)
    (image,) = (opened(done, name) for name in done.artifacts)
    assert image.format == target.upper()
    assert near(image.convert("RGB").getpixel((2, 10)), RED)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_mode_keeps_its_looks(mode):
    grey = mode in ("1", "L", "LA", "I;16")
    picture = half_red("RGB" if mode == "I;16" else mode)
    if mode == "I;16":
        picture = half_red("L").point(lambda value: value * 257, "I").convert("I;16")
    done = run(encoded(picture, "JPEG" if mode == "CMYK" else "PNG"), format="png")
    left, right = (opened(done, "1-40.png").convert("RGB").getpixel(at) for at in ((2, 9), (37, 9)))
    assert near(right, WHITE)
    assert not near(left, WHITE)
    assert grey or near(left, RED)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_transparency_is_kept_or_made_white_for_jpeg(kind):
    clear = Image.new("RGBA", (80, 80), (0, 0, 0, 0))
    ImageDraw.Draw(clear).rectangle((0, 0, 39, 79), RED)
    png = opened(run(encoded(clear, kind), format="png"), "1-40.png")
    assert png.convert("RGBA").getpixel((35, 5))[3] == 0  # type: ignore[index]
    jpeg = opened(run(encoded(clear, kind), format="jpeg"), "1-40.jpg")
    assert near(jpeg.getpixel((35, 5)), WHITE)
    assert near(jpeg.getpixel((5, 5)), RED)


@pytest.mark.parametrize(("orientation", "red_at"), [(1, "left"), (3, "right"), (6, "top")])
def test_a_photo_is_turned_upright(orientation, red_at):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image = opened(run(encoded(half_red(), "JPEG", exif=exif)), "1-40.jpg")
    width, height = image.size
    assert (width, height) == ((20, 40) if red_at == "top" else (40, 20))
    place = {
        "left": (2, height // 2),
        "right": (width - 3, height // 2),
        "top": (width // 2, 2),
    }[red_at]
    assert near(image.getpixel(place), RED)


@pytest.mark.parametrize("target", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_what_a_photo_tells_of_its_maker_stays_behind(kind, target):
    exif = Image.Exif()
    exif[MAKE] = "Secret Cameras"
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "Secret Agent")
    text.add_itxt("XML:com.adobe.xmp", "<Secret/>")
    more: dict[str, dict[str, Any]] = {
        "JPEG": {"exif": exif, "xmp": b"<Secret/>", "comment": b"Secret"},
        "PNG": {"exif": exif, "pnginfo": text},
        "WEBP": {"exif": exif, "xmp": b"<Secret/>"},
        "GIF": {"comment": b"Secret"},
    }
    picture = encoded(half_red(), kind, **more[kind])
    assert b"Secret" in picture
    (thumbnail,) = run(picture, format=target).artifacts.values()
    assert b"Secret" not in thumbnail


@pytest.mark.parametrize(("mode", "kept"), [("RGB", True), ("CMYK", False), ("L", False)])
def test_a_colour_profile_goes_along_where_the_channels_stay(mode, kept):
    done = run(encoded(half_red(mode), "JPEG", icc_profile=b"profile"))
    assert opened(done, "1-40.jpg").info.get("icc_profile") == (b"profile" if kept else None)


def test_a_large_jpeg_is_unpacked_no_larger_than_it_takes(monkeypatch):
    unpacked = []
    upright = ImageOps.exif_transpose

    def watched(image: Image.Image, **more: Any) -> None:
        unpacked.append(image.size)
        upright(image, **more)

    monkeypatch.setattr(ImageOps, "exif_transpose", watched)
    done = run(encoded(half_red(size=(4_000, 2_000)), "JPEG"), sizes=(100, 200))
    assert unpacked == [(1_000, 500)]
    assert opened(done, "1-200.jpg").size == (200, 100)


# ── what cannot be read ──


def test_a_broken_picture_is_reported_and_the_others_are_made():
    good = encoded(half_red())
    broken = encoded(half_red(size=(400, 400)), "JPEG")[:700]
    done = run(b"GIF89a", good, b"<svg/>", broken, b"")
    assert done.status == "succeeded"
    assert list(done.artifacts) == ["2-40.png"]
    unknown = "This is not a JPEG, PNG, WebP or GIF picture."
    errors = [picture["error"] for picture in done.result]
    assert errors[1] is None
    assert errors[2] == errors[4] == unknown
    assert errors[3].startswith("The picture cannot be read: image file is truncated")


def test_a_broken_picture_reads_the_same_each_time():
    pictures = (b"no picture", encoded(half_red()))
    assert run(*pictures).result[0]["error"] == run(*pictures).result[0]["error"]


def test_a_missing_picture_is_reported_like_a_broken_one():
    bench = Bench()
    url = "https://pics.example.com/gone"
    bench.answers("GET", url, HttpResponse(404, {}, b""))
    images = [url, bench.upload(encoded(half_red()))]
    done = bench.run(thumbnails, {"images": images, "sizes": [40]})
    assert done.result[0]["error"] == f"GET {url} answered 404."
    assert list(done.artifacts) == ["2-40.png"]


def test_if_no_picture_can_be_read_the_job_fails_at_once():
    done = run(b"one", b"two")
    assert "No picture could be read" in error_of(done)
    assert done.checkpoints[-1] == []  # a client that retries it wants them read again


def test_a_picture_that_unpacks_to_too_much_is_refused_before_it_does(monkeypatch):
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", lambda self: pytest.fail("unpacked"))
    assert "it has over 64,000,000 pixels" in error_of(run(png_that_says_it_is(8_001, 8_000)))
    assert "decompression bomb" in error_of(run(png_that_says_it_is(60_000, 60_000)))


def png_that_says_it_is(width: int, height: int) -> bytes:
    png = encoded(half_red())
    header = b"IHDR" + struct.pack(">II", width, height) + png[24:29]
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


def error_of(done: Done) -> str:
    assert (done.status, done.attempts) == ("failed", 1)
    assert done.error is not None
    return done.error.detail


def test_a_picture_of_too_many_bytes_is_refused(monkeypatch):
    monkeypatch.setattr(f"{MODULE}.MAX_BYTES", 1_000)
    done = run(encoded(half_red()), encoded(half_red()) + bytes(1_000))
    assert [bool(picture["error"]) for picture in done.result] == [False, True]


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "ICO", "PPM", "EPS"])
def test_formats_that_are_not_listed_are_not_even_tried(kind):
    assert run(encoded(half_red(), kind)).status == "failed"


def test_when_the_network_fails_the_picture_is_tried_again():
    bench = Bench()
    url = "https://pics.example.com/a"
    bench.answers("GET", url, OSError("timed out"))
    bench.answers("GET", url, HttpResponse(200, {}, encoded(half_red())))
    done = bench.run(thumbnails, {"images": [url], "sizes": [40]})
    assert (done.status, done.attempts, list(done.artifacts)) == ("succeeded", 2, ["1-40.png"])


# ── params ──


@pytest.mark.parametrize(
    "wrong",
    [
        {"images": []},
        {"sizes": []},
        {"sizes": [0]},
        {"sizes": [5_000]},
        {"sizes": [40, 40]},
        {"format": "tiff"},
        {"images": ["https://pics.example.com/a"] * 51, "sizes": [40, 80]},
    ],
)
def test_params_that_cannot_be_meant_are_refused_at_submit(wrong):
    params = {"images": ["https://pics.example.com/a"], "sizes": [40]}
    with pytest.raises(InvalidRequest):
        Bench().run(thumbnails, params | wrong)


# ── restarts ──


@pytest.mark.parametrize("crash", range(1, 40))
def test_no_crash_loses_a_thumbnail(crash):
    pictures = [encoded(half_red()), b"broken", encoded(half_red(), "JPEG"), encoded(half_red())]
    whole = run(*pictures, sizes=(40, 20))
    cut = run(*pictures, sizes=(40, 20), crash_after=crash)
    assert (cut.status, cut.result) == ("succeeded", whole.result)
    assert cut.artifacts == whole.artifacts


def test_a_picture_that_was_done_is_not_read_again():
    bench = Bench()
    urls = [f"https://pics.example.com/{number}" for number in range(6)]
    for url in urls:
        bench.answers("GET", url, HttpResponse(200, {}, encoded(half_red())))
    # a picture takes five steps: each invocation does two, and breaks off in the third
    done = bench.run(thumbnails, {"images": urls, "sizes": [40]}, end_invocations_after=13)
    assert (done.status, done.attempts) == ("succeeded", 1)
    asked = [url for _, url, _, _ in bench.web.requests]
    assert asked == [urls[number] for number in (0, 1, 2, 2, 3, 4, 4, 5)]


def test_pillow_is_imported_by_the_job_that_needs_it_alone():
    code = "import sys, chalicelib.tasks.thumbnails; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
