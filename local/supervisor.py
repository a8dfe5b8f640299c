"""Starts, watches, reloads and stops everything that a local run consists of."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from chalicelib.domain.task import LANES
from local.aws import LocalAws, apply_resources
from local.child import Child, say
from local.settings import HOST, Refusal, Settings
from local.sources import TEMPLATE, Sources
from local.stage import read_bucket, read_function, read_gate, without_aws
from local.work import FINISH_SECONDS

TICK_SECONDS = 0.2
SAVING_SECONDS = 3  # for a job to save and tidy up; one that is cut off waits for its lease's end
GRACE_SECONDS = FINISH_SECONDS + SAVING_SECONDS
LISTEN_SECONDS = 30
SILENT_SECONDS = 3  # at most, while something is under way
RESTART_SECONDS = 1  # at least, between two starts of a child that keeps ending


class Stop(Exception):
    """Ctrl-C or SIGTERM came, or `make` is gone."""


class Supervisor:
    def __init__(self, settings: Settings, greet: Callable[[], None]) -> None:
        self.settings = settings
        self.greet = greet
        self.aws = LocalAws(settings)
        self.sources = Sources()
        self.stops = 0  # how often it was told to stop; the second time nothing is waited for
        self.make = os.getppid() if "MAKELEVEL" in os.environ else None
        self.hopeless = False  # the code does not load: nothing starts before it changes
        self.api = Child("api", "api_handler", "local.serve")
        self.push = Child("push", "websocket_message", "local.sockets")
        self.workers = [
            *(
                Child(lane, f"{lane}_worker", "local.work", lane)
                for lane in LANES
                for _ in range(settings.workers_of(lane))
            ),
            Child("sweep", "sweep", "local.sweep"),
        ]

    def run(self) -> int:
        """The exit code: 0 after Ctrl-C or SIGTERM, 1 when the local AWS failed."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the last: a closed terminal
            signal.signal(number, self.count_stop)
        try:
            with doing(f"Starting the local AWS on port {self.settings.aws_port}."):
                self.aws.start(pause=self.pause)
            with doing("Creating the table, the bucket and the queues."):
                apply_resources(self.aws)
            with doing("Starting the API and the workers."):
                well = self.start()
            if well:
                self.greet()
            while True:
                self.pause(TICK_SECONDS)
                if self.aws.ended:
                    raise Refusal(self.aws.exit_report)
                if changed := self.sources.changed():
                    self.reload(apply=not changed.isdisjoint(TEMPLATE))
                elif not self.hopeless:
                    self.replace_the_dead()
        except Stop:
            return self.stop(exit_code=0)
        except Refusal as refusal:
            say(f"\n{refusal}")
            return self.stop(exit_code=1)
        except BaseException:
            self.stop(exit_code=1)
            raise

    def count_stop(self, _number: int, _frame: FrameType | None) -> None:
        # no more than that: a handler that waited for a lock could wait for what it interrupted
        self.stops += 1

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)
        if self.stops or self.make not in (None, os.getppid()):  # a killed make sends no signal
            raise Stop

    def start(self) -> bool:
        """Whether all runs. The API first: it is missed soonest, and shows whether code loads."""
        self.hopeless = False
        try:
            self.aws.admit(read_gate(self.settings), read_bucket(self.settings))
            self.end(self.api)
            self.start_child(self.api)
            self.wait_until_listening(self.api, self.settings.port)
            self.end(*self.workers)
            self.end(self.push)
            for child in (self.push, *self.workers):
                self.start_child(child)
            self.wait_until_listening(self.push, self.settings.ws_port)
        except Refusal as refusal:  # config.json may be damaged as well
            self.wait_for_a_change(str(refusal))
        return not self.hopeless

    def start_child(self, child: Child) -> None:
        function = read_function(child.function, self.settings)
        child.start({**without_aws(), **function.environment})

    def wait_until_listening(self, child: Child, port: int) -> None:
        """Who reads the greeting may connect at once."""
        deadline = time.monotonic() + LISTEN_SECONDS
        while not listens(port):
            if child.dead or time.monotonic() > deadline:
                raise Refusal(f"{child.name} did not start; its lines above say why.")
            self.pause(0.05)

    def wait_for_a_change(self, reason: str) -> None:
        self.hopeless = True
        self.end_all()
        say(f"\n{reason}\nWaiting for the next change.")

    def reload(self, apply: bool) -> None:
        for child in self.workers:
            child.terminate()  # their jobs come to an end while the API starts anew
        with doing("\nThe sources have changed: reloading."):
            try:
                if apply:
                    apply_resources(self.aws)
            except Refusal as refusal:
                self.wait_for_a_change(str(refusal))
                return
            well = self.start()
        if well:
            say(f"Reloaded: {self.settings.url}")

    def replace_the_dead(self) -> None:
        try:
            for child in (self.api, self.push, *self.workers):
                if child.dead and child.age > RESTART_SECONDS:
                    say(f"{child.name} ended ({child.end}): starting it again.")
                    child.kill()  # what its task had started
                    self.start_child(child)
        except Refusal as refusal:
            self.wait_for_a_change(str(refusal))

    def end_all(self) -> None:
        self.end(*self.workers)
        self.end(self.api, self.push)  # a worker's last call and its last push still arrive

    def end(self, *children: Child) -> None:
        """They take up nothing more, and get GRACE_SECONDS for what they are doing."""
        for child in children:
            child.terminate()
        deadline, stops = time.monotonic() + GRACE_SECONDS, self.stops
        while any(child.alive for child in children) and time.monotonic() < deadline:
            if self.stops > stops:
                break
            time.sleep(0.05)
        for child in children:
            if child.alive:
                say(
                    f"{child.name} did not stop in {GRACE_SECONDS} s and is cut off."
                    " A job that it ran goes on once its lease has run out, as after a crash."
                )
            child.kill()

    def stop(self, exit_code: int) -> int:
        jobs = f"Running jobs save a checkpoint, or get {FINISH_SECONDS} s to finish"
        with doing(f"\nStopping. {jobs} (Ctrl-C again: at once)."):
            self.end_all()
            saved = self.aws.stop()
        if not saved:
            say("The local AWS did not stop by itself: what it held since its start is lost.")
            return 1
        say("Stopped.")
        return exit_code


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Says what is under way, and every few seconds that it still is."""
    say(what)
    over, began = threading.Event(), time.monotonic()

    def remind() -> None:
        while not over.wait(SILENT_SECONDS):
            say(f"  still working ({time.monotonic() - began:.0f} s)")

    threading.Thread(target=remind, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
