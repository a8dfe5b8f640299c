"""The process that decodes pictures is bounded in all that it does, and ends with the job."""

from __future__ import annotations

import io
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from chalicelib.tasks import PermanentError
from chalicelib.tasks.thumbnails import decoder as module
from chalicelib.tasks.thumbnails.decoder import Decoder, Temporary
from tests.aws import ROOT
from tests.unit.tasks.thumbnails.pictures import encoded, noise, thumbnail

PICTURE = encoded(noise(), "PNG")
LARGE = encoded(Image.new("L", (8_000, 8_000)), "PNG")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="macOS has neither call")


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    with Decoder() as decoder:
        yield decoder


def sizes(decoder: Decoder, data: bytes, *asked: int) -> list[tuple[int, int, int]]:
    made = decoder.thumbnails(data, asked, None)
    return [(size, one.width, one.height) for size, one, _ in made]


def process(decoder: Decoder) -> subprocess.Popen[bytes]:
    assert decoder._process is not None
    return decoder._process


def test_what_it_makes_is_what_this_process_would_make(decoder):
    ((size, made, data),) = decoder.thumbnails(PICTURE, [40], None)
    assert (size, made.format, made.width, made.height) == (40, "png", 40, 40)
    assert Image.open(io.BytesIO(data)).tobytes() == thumbnail(PICTURE, 40).tobytes()


def test_one_process_serves_all_pictures_broken_ones_too(decoder):
    sizes(decoder, PICTURE, 40)
    first = process(decoder).pid
    with pytest.raises(PermanentError, match="This is not a JPEG"):
        sizes(decoder, b"no picture", 40, 20)
    assert sizes(decoder, PICTURE, 40, 20) == [(40, 40, 40), (20, 20, 20)]
    assert process(decoder).pid == first


def test_it_starts_in_any_folder_and_environment(decoder, monkeypatch, tmp_path):
    """As on Lambda, whose runtime puts the bundle on the search path by itself."""
    monkeypatch.chdir(tmp_path)
    for name in ("json.py", "sitecustomize.py"):
        (tmp_path / name).write_text("raise SystemExit('taken from the wrong folder')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert sizes(decoder, PICTURE, 40) == [(40, 40, 40)]


def test_no_picture_takes_more_of_the_processor_than_it_may(decoder, monkeypatch):
    monkeypatch.setattr(module, "SECONDS", 0)
    with pytest.raises(PermanentError, match="takes over 0 seconds to read"):
        sizes(decoder, LARGE, 4_000)


@on_linux
def test_no_picture_takes_more_memory_than_it_may(decoder, monkeypatch):
    monkeypatch.setattr(module, "MEBIBYTES", 80)
    with pytest.raises(PermanentError, match="takes too much memory"):
        sizes(decoder, LARGE, 4_000)
    assert sizes(decoder, PICTURE, 40) == [(40, 40, 40)]


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS])
def test_a_picture_that_crashes_its_decoder_is_a_broken_one(decoder, number):
    with pytest.raises(PermanentError, match="crashes its decoder"):
        ended_by(decoder, number)
    assert sizes(decoder, PICTURE, 40) == [(40, 40, 40)]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_picture_whose_decoder_was_killed_is_worth_another_attempt(decoder, number):
    with pytest.raises(Temporary):
        ended_by(decoder, number)
    assert sizes(decoder, PICTURE, 40) == [(40, 40, 40)]


def ended_by(decoder: Decoder, number: int) -> None:
    """Between two pictures, or, what comes to the same, as the second is sent."""
    sizes(decoder, PICTURE, 40)
    process(decoder).send_signal(number)
    process(decoder).wait()
    sizes(decoder, PICTURE, 40)


@pytest.mark.parametrize("answer", ["", "{", "{}", '{"bytes": 9}\n123'])
def test_an_answer_that_breaks_off_is_none(decoder, answer, monkeypatch):
    write = f"sys.stdin.readline(); os.write(1, {answer.encode()!r}); os.kill(os.getpid(), 9)"
    monkeypatch.setattr(module, "START", f"import os, sys; {write}")
    with pytest.raises(Temporary):
        sizes(decoder, PICTURE, 40)


def test_a_program_that_cannot_start_is_no_fault_of_the_picture(decoder, monkeypatch):
    monkeypatch.setattr(module, "START", "raise SystemExit(3)")
    with pytest.raises(Temporary, match="ended with 3"):
        sizes(decoder, PICTURE, 40)


def test_an_answer_that_was_not_read_is_not_taken_for_the_next(decoder):
    for _ in decoder.thumbnails(PICTURE, [40, 20], None):
        break
    assert sizes(decoder, PICTURE, 16) == [(16, 16, 16)]


class Canceled(BaseException):
    """As what a job is interrupted by: raised by a signal, in the main thread."""


@pytest.mark.parametrize("data", [PICTURE, bytes(1_000_000)], ids=["asking", "sending"])
def test_an_interruption_is_not_kept_waiting_and_ends_it(decoder, data, monkeypatch):
    """The process that is started here sends the signal, and neither reads nor answers."""
    sent = "import os, signal, time; os.kill(os.getppid(), signal.SIGUSR1); time.sleep(1_000)"
    monkeypatch.setattr(module, "START", sent)

    def cancel(number: int, frame: object) -> None:
        started.append(process(decoder))
        raise Canceled

    started: list[subprocess.Popen[bytes]] = []
    before = signal.signal(signal.SIGUSR1, cancel)
    try:
        with pytest.raises(Canceled):
            sizes(decoder, data, 40)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert started[0].returncode == -signal.SIGKILL


KILLED = """
import os, signal, sys
from chalicelib.tasks.thumbnails.decoder import Decoder
from tests.aws import ROOT
from tests.unit.tasks.thumbnails.pictures import encoded, noise
decoder = Decoder()
list(decoder.thumbnails(encoded(noise()), [40], None))
print(decoder._process.pid, flush=True)
sys.stdin.readline()
os.kill(os.getpid(), signal.SIGKILL)
"""


@on_linux
def test_it_does_not_outlive_a_worker_that_is_killed():
    worker = [sys.executable, "-c", KILLED]
    with subprocess.Popen(
        worker, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as killed:
        assert killed.stdin is not None
        assert killed.stdout is not None
        ended = os.pidfd_open(int(killed.stdout.readline()))
        killed.stdin.close()
        assert killed.wait() == -signal.SIGKILL
    assert select.select([ended], [], [], 30)[0]
    os.close(ended)


def test_it_imports_neither_the_service_nor_what_tasks_need():
    """They take longer to import than Pillow does."""
    code = (
        "import sys; sys.path[:] = sys.argv[1:]; import imaging.serve; "
        "sys.exit(bool({'chalicelib', 'msgspec'} & sys.modules.keys()))"
    )
    path = [str(Path(module.__file__).parent), *sys.path]
    assert subprocess.run([sys.executable, "-I", "-S", "-c", code, *path]).returncode == 0


def test_the_worker_has_memory_for_it_and_for_itself():
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    worker = config["lambda_functions"]["heavy_worker"]["lambda_memory_size"]
    assert worker - module.MEBIBYTES >= 512


def test_ctrl_c_is_for_the_worker_alone(decoder):
    sizes(decoder, PICTURE, 40)
    assert os.getpgid(process(decoder).pid) != os.getpgid(0)
