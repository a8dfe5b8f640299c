"""The local AWS: one MiniStack process, and the project's resources in it."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.aws_server import Rules
from local.gate import Gate
from local.settings import HOST, ROOT, Refusal, Settings
from local.stage import STAGE, without_aws

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

STACK = "overtime-local"
SERVICES = "cloudformation,cloudwatch,dynamodb,iam,s3,sqs,sts"
START_SECONDS = 60
STACK_SECONDS = 120
STOP_SECONDS = 30  # it writes its state while it stops, and only then


class LocalAws:
    def __init__(self, settings: Settings, everything: bool = False, **otherwise: str) -> None:
        """With `everything` it answers more than the project uses. `otherwise` are settings of
        MiniStack's own: SERVICES, for one."""
        self.settings = settings
        self.key = secrets.token_hex(16)  # 12 digits would be an account's number
        self.rules_file = None if everything else settings.state / "gate.json"
        self.otherwise = otherwise
        self.log = settings.state / "ministack.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, pause: Callable[[float], None]) -> None:
        """Returns once it answers. Raises Refusal when it ends or takes too long."""
        self.admit(Gate(), bucket="")
        python = ROOT / ".venv-aws" / "bin" / "python"
        if not python.exists():
            raise Refusal("The local AWS is not installed: python3 local/install.py aws")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(python), "-m", "local.aws_server", *map(str, filter(None, [self.rules_file]))],
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # the terminal's Ctrl-C is the supervisor's to pass on
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.ended:
                raise Refusal(self.exit_report)
            if time.monotonic() > deadline:
                raise Refusal(f"The local AWS did not start in {START_SECONDS} s. Log: {self.log}")
            pause(0.05)

    def admit(self, gate: Gate, bucket: str) -> None:
        """What the configuration says now: which pages may use links to the stage's bucket."""
        if self.rules_file:
            Rules(gate, bucket, self.key).write(self.rules_file)

    def _environment(self) -> dict[str, str]:
        state = self.settings.state
        (state / "tmp").mkdir(exist_ok=True)
        return without_aws() | {
            "GATEWAY_PORT": str(self.settings.aws_port),
            "BIND_HOST": HOST,
            "SERVICES": SERVICES,
            "PERSIST_STATE": "1",
            "STATE_DIR": str(state / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(state / "s3"),
            "TMPDIR": str(state / "tmp"),  # its pid file
            # listeners of its own that nothing here needs
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            **self.otherwise,
        }

    def _answers(self) -> bool:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(f"{self.settings.aws_url}/_ministack/health", timeout=2):
                return True
        except OSError:
            return False

    @property
    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    @property
    def exit_report(self) -> str:
        code = self.process.returncode if self.process else None
        return f"The local AWS ended unexpectedly (exit code {code}). Its log: {self.log}"

    def stop(self) -> bool:
        """True once it has written its state; False if it had to be killed before."""
        if self.process is None or self.ended:
            return True
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return False
        return True


def read_template() -> str:
    """As the sources have it now. Raises Refusal where they are damaged."""
    ran = subprocess.run(
        [sys.executable, "-m", "ops.template.declared", STAGE],
        cwd=ROOT,
        env=without_aws(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if ran.returncode != 0:
        raise Refusal(ran.stderr.strip())
    return ran.stdout


def apply_resources(aws: LocalAws) -> None:
    """Creates or updates the stack. Raises Refusal with CloudFormation's own reason."""
    client = boto3.client(
        "cloudformation",
        endpoint_url=aws.settings.aws_url,
        region_name="us-east-1",
        aws_access_key_id=aws.key,
        aws_secret_access_key="test",
    )
    template = read_template()
    try:
        try:
            client.create_stack(StackName=STACK, TemplateBody=template)
        except client.exceptions.AlreadyExistsException:
            client.update_stack(StackName=STACK, TemplateBody=template)
        _wait_for_stack(client)
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return
        raise Refusal(
            f"CloudFormation does not take .chalice/resources.json and lane.json: {error}"
        ) from None
    except BotoCoreError as error:
        raise Refusal(f"The local AWS does not take the resources: {error}") from None


def _wait_for_stack(client: CloudFormationClient) -> None:
    deadline = time.monotonic() + STACK_SECONDS
    while time.monotonic() < deadline:
        status = client.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"]
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return
        if not status.endswith("_IN_PROGRESS"):
            reasons = [
                f"\n  {event['LogicalResourceId']}: {event.get('ResourceStatusReason', '?')}"
                for event in client.describe_stack_events(StackName=STACK)["StackEvents"]
                if event["ResourceStatus"].endswith("_FAILED")
            ]
            raise Refusal(f"The resources of .chalice are {status}{''.join(reasons)}")
        time.sleep(0.1)
    raise Refusal(f"The stack {STACK} was not ready after {STACK_SECONDS} s.")
