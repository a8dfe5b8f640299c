"""However a command ends, it ends in a sentence."""

from __future__ import annotations

import subprocess
import sys

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from ops.cli.command import run
from ops.cli.stage import Refusal
from tests.aws import ROOT

DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "CreateStack")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (DENIED, "AWS answers: .*AccessDenied.*CreateStack"),
        (NoCredentialsError(), "No AWS credentials are set: export AWS_PROFILE"),
        (EndpointConnectionError(endpoint_url="https://x"), "AWS was not reached: .*https://x"),
        (KeyboardInterrupt(), "CloudFormation continues what it has begun"),
        (Refusal("As it is."), "As it is."),
    ],
)
def test_an_error_is_one_sentence_and_a_failure(error: BaseException, sentence: str) -> None:
    def main(arguments: list[str]) -> None:
        raise error

    with pytest.raises(Refusal, match=sentence):
        run(main, [])


def test_a_mistake_of_ours_keeps_its_traceback() -> None:
    def main(arguments: list[str]) -> None:
        raise KeyError("oops")

    with pytest.raises(KeyError):
        run(main, [])


def test_a_reader_that_has_read_enough_ends_the_command_without_a_word() -> None:
    """As `make jobs | head` does."""
    program = (
        "from ops.cli.command import run\nrun(lambda _: [print(n) for n in range(99_999)], [])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        assert command.stdout.readline() == b"0\n"
        command.stdout.close()
        assert command.stderr.read() == b""
    assert command.returncode == 141
