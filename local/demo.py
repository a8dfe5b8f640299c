"""`make demo`: the three sample tasks on small inputs, through the command line.

It starts what `make run` starts, unless that is on already, and stops it afterwards.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from local.child import say
from local.settings import ROOT, Refusal, Settings, read_settings, running

FOLDER = ROOT / "build" / "demo"
ROWS = 200_000
PICTURES = (("dusk.png", 0), ("meadow.png", 1), ("sea.png", 2))
WIDTH, HEIGHT = 1_600, 1_200
START_SECONDS = 90


def main() -> int:
    try:
        settings = running()
    except Refusal:
        settings = read_settings()
    FOLDER.mkdir(parents=True, exist_ok=True)
    say(f"Inputs and results go to {FOLDER.relative_to(ROOT)}.")
    write_inputs(FOLDER)
    with service(settings) as url:
        runs = [
            ("report", "-p", "group_by=carrier", "-p", "metrics=count,mean(arr_delay)",
             "-f", "source=flights.csv"),
            ("thumbnails", "-p", "sizes=160,640", "-f", "images=*.png"),
            ("fetch", "-p", f"url={url}/health"),
        ]  # fmt: skip
        codes = [show("run", *one, "-o", f"results/{one[0]}", url=url) for one in runs]
        show("list", "--limit", "3", url=url)
    say(f"\nThe files: {(FOLDER / 'results').relative_to(ROOT)}. Next: make run, docs/client.md")
    return max(codes)


def write_inputs(folder: Path) -> None:
    """What is there already is kept."""
    flights = folder / "flights.csv"
    if not flights.exists():
        say(f"Writing a CSV of {ROWS:,} flights and {len(PICTURES)} pictures.")
        part = flights.with_suffix(".part")
        subprocess.run(
            [sys.executable, "-m", "tests.flights", str(part), str(ROWS)], cwd=ROOT, check=True
        )
        part.replace(flights)
    for name, channel in PICTURES:
        picture(channel).save(folder / name)


def picture(channel: int) -> Image.Image:
    """Fades in one colour, with some grain in the others."""
    size = (WIDTH, HEIGHT)
    bands = [Image.effect_noise(size, 30).point(lambda value: value // 3) for _ in range(3)]
    bands[channel] = Image.linear_gradient("L").resize(size)
    return Image.merge("RGB", bands)


def show(*arguments: str, url: str) -> int:
    """Runs a command as a reader would type it; its exit code."""
    say(f"\n$ overtime {shlex.join(arguments)}")
    environment = os.environ | {
        "OVERTIME_URL": url,
        "PYTHONPATH": str(ROOT / "client" / "python" / "src"),
    }
    command = [sys.executable, "-m", "overtime", *arguments]
    return subprocess.run(command, cwd=FOLDER, env=environment).returncode


@contextmanager
def service(settings: Settings) -> Iterator[str]:
    """The URL of a service that answers."""
    if answers(settings.url):
        say(f"Overtime is on at {settings.url}.")
        yield settings.url
        return
    say("Starting Overtime.")
    log = FOLDER / "service.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "local"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the command line, which asks about its job
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(settings.url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Refusal(f"Overtime did not start:\n{log.read_text()}")
            time.sleep(0.2)
        yield settings.url
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait()


def answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
