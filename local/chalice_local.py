"""Lets `chalice local --stage local` answer like `make run`, beside a `make run` that is on.

app.py calls this where Chalice's command imports it. Chalice puts the stage's environment over the
shell's, so what the shell may choose is not in .chalice/config.json.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import MutableMapping
from typing import Any, NoReturn

from chalice.app import Chalice
from chalice.cli.factory import CLIFactory
from chalice.config import Config

from local.gateway import Gateway
from local.serve import Server
from local.settings import HOST, Refusal, read_settings, running
from local.stage import ENDPOINT, read_function, read_gate


def prepare(environment: MutableMapping[str, str]) -> None:
    """The endpoint is the shell's, or that of the `make run` that is on. Ends the process with a
    sentence where there is neither."""
    try:
        chosen = read_settings(environment) if ENDPOINT in environment else running(environment)
    except Refusal as refusal:
        _end(str(refusal))
    declared = read_function("api_handler", chosen).environment
    environment.update({**declared, ENDPOINT: environment.get(ENDPOINT, declared[ENDPOINT])})

    def create_local_server(
        _: CLIFactory, app: Chalice, config: Config, host: str, port: int
    ) -> Server:
        gate = read_gate(dataclasses.replace(chosen, port=port))
        try:
            server = Server(port, Gateway(app, config, gate))
        except OSError as error:
            _end(
                f"Port {port} cannot be used ({error.strerror}); choose another: --port={port + 10}"
            )
        print(f"Serving on http://{HOST}:{port}", flush=True)
        return server

    factory: Any = CLIFactory
    factory.create_local_server = create_local_server


def _end(sentence: str) -> NoReturn:
    """Chalice calls this in a thread, which cannot end the process by raising."""
    print(sentence, file=sys.stderr, flush=True)
    os._exit(1)
