"""The stage `local`: its environment and its functions, as .chalice/config.json declares them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from chalice.config import Config

from local.gate import HERE, Gate
from local.settings import HOST, ROOT, Refusal, Settings

STAGE = "local"
ENDPOINT = "AWS_ENDPOINT_URL"
API_PORT, WS_PORT = "8000", "8001"  # as config.json writes them
DECLARED_AUTHORITY = re.compile(rf"//{re.escape(HOST)}:({API_PORT}|{WS_PORT})(?!\d)")
LAMBDA_DEFAULT_SECONDS, LAMBDA_DEFAULT_MEGABYTES = 60, 128  # Chalice's, where the config is silent


@dataclass(frozen=True)
class Function:
    """One Lambda function: its name in app.py, its timeout, its memory and its environment."""

    name: str
    seconds: int
    megabytes: int
    environment: Mapping[str, str]


def read_config() -> Config:
    """Raises Refusal when .chalice/config.json cannot be read."""
    # not by Chalice's CLIFactory: its imports send questions to the terminal and wait for answers
    try:
        on_disk = json.loads((ROOT / ".chalice" / "config.json").read_text())
        if not isinstance(on_disk, dict):
            raise ValueError("it must hold a JSON object")
        return Config(STAGE, config_from_disk=on_disk, default_params={"project_dir": str(ROOT)})
    except (OSError, ValueError) as error:
        raise Refusal(f".chalice/config.json: {error}") from None


def read_function(name: str, settings: Settings) -> Function:
    config = read_config().scope(STAGE, name)
    return Function(
        name=name,
        seconds=config.lambda_timeout or LAMBDA_DEFAULT_SECONDS,
        megabytes=config.lambda_memory_size or LAMBDA_DEFAULT_MEGABYTES,
        environment={
            **with_chosen_ports(config.environment_variables, settings),
            ENDPOINT: settings.aws_url,
            **settings.auth,
        },
    )


def read_gate(settings: Settings) -> Gate:
    """Which pages may call: the stage's own, and those of ALLOWED_ORIGIN."""
    environment = read_function("api_handler", settings).environment
    public = urlsplit(environment.get("PUBLIC_URL", settings.url))
    hosts = (*HERE, public.hostname)
    own = [f"http://{name}:{settings.port}" for name in HERE]
    others = (f"{public.scheme}://{public.netloc}", environment.get("ALLOWED_ORIGIN"))
    return Gate(_different(*hosts), _different(*own, *others))


def _different(*names: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, names)))


def read_bucket(settings: Settings) -> str:
    return read_function("api_handler", settings).environment.get("BUCKET", "")


def with_chosen_ports(declared: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """The chosen ports reach every URL of the stage."""
    chosen = {API_PORT: settings.port, WS_PORT: settings.ws_port}

    def moved(match: re.Match[str]) -> str:
        return f"//{HOST}:{chosen[match[1]]}"

    return {name: DECLARED_AUTHORITY.sub(moved, value) for name, value in declared.items()}


def without_aws(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The shell's environment without its AWS settings: no local run ever meets a real account."""
    kept = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
    around_proxies = ",".join(filter(None, [kept.get("NO_PROXY"), HOST, "localhost"]))
    return kept | {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": around_proxies,
        "no_proxy": around_proxies,
    }
