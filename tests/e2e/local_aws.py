"""The local AWS as these tests need it: IAM enforced, over TLS, on a free port, forgetting all."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from local.stage import without_aws
from tests.aws import ROOT
from tests.e2e.certificate import HOST, make_certificate
from tests.e2e.waiting import until

SERVICES = (
    "apigateway,apigatewayv2,cloudformation,cloudwatch,dynamodb,events,execute-api,iam,lambda,"
    "logs,s3,scheduler,sns,sqs,ssm,sts"
)
REGION = "us-east-1"
START_SECONDS = 60


class EnforcingAws:
    """One MiniStack process. It ends when this process does, however that ends."""

    def __init__(self, folder: Path) -> None:
        self.certificate, self.key = make_certificate(folder)
        self.log = folder / "ministack.log"
        port = _free_port()
        self.url = f"https://{HOST}:{port}"
        (folder / "tmp").mkdir()
        settings = {
            "AUTH": "true",
            "GATEWAY_PORT": str(port),
            "BIND_HOST": HOST,
            "SERVICES": SERVICES,
            "USE_SSL": "1",
            "MINISTACK_SSL_CERT": str(self.certificate),
            "MINISTACK_SSL_KEY": str(self.key),
            "TMPDIR": str(folder / "tmp"),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(ROOT / ".venv-aws" / "bin" / "python"), "-m", "local.aws_server"],
                cwd=ROOT,
                env=without_aws() | self._trust | settings,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # one group with its functions, to stop all of them
            )
        until(self._answers, START_SECONDS, lambda: self.log.read_text())

    @property
    def _trust(self) -> dict[str, str]:
        """Its functions inherit it, and trust what they call."""
        return {"AWS_CA_BUNDLE": str(self.certificate)}

    @property
    def environment(self) -> Mapping[str, str]:
        """Of a shell whose commands go there."""
        credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        place = {"AWS_ENDPOINT_URL": self.url, "AWS_DEFAULT_REGION": REGION}
        return without_aws() | self._trust | credentials | place

    def processes(self, function: str) -> list[int]:
        """The process ids of a Lambda function's execution environments."""
        listed = subprocess.run(
            ["ps", "axeww", "-o", "pid=,ppid=,command="], capture_output=True, text=True, check=True
        )
        rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
        name = f" AWS_LAMBDA_FUNCTION_NAME={function} "
        ours = [(int(pid), text) for pid, parent, text in rows if parent == str(self.process.pid)]
        return [pid for pid, text in ours if name in f"{text} "]

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"The local AWS ended:\n{self.log.read_text()}")
        trusting = urllib.request.HTTPSHandler(
            context=ssl.create_default_context(cafile=self.certificate)
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), trusting)
        try:
            with direct.open(f"{self.url}/_ministack/health", timeout=2):
                return True
        except OSError:
            return False

    def stop(self) -> None:
        """At once, functions and all: there is nothing to save."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])
