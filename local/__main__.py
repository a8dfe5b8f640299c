"""`make run`: everything that Overtime consists of, on this machine, until Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

from local.child import say
from local.settings import (
    Refusal,
    Settings,
    read_settings,
    remember,
    require_free_port,
    state_folder,
)
from local.supervisor import Supervisor

EXAMPLE = '{"task": "fetch", "params": {"url": "%s/health"}}'  # needs nothing but this run
CREDENTIALS = {
    "open": "",
    "tokens": """
    -H "Authorization: Bearer $(make token STAGE=local OWNER=me{state})" \\""",
    "jwt": """
    -H "Authorization: Bearer $TOKEN" \\""",
}


def main() -> int:
    settings = read_settings()
    require_free_port("PORT", settings.port)
    require_free_port("AWS_PORT", settings.aws_port)
    require_free_port("WS_PORT", settings.ws_port)
    claim(settings.state)
    remember(settings)
    return Supervisor(settings, greet=lambda: greet(settings)).run()


def claim(state: Path) -> int:
    """Makes the folder this user's alone, and unknown to git. The lock that it returns is held
    until it is closed, or the process ends. Raises Refusal where the folder holds other things, or
    while another run holds it, whose data it would overwrite."""
    if state.is_dir() and not (state / "lock").exists() and any(state.iterdir()):
        raise Refusal(f"STATE={state} holds other files; choose a new folder, or an empty one.")
    try:
        state.mkdir(parents=True, exist_ok=True)
        state.chmod(0o700)  # jobs and secrets lie in it
    except OSError as error:
        raise Refusal(f"STATE={state} cannot be used: {error.strerror}.") from None
    lock = os.open(state / "lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Refusal(
            f"Another run uses {state}. Stop it, or repeat the command with STATE=.local-2."
        ) from None
    (state / ".gitignore").write_text("*\n")
    return lock


def credentials(settings: Settings) -> str:
    own = "" if settings.state == state_folder({}) else f" STATE={settings.state}"
    return CREDENTIALS[settings.mode].format(state=own)


def greet(settings: Settings) -> None:
    say(f"""
Overtime runs at {settings.url} (stop: Ctrl-C; changes are reloaded). Try:

  curl -i {settings.url}/jobs -H 'Content-Type: application/json' \\{credentials(settings)}
    -d '{EXAMPLE % settings.url}'
""")


if __name__ == "__main__":
    sys.exit(main())
