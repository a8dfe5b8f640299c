"""What a run on this machine can be told through the shell's environment."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUN_FILE = "run.json"  # in the state folder
HOST = "127.0.0.1"  # never 0.0.0.0: the local stage needs no credentials

AUTH = ("AUTH", "JWT_ISSUER", "JWT_AUDIENCE", "JWT_JWKS_URL")
MODES = ("open", "tokens", "jwt")  # `iam` needs API Gateway


class Refusal(SystemExit):
    """It cannot go on; the message is one plain sentence, and a process that dies of it says it."""


@dataclass(frozen=True)
class Settings:
    port: int
    aws_port: int
    ws_port: int
    workers: int
    heavy_workers: int
    sweep_seconds: int
    auth: Mapping[str, str]
    """How callers show who they are: what differs from .chalice/config.json."""
    state: Path
    """The folder of the local AWS's data and log."""

    def workers_of(self, lane: str) -> int:
        return {"default": self.workers, "heavy": self.heavy_workers}.get(lane, 1)

    @property
    def mode(self) -> str:
        return self.auth.get("AUTH", "open")

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def aws_url(self) -> str:
        return f"http://{HOST}:{self.aws_port}"


def state_folder(environment: Mapping[str, str]) -> Path:
    return (ROOT / (environment.get("STATE") or ".local")).resolve()


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises Refusal, naming the variable, for a value that is no number or out of range."""

    def number(name: str, default: int, least: int, most: int) -> int:
        text = environment.get(name, "").strip() or str(default)
        if not text.isdecimal() or not least <= int(text) <= most:
            raise Refusal(f"{name}={text} must be a whole number from {least} to {most}.")
        return int(text)

    settings = Settings(
        port=number("PORT", 8000, 1, 65535),
        aws_port=number("AWS_PORT", 4566, 1, 65535),
        ws_port=number("WS_PORT", 8001, 1, 65535),
        workers=number("WORKERS", 2, 0, 64),
        heavy_workers=number("HEAVY_WORKERS", 1, 0, 64),
        sweep_seconds=number("SWEEP_SECONDS", 5, 1, 3600),
        auth={name: text for name in AUTH if (text := environment.get(name, "").strip())},
        state=state_folder(environment),
    )
    if settings.mode not in MODES:
        raise Refusal(f"AUTH={settings.mode} cannot be run here; there are: {', '.join(MODES)}.")
    ports = {"PORT": settings.port, "AWS_PORT": settings.aws_port, "WS_PORT": settings.ws_port}
    for (one, port), (other, same) in itertools.combinations(ports.items(), 2):
        if port == same:
            raise Refusal(f"{one} and {other} are both {port}; they must differ.")
    return settings


def remember(settings: Settings) -> None:
    """Writes what other commands need to reach this run, for `running` to read."""
    ports = {"PORT": settings.port, "AWS_PORT": settings.aws_port, "WS_PORT": settings.ws_port}
    chosen = {**{name: str(port) for name, port in ports.items()}, **settings.auth}
    (settings.state / RUN_FILE).write_text(json.dumps(chosen))


def running(environment: Mapping[str, str] = os.environ) -> Settings:
    """As the `make run` that is on has chosen them; what `environment` names comes first. Raises
    Refusal where none is on, unless AWS_PORT is named."""
    state = state_folder(environment)
    chosen: dict[str, str] = {}
    if _is_held(state / "lock"):
        chosen = json.loads((state / RUN_FILE).read_text())
    elif not environment.get("AWS_PORT"):
        raise Refusal(
            f"`make run` is not on: no run uses the folder {state}. Start it in another terminal."
            " If you gave it a folder, pass the same one here, for example STATE=.local-2."
        )
    return read_settings({**chosen, **environment})


def _is_held(lock: Path) -> bool:
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def require_free_port(variable: str, port: int) -> None:
    """Raises Refusal where something else listens on the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise Refusal(
                f"Port {port} needs a privileged user. Repeat the command with {variable}=8080."
            ) from None
        except OSError:
            raise Refusal(
                f"Port {port} is taken by another program. Repeat the command with"
                f" {variable}={port + 10 if port < 65526 else 8080}."
            ) from None
