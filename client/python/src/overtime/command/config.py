"""Which service is meant, and with which token: options, environment, then what `login` kept."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_config_path

from overtime.client import LOCAL


class Usage(Exception):
    """One sentence or two: what is wrong, what there is, what to type."""


@dataclass(frozen=True)
class Service:
    url: str
    token: str | None


def config_file() -> Path:
    return user_config_path("overtime", appauthor=False) / "login.json"


def chosen(url: str | None, token: str | None, environment: Mapping[str, str]) -> Service:
    """A kept token goes to the URL that it was kept for, and to no other."""
    kept = read()
    found = (url or environment.get("OVERTIME_URL") or (kept.url if kept else LOCAL)).strip()
    token = token or environment.get("OVERTIME_TOKEN")
    if token is None and kept is not None and kept.url == found.rstrip("/"):
        token = kept.token
    return Service(found.rstrip("/"), token)


def read() -> Service | None:
    try:
        kept = json.loads(config_file().read_text())
        return Service(str(kept["url"]), kept["token"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        place = config_file()
        raise Usage(f"{place} cannot be read ({error}). Run: overtime login URL") from None


def keep(service: Service) -> Path:
    """Readable by this user alone from its first byte on."""
    file = config_file()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.{os.getpid()}")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        json.dump({"url": service.url, "token": service.token}, opened)
    part.replace(file)
    return file
