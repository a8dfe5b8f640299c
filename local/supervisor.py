"""Starts, watches, reloads and stops everything that a local run consists of."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable
from types import FrameType

from chalicelib.domain.task import LANES
from local.aws import LocalAws, apply_resources
from local.child import Child, say
from local.settings import HOST, Refusal, Settings
from local.sources import TEMPLATE, Sources
from local.stage import read_bucket, read_function, read_gate, without_aws

TICK_SECONDS = 0.2
GRACE_SECONDS = 5  # for running jobs; one that is cut off is rescued once its lease has run out
LISTEN_SECONDS = 30
RESTART_SECONDS = 1  # at least, between two starts of a child that keeps ending


class Stop(Exception):
    """Ctrl-C or SIGTERM came."""


class Supervisor:
    def __init__(self, settings: Settings, greet: Callable[[], None]) -> None:
        self.settings = settings
        self.greet = greet
        self.aws = LocalAws(settings)
        self.sources = Sources()
        self.stops = 0  # how often it was told to stop; the second time nothing is waited for
        self.hopeless = False  # the code does not load: nothing starts before it changes
        self.api = Child("api", "api_handler", "local.serve")
        self.push = Child("push", "websocket_message", "local.sockets")
        self.others = [
            *(
                Child(lane, f"{lane}_worker", "local.work", lane)
                for lane in LANES
                for _ in range(settings.workers_of(lane))
            ),
            Child("sweep", "sweep", "local.sweep"),
            self.push,
        ]

    def run(self) -> int:
        """The exit code: 0 after Ctrl-C or SIGTERM, 1 when the local AWS failed."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the last: a closed terminal
            signal.signal(number, self.count_stop)
        try:
            say(f"Starting the local AWS on port {self.settings.aws_port}.")
            self.aws.start(pause=self.pause)
            apply_resources(self.aws)
            if self.start():
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
        if self.stops:
            raise Stop

    def start(self) -> bool:
        """Whether all runs. The API first: it is missed soonest, and shows whether code loads."""
        self.hopeless = False
        try:
            self.aws.admit(read_gate(self.settings), read_bucket(self.settings))
            self.end(self.api)
            self.start_child(self.api)
            self.wait_until_listening(self.api, self.settings.port)
            self.end(*self.others)
            for child in self.others:
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
        self.end(self.api, *self.others)
        say(f"\n{reason}\nWaiting for the next change.")

    def reload(self, apply: bool) -> None:
        say("\nThe sources have changed: reloading.")
        for child in self.others:
            child.terminate()  # they finish their jobs while the API starts anew
        try:
            if apply:
                apply_resources(self.aws)
        except Refusal as refusal:
            self.wait_for_a_change(str(refusal))
            return
        if self.start():
            say(f"Reloaded: {self.settings.url}")

    def replace_the_dead(self) -> None:
        try:
            for child in (self.api, *self.others):
                if child.dead and child.age > RESTART_SECONDS:
                    say(f"{child.name} ended ({child.end}): starting it again.")
                    child.kill()  # what its task had started
                    self.start_child(child)
        except Refusal as refusal:
            self.wait_for_a_change(str(refusal))

    def end(self, *children: Child) -> None:
        """They take up nothing more, and get some seconds for what they are doing."""
        for child in children:
            child.terminate()
        deadline, stops = time.monotonic() + GRACE_SECONDS, self.stops
        while any(child.alive for child in children) and time.monotonic() < deadline:
            if self.stops > stops:
                break
            time.sleep(0.05)
        for child in children:
            if child.alive:
                say(f"{child.name} is cut off; a job that it ran is rescued after its lease.")
            child.kill()

    def stop(self, exit_code: int) -> int:
        say("\nStopping (Ctrl-C again: at once).")
        self.end(self.api, *self.others)
        if not self.aws.stop():
            say("The local AWS did not stop by itself: what it held since its start is lost.")
            return 1
        say("Stopped.")
        return exit_code


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
