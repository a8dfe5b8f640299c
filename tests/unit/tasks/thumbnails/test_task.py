"""The thumbnails task: lists of pictures, of which each is made once and none costs another."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from PIL import Image, ImageDraw, PngImagePlugin

from chalicelib.domain.errors import InvalidRequest
from chalicelib.tasks import HttpResponse, PermanentError, RetryLater
from chalicelib.tasks.thumbnails import thumbnails
from chalicelib.tasks.thumbnails.decoder import Decoder, Format, Reply, Temporary
from chalicelib.tasks.thumbnails.imaging import scale
from chalicelib.tasks.thumbnails.imaging.stripped import Unreadable
from chalicelib.testing import Bench, Done
from tests.unit.tasks.thumbnails.pictures import RED, WHITE, encoded, half_red, near

MODULE = "chalicelib.tasks.thumbnails"
MAKE = 0x010F  # an EXIF tag
GOOD = encoded(half_red())


class InThisProcess(Decoder):
    """In this process, where a test is not about the other one."""

    def thumbnails(
        self, data: bytes, sizes: Sequence[int], target: Format | None
    ) -> Iterator[tuple[int, Reply, bytes]]:
        try:
            for size, one in zip(sizes, scale.thumbnails(data, sizes, target), strict=True):
                yield size, Reply("", target or "png", one.width, one.height), one.data
        except Unreadable as error:
            raise PermanentError(str(error)) from None


@pytest.fixture
def in_this_process(monkeypatch):
    monkeypatch.setattr(f"{MODULE}.Decoder", InThisProcess)


def run(*pictures: bytes, sizes: tuple[int, ...] = (40,), **more: Any) -> Done:
    bench = Bench()
    interruptions = {name: more.pop(name) for name in list(more) if name.endswith("_after")}
    images = [bench.upload(picture) for picture in pictures]
    return bench.run(thumbnails, {"images": images, "sizes": list(sizes), **more}, **interruptions)


def opened(done: Done, name: str) -> Image.Image:
    return Image.open(io.BytesIO(done.artifacts[name]))


def test_each_picture_comes_in_each_size():
    done = run(GOOD, encoded(half_red(size=(30, 90)), "JPEG"), sizes=(40, 20), format=None)
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


def test_no_picture_is_scaled_up(in_this_process):
    (picture,) = run(GOOD, sizes=(500,)).result
    assert picture["thumbnails"] == [{"artifact": "1-500.png", "width": 120, "height": 60}]


def test_a_picture_can_come_from_a_url():
    bench = Bench()
    bench.answers("GET", "https://pics.example.com/a", HttpResponse(200, {}, GOOD))
    done = bench.run(thumbnails, {"images": ["https://pics.example.com/a"], "sizes": [40]})
    assert opened(done, "1-40.png").size == (40, 20)


@pytest.mark.parametrize(
    ("source", "target"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("GIF", "png")]
)
def test_the_format_stays_where_it_can(source, target):
    assert list(run(encoded(half_red(), source)).artifacts) == [f"1-40.{target}"]


@pytest.mark.parametrize("target", ["jpeg", "png", "webp"])
def test_the_format_can_be_chosen(target):
    done = run(encoded(half_red(), "GIF"), format=target)
    (image,) = (opened(done, name) for name in done.artifacts)
    assert image.format == target.upper()
    assert near(image.convert("RGB").getpixel((2, 10)), RED)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_transparency_is_kept_or_made_white_for_jpeg(kind, in_this_process):
    clear = Image.new("RGBA", (80, 80), (0, 0, 0, 0))
    ImageDraw.Draw(clear).rectangle((0, 0, 39, 79), RED)
    png = opened(run(encoded(clear, kind), format="png"), "1-40.png")
    assert png.convert("RGBA").getpixel((35, 5))[3] == 0  # type: ignore[index]
    jpeg = opened(run(encoded(clear, kind), format="jpeg"), "1-40.jpg")
    assert near(jpeg.getpixel((35, 5)), WHITE)
    assert near(jpeg.getpixel((5, 5)), RED)


@pytest.mark.parametrize("target", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_what_a_photo_tells_of_its_maker_stays_behind(kind, target, in_this_process):
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


# ── what cannot be read ──


def test_a_broken_picture_is_reported_and_the_others_are_made():
    broken = encoded(half_red(size=(400, 400)), "JPEG")[:700]
    done = run(b"GIF89a", GOOD, b"<svg/>", broken, b"")
    assert done.status == "succeeded"
    assert list(done.artifacts) == ["2-40.png"]
    unknown, cut_off = "This is not a JPEG, PNG, WebP or GIF picture.", "The file is truncated."
    assert [one["error"] for one in done.result] == [cut_off, None, unknown, cut_off, unknown]


def test_a_missing_picture_is_reported_like_a_broken_one():
    bench = Bench()
    url = "https://pics.example.com/gone"
    bench.answers("GET", url, HttpResponse(404, {}, b""))
    images = [url, bench.upload(GOOD)]
    done = bench.run(thumbnails, {"images": images, "sizes": [40]})
    assert done.result[0]["error"] == f"GET {url} answered 404."
    assert list(done.artifacts) == ["2-40.png"]


def test_if_no_picture_can_be_read_the_job_fails_at_once(in_this_process):
    done = run(b"one", b"two")
    assert "No picture could be read" in error_of(done)
    assert done.checkpoints[-1] == []  # a client that retries it wants them read again


def error_of(done: Done) -> str:
    assert (done.status, done.attempts) == ("failed", 1)
    assert done.error is not None
    return done.error.detail


def test_a_picture_of_too_many_bytes_is_refused(monkeypatch):
    monkeypatch.setattr(f"{MODULE}.MAX_BYTES", 1_000)
    done = run(GOOD, GOOD + bytes(1_000))
    assert [bool(picture["error"]) for picture in done.result] == [False, True]


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


# ── what may be there later ──

DEAD, BUSY, SLOW = (f"https://{name}.example.com/a" for name in ("dead", "busy", "slow"))


def asked(bench: Bench) -> list[str]:
    return [url for _, url, _, _ in bench.web.requests]


def test_one_dead_host_costs_the_others_nothing_and_is_reported_in_the_end(in_this_process):
    bench = Bench()
    bench.answers("GET", DEAD, OSError("timed out"))
    bench.answers("GET", BUSY, HttpResponse(200, {}, GOOD))
    images = [bench.upload(GOOD), DEAD, BUSY]
    done = bench.run(thumbnails, {"images": images, "sizes": [40]})
    assert (done.status, done.attempts) == ("succeeded", 5)
    assert [one["error"] for one in done.result] == [None, "timed out", None]
    assert list(done.artifacts) == ["1-40.png", "3-40.png"]
    assert asked(bench) == [DEAD, BUSY, DEAD, DEAD, DEAD, DEAD]


def test_a_host_that_recovers_has_its_picture_made_after_all(in_this_process):
    bench = Bench()
    bench.answers("GET", DEAD, OSError("timed out"))
    bench.answers("GET", DEAD, HttpResponse(200, {}, GOOD))
    done = bench.run(thumbnails, {"images": [DEAD, bench.upload(b"broken")], "sizes": [40]})
    assert (done.status, done.attempts) == ("succeeded", 2)
    assert [bool(one["error"]) for one in done.result] == [False, True]
    assert list(done.artifacts) == ["1-40.png"]


def test_the_next_attempt_waits_as_long_as_any_host_asks_for(in_this_process):
    bench = Bench()
    for url, error in ((DEAD, OSError()), (BUSY, RetryLater(900)), (SLOW, RetryLater(300))):
        bench.answers("GET", url, error)
        bench.answers("GET", url, HttpResponse(200, {}, GOOD))
    begun = bench.clock.now()
    done = bench.run(thumbnails, {"images": [DEAD, BUSY, SLOW], "sizes": [40]})
    assert (done.status, done.attempts, len(done.artifacts)) == ("succeeded", 2, 3)
    assert 900_000 <= bench.clock.now() - begun < 1_000_000


def test_if_all_hosts_are_dead_the_job_fails_with_its_last_attempt(in_this_process):
    bench = Bench()
    bench.answers("GET", DEAD, OSError("timed out"))
    done = bench.run(thumbnails, {"images": [DEAD], "sizes": [40]})
    assert (done.status, done.attempts) == ("failed", 5)
    assert done.error is not None
    assert done.error.detail == "No picture could be read. The first: timed out"
    assert done.checkpoints[-1] == []


def test_what_was_not_tried_yet_comes_before_what_has_failed(in_this_process):
    """Or dead hosts at the head of a list would use up each invocation."""
    bench = Bench()
    good = [f"https://pics.example.com/{number}" for number in range(3)]
    bench.answers("GET", DEAD, OSError("timed out"))
    for url in good:
        bench.answers("GET", url, HttpResponse(200, {}, GOOD))
    images = [DEAD, *good]
    done = bench.run(thumbnails, {"images": images, "sizes": [40]}, end_invocations_after=9)
    assert (done.status, len(done.artifacts)) == ("succeeded", 3)
    again = asked(bench).index(DEAD, 1)
    assert set(asked(bench)[1:again]) == set(good)


def test_a_picture_whose_decoder_was_killed_is_made_by_the_next_attempt(monkeypatch):
    deaths = iter([Temporary("killed")])

    class Killed(InThisProcess):
        def thumbnails(self, *asked: Any) -> Iterator[tuple[int, Reply, bytes]]:
            for death in deaths:
                raise death
            return super().thumbnails(*asked)

    monkeypatch.setattr(f"{MODULE}.Decoder", Killed)
    done = run(GOOD, GOOD)
    assert (done.status, done.attempts, list(done.artifacts)) == (
        "succeeded",
        2,
        ["2-40.png", "1-40.png"],
    )


# ── restarts ──


@pytest.mark.parametrize("crash", range(1, 60))
def test_no_crash_loses_a_thumbnail(crash, in_this_process):
    def made(**more: int) -> Done:
        bench = Bench()
        bench.answers("GET", BUSY, OSError("timed out"))
        bench.answers("GET", BUSY, HttpResponse(200, {}, GOOD))
        uploads = [bench.upload(data) for data in (GOOD, b"broken", encoded(half_red(), "JPEG"))]
        images = [uploads[0], BUSY, *uploads[1:]]
        return bench.run(thumbnails, {"images": images, "sizes": [40, 20]}, **more)

    whole, cut = made(), made(crash_after=crash)
    assert (cut.status, cut.result) == ("succeeded", whole.result)
    assert cut.artifacts == whole.artifacts


def test_a_picture_that_was_done_is_not_read_again(in_this_process):
    bench = Bench()
    urls = [f"https://pics.example.com/{number}" for number in range(6)]
    for url in urls:
        bench.answers("GET", url, HttpResponse(200, {}, GOOD))
    # a picture takes five steps: each invocation does two, and breaks off in the third
    done = bench.run(thumbnails, {"images": urls, "sizes": [40]}, end_invocations_after=13)
    assert (done.status, done.attempts) == ("succeeded", 1)
    assert asked(bench) == [urls[number] for number in (0, 1, 2, 2, 3, 4, 4, 5)]


def test_pillow_is_imported_by_the_job_that_needs_it_alone():
    code = "import sys, chalicelib.tasks.thumbnails; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
