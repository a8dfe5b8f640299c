"""Secrets of tasks: Parameter Store, the local stage's file and the Bench's memory behave alike.

The local AWS of `make run` answers nothing of Parameter Store: tests/e2e starts one that does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from chalicelib.aws.task_secrets import KEPT, KEPT_AT_MOST
from chalicelib.aws.task_secrets import TaskSecrets as ParameterStore
from chalicelib.domain.errors import PermanentError, Unavailable
from chalicelib.memory.stores import MemoryTaskSecrets
from chalicelib.ports.stores import TaskSecrets
from chalicelib.runtime.secrets_file import SecretsFile
from tests.aws import counted
from tests.contract.conftest import client
from tests.records import NOW

PATH = "/overtime-dev/secrets/"
Opened = tuple[TaskSecrets, Callable[[str, str], None]]
"""Secrets to read, and how to set one."""


def in_memory(folder: Path) -> Opened:
    secrets: dict[str, str] = {}
    return MemoryTaskSecrets(secrets), secrets.__setitem__


def in_a_file(folder: Path) -> Opened:
    file = SecretsFile("local", folder / ".secrets.json")
    return file, lambda name, value: file.write({**file.all(), name: value})


def in_parameters(ssm: Any) -> Opened:
    def put(name: str, value: str) -> None:
        ssm.put_parameter(Name=PATH + name, Value=value, Type="SecureString", Overwrite=True)

    return ParameterStore(lambda: ssm, PATH, "dev"), put


@pytest.fixture(params=["memory", "file", "moto"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    match request.param:
        case "memory":
            yield in_memory(tmp_path)
        case "file":
            yield in_a_file(tmp_path)
        case _:
            with mock_aws():
                yield in_parameters(client("ssm"))


def test_a_secret_that_was_set_is_read_as_it_is(opened: Opened) -> None:
    secrets, put = opened
    for name, value in {"a": "sk-1", "b.c_d-9": "line 1\nline 2 ü", "c": " x "}.items():
        put(name, value)
        assert secrets.read(name, NOW) == value


def test_a_secret_that_is_not_set_cannot_be_read_until_it_is(opened: Opened) -> None:
    secrets, put = opened
    for _ in range(2):
        with pytest.raises(PermanentError, match=r"no secret 'later'.*(make secret|Bench)"):
            secrets.read("later", NOW)
    put("later", "here")
    assert secrets.read("later", NOW) == "here"


def test_a_new_value_counts_five_minutes_later_at_the_latest(opened: Opened) -> None:
    secrets, put = opened
    put("key", "old")
    assert secrets.read("key", NOW) == "old"
    put("key", "new")
    assert secrets.read("key", NOW + KEPT) == "new"


@pytest.fixture
def ssm() -> Iterator[Any]:
    with mock_aws():
        yield client("ssm")


def test_a_value_is_asked_for_once_in_five_minutes(ssm: Any) -> None:
    secrets, put = in_parameters(ssm)
    put("key", "value")
    with counted(ssm) as calls:
        for later in (0, 1, KEPT - 1):
            secrets.read("key", NOW + later)
        assert calls == ["ssm.GetParameter"]
        secrets.read("key", NOW + KEPT)
        secrets.read("key", NOW)  # the clock was set back
    assert calls == ["ssm.GetParameter"] * 3


def test_a_process_keeps_the_hundred_that_it_used_last(ssm: Any) -> None:
    secrets, put = in_parameters(ssm)
    names = [f"key-{number}" for number in range(KEPT_AT_MOST + 1)]
    for name in names:
        put(name, name)
    for name in names[:-1]:
        secrets.read(name, NOW)
    with counted(ssm) as calls:
        secrets.read(names[1], NOW)
        secrets.read(names[0], NOW)
        assert calls == []
        secrets.read(names[-1], NOW)  # takes the place of the third
        secrets.read(names[0], NOW)
        assert len(calls) == 1
        secrets.read(names[2], NOW)
    assert len(calls) == 2


def test_no_repr_shows_a_value(ssm: Any) -> None:
    secrets, put = in_parameters(ssm)
    put("key", "sk-live")
    secrets.read("key", NOW)
    assert "sk-live" not in repr(secrets)


def test_a_refusal_of_aws_is_worth_another_attempt() -> None:
    class Refusing:
        def get_parameter(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetParameter")

    with pytest.raises(Unavailable, match="Parameter Store"):
        ParameterStore(Refusing, PATH, "dev").read("key", NOW)


@pytest.mark.parametrize("text", ["[]", '{"key": 7}', '{"key": "sk-live'])
def test_a_file_that_holds_something_else_is_refused_without_showing_it(
    tmp_path: Path, text: str
) -> None:
    file = SecretsFile("local", tmp_path / ".secrets.json")
    file.path.write_text(text)
    with pytest.raises(PermanentError, match=r"\.secrets\.json cannot be read") as refused:
        file.read("key", NOW)
    assert "sk-live" not in str(refused.value)


def test_only_its_owner_may_read_the_file(tmp_path: Path) -> None:
    file = SecretsFile("local", tmp_path / ".secrets.json")
    for secrets in ({"a": "1"}, {"a": "2"}):
        file.write(secrets)
        assert json.loads(file.path.read_text()) == secrets
        assert file.path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file.path]
