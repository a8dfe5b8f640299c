"""The three ports of `make run`: each may be chosen, and what is chosen reaches every URL."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.__main__ import claim
from local.settings import Refusal, read_settings, remember, require_free_port, running
from local.stage import read_function, with_chosen_ports
from tests.aws import LOCAL

PORTS = ("PORT", "AWS_PORT", "WS_PORT")
CHOSEN = {"PORT": "9001", "AWS_PORT": "9002", "WS_PORT": "9003"}


def test_by_default_they_are_those_that_the_configuration_names() -> None:
    declared = LOCAL["environment_variables"]
    assert with_chosen_ports(declared, read_settings({})) == declared


def test_what_is_chosen_reaches_every_url_of_the_stage() -> None:
    environment = read_function("default_worker", read_settings(CHOSEN)).environment
    assert environment["PUBLIC_URL"] == "http://127.0.0.1:9001"
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9002"
    assert environment["WEBSOCKET_ENDPOINT"] == "http://127.0.0.1:9003"


@pytest.mark.parametrize(("one", "other"), [*itertools.combinations(PORTS, 2)])
def test_two_of_them_cannot_be_the_same(one: str, other: str) -> None:
    with pytest.raises(Refusal, match=f"{one} and {other} are both 9999"):
        read_settings({**CHOSEN, one: "9999", other: "9999"})


@pytest.mark.parametrize("name", PORTS)
@pytest.mark.parametrize("value", ["0", "65536", "-1", "8000.5", "http"])
def test_what_is_no_port_is_refused_naming_the_variable(name: str, value: str) -> None:
    with pytest.raises(Refusal, match=f"{name}={value} must be a whole number from 1 to 65535"):
        read_settings({name: value})


def test_a_port_that_is_taken_is_refused_with_another_to_choose() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Refusal, match=f"Port {port} is taken .* with WS_PORT="):
            require_free_port("WS_PORT", port)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What the shell of another command says of a run that is on."""
    chosen = read_settings({**CHOSEN, "AUTH": "tokens", "STATE": str(tmp_path)})
    lock = claim(chosen.state)
    remember(chosen)
    yield {"STATE": str(tmp_path)}
    os.close(lock)


def test_another_command_knows_what_the_run_that_is_on_has_chosen(held: dict[str, str]) -> None:
    found = running(held)
    assert (found.port, found.aws_port, found.ws_port) == (9001, 9002, 9003)
    assert found.mode == "tokens"


def test_what_another_command_is_told_itself_comes_first(held: dict[str, str]) -> None:
    assert running({**held, "AWS_PORT": "9009"}).aws_port == 9009


def test_a_command_that_needs_a_run_says_that_none_is_on(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="`make run` is not on"):
        running({"STATE": str(tmp_path)})
    chosen = read_settings({**CHOSEN, "STATE": str(tmp_path)})
    os.close(claim(chosen.state))  # the run has ended
    remember(chosen)
    with pytest.raises(Refusal, match="`make run` is not on"):
        running({"STATE": str(tmp_path)})


def test_a_local_aws_named_by_its_port_needs_no_run(tmp_path: Path) -> None:
    assert running({"STATE": str(tmp_path), "AWS_PORT": "9009"}).aws_port == 9009
