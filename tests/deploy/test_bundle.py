"""What is deployed: complete, compiled, the same bytes each time; refused where it cannot run."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ops.bundle import build
from ops.bundle.models import OPERATIONS
from ops.bundle.trial_import import HERE, lint
from ops.cli.stage import Refusal
from ops.template.declared import merged
from tests.aws import ROOT
from tests.deploy.project import Project

MODULE_FLAGS = slice(4, 8)  # of a .pyc, PEP 552
ELF_MACHINE = slice(18, 20)  # of a shared library
ELF = {"arm64": b"\xb7\0", "x86_64": b"\x3e\0"}
UNCHECKED_HASH = 0b01
PACKAGES = ("chalice", "chalicelib", "msgspec", "PIL", "h11", "standardwebhooks")
FOR_OPENID_CONNECT = ("jwt", "cryptography", "cffi", "pycparser")
OPENID_CONNECT = {"AUTH": "jwt", "JWT_ISSUER": "https://example.com", "JWT_AUDIENCE": "jobs"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("bundle") / "project")


@pytest.fixture(scope="module")
def built(project: Project) -> str:
    """What the command says."""
    return project.run("ops.bundle", "dev").well()


@pytest.fixture(scope="module")
def archive(project: Project, built: str) -> Path:
    return project.path("build/dev/bundle.zip")


@pytest.fixture(scope="module")
def names(archive: Path) -> list[str]:
    return in_zip(archive)


def in_zip(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as bundle:
        return bundle.namelist()


def tops(names: list[str]) -> set[str]:
    return {name.partition("/")[0] for name in names}


@pytest.fixture
def quick(project: Project, built: str) -> Iterator[Project]:
    """The project, to be changed by a test and put back afterwards."""
    names = ("app.py", ".chalice/config.json", ".chalice/stack.json", "chalicelib/domain/task.py")
    edited = [project.path(name) for name in names]
    before = {path: path.read_bytes() for path in edited}
    yield project
    for path, content in before.items():
        path.write_bytes(content)


def test_every_requirement_is_in_it_with_what_it_requires_itself(names: list[str]) -> None:
    for package in PACKAGES:
        assert any(name.startswith(f"{package}/") for name in names), package
    assert "app.py" in names


def test_its_service_models_have_the_operations_that_are_called(names: list[str]) -> None:
    folder = "chalicelib/aws/trimmed"
    assert {f"{folder}/{service}/service-2.json" for service in OPERATIONS} <= set(names)
    assert f"{folder}/endpoints.json" in names


def test_nothing_of_tests_and_tools_is_in_it_nor_what_lambda_brings(names: list[str]) -> None:
    others = {"tests", "local", "ops", "docs", ".chalice", "boto3", "botocore", "moto"}
    assert tops(names).isdisjoint(others)


def test_every_source_is_compiled_and_trusted_as_it_is(archive: Path, names: list[str]) -> None:
    sources = [name for name in names if name.endswith(".py")]
    assert len(sources) > 100
    with zipfile.ZipFile(archive) as bundle:
        for name in sources:
            compiled = bundle.read(importlib.util.cache_from_source(name))
            assert compiled[:4] == importlib.util.MAGIC_NUMBER
            assert int.from_bytes(compiled[MODULE_FLAGS], "little") == UNCHECKED_HASH


def test_two_builds_are_the_same_bytes(
    project: Project, built: str, archive: Path, tmp_path: Path
) -> None:
    first = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert first in built
    elsewhere = Project(tmp_path / "elsewhere")
    elsewhere.path("app.py").touch()
    again = elsewhere.run("ops.bundle", "dev", PYTHONHASHSEED="7").well()
    assert first in again


def test_what_only_openid_connect_needs_is_in_its_stages_alone(
    quick: Project, built: str, names: list[str]
) -> None:
    assert "left out, since nothing imports them: PyJWT, cffi, cryptography, pycparser" in built
    assert tops(names).isdisjoint(FOR_OPENID_CONNECT)
    quick.configure(environment_variables=OPENID_CONNECT)
    assert "left out" not in quick.run("ops.bundle", "dev").well()
    assert tops(in_zip(quick.path("build/dev/bundle.zip"))) >= set(FOR_OPENID_CONNECT)


def test_the_zip_is_no_larger_than_its_stage_needs(quick: Project) -> None:
    zipped = quick.path("build/dev/bundle.zip")
    quick.run("ops.bundle", "dev").well()
    assert zipped.stat().st_size < 9.0e6  # bytes; most of it is Pillow
    tasks = quick.path("chalicelib/tasks")
    aside = quick.path("thumbnails")
    (tasks / "thumbnails").rename(aside)
    try:
        assert "pillow" in quick.run("ops.bundle", "dev").well()
    finally:
        aside.rename(tasks / "thumbnails")
    assert zipped.stat().st_size < 2.0e6


@pytest.mark.parametrize("architecture", ELF)
def test_a_stage_gets_what_runs_on_its_processor(quick: Project, architecture: str) -> None:
    quick.configure(lambda_architecture=architecture)
    quick.run("ops.bundle", "dev").well()
    assert _machines(quick) == {ELF[architecture]}


def test_a_stage_on_the_local_aws_gets_what_runs_on_this_machine(quick: Project) -> None:
    [other] = ELF.keys() - {HERE}
    quick.configure(lambda_architecture=other)
    quick.run("ops.bundle", "dev", AWS_ENDPOINT_URL="http://127.0.0.1:1").well()
    assert _machines(quick) == {ELF[HERE]}


def _machines(project: Project) -> set[bytes]:
    with zipfile.ZipFile(project.path("build/dev/bundle.zip")) as bundle:
        native = [name for name in bundle.namelist() if name.endswith(".so")]
        return {bundle.read(name)[ELF_MACHINE] for name in native}


def test_the_environment_is_by_reference_not_by_text(project: Project, built: str) -> None:
    template = json.loads(project.path("build/dev/template.json").read_text())
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    assert shared["TABLE"] == {"Ref": "JobsTable"}
    for resource in template["Resources"].values():
        own = resource["Properties"].get("Environment", {}).get("Variables", {})
        assert not own.keys() & shared.keys()  # a function's own would hide the reference


def test_a_lane_is_its_name_its_worker_and_its_numbers(quick: Project) -> None:
    quick.edit("chalicelib/domain/task.py", "Lane = Literal[", 'Lane = Literal["gpu", ')
    with quick.path("app.py").open("a") as app:
        app.write('\n@app.on_sqs_message(**settings.trigger("gpu"))\n')
        app.write("def gpu_worker(event: SQSEvent) -> None:\n    work(event)\n")
    numbers = {"lambda_timeout": 100, "lambda_memory_size": 4096, "reserved_concurrency": 7}
    quick.configure(lambda_functions={**quick.config["lambda_functions"], "gpu_worker": numbers})
    quick.run("ops.bundle", "dev").well()  # which imports it, and lints the template
    template = json.loads(quick.path("build/dev/template.json").read_text())
    resources = {name: one.get("Properties") for name, one in template["Resources"].items()}
    queue, worker = resources["GpuQueue"], resources["GpuWorker"]
    assert queue["QueueName"] == {"Fn::Sub": "${App}-${Stage}-gpu"}
    assert queue["VisibilityTimeout"] == 600
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["GpuDeadQueue", "Arn"]}
    [source] = worker["Events"].values()
    assert source["Properties"]["Queue"] == {"Fn::GetAtt": ["GpuQueue", "Arn"]}
    most = source["Properties"]["ScalingConfig"]["MaximumConcurrency"]
    assert most == {"Fn::If": ["Reserves", 7, 2]}
    assert worker["FunctionName"] == "overtime-dev-gpu_worker"
    alarmed = resources["GpuDeadQueueAlarm"]["Dimensions"][0]["Value"]
    assert alarmed == {"Fn::GetAtt": ["GpuDeadQueue", "QueueName"]}
    assert {"GpuWorkerErrorsAlarm", "GpuWorkerThrottlesAlarm", "GpuQueuePolicy"} <= resources.keys()
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    assert shared["QUEUE_GPU"] == {"Ref": "GpuQueue"}
    assert "overtime-dev-gpu-dead" in resources["Dashboard"]["DashboardBody"]["Fn::Sub"]
    for function, action in (
        ("GpuWorker", "sqs:ReceiveMessage"),
        ("GpuWorker", "sqs:SendMessage"),
        ("APIHandler", "sqs:SendMessage"),
        ("Sweep", "sqs:SendMessage"),
        ("Sweep", "sqs:GetQueueAttributes"),
    ):
        assert ":${App}-${Stage}-gpu" in where(resources[f"{function}Role"], action)
    heavy = resources["HeavyWorkerRole"]
    assert ":${App}-${Stage}-gpu" in where(heavy, "sqs:SendMessage")  # `job.map` runs any task
    assert ":${App}-${Stage}-gpu" not in where(heavy, "sqs:ReceiveMessage")


def where(role: dict[str, Any], action: str) -> str:
    """The resources of a role's statements that allow the action."""
    [policy] = role["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    return json.dumps([one["Resource"] for one in statements if action in one["Action"]])


def test_the_firewall_of_the_page_fits_the_template(quick: Project) -> None:
    page = (ROOT / "docs" / "deploying.md").read_text()
    recipe = json.loads(page.partition("(AWS WAF)")[2].partition("```json")[2].partition("```")[0])
    stack = quick.path(".chalice/stack.json")
    stack.write_text(json.dumps(merged(json.loads(stack.read_text()), recipe)))
    quick.run("ops.bundle", "dev").well()  # cfn-lint finds nothing
    template = json.loads(quick.path("build/dev/template.json").read_text())
    assert template["Resources"]["Firewall"] == recipe["Resources"]["Firewall"]


def test_a_stage_needs_no_section_of_its_own(project: Project, built: str) -> None:
    assert "dev" not in project.config["stages"]


def test_an_open_stage_is_refused(quick: Project) -> None:
    quick.configure(stages={"dev": {"environment_variables": {"AUTH": "open"}}})
    complaint = quick.run("ops.bundle", "dev").refused()
    assert "The stage dev would admit every caller: AUTH=open is only for `make run`." in complaint


def test_a_stage_without_auth_is_refused(quick: Project) -> None:
    quick.configure(environment_variables={})
    assert "would admit every caller" in quick.run("ops.bundle", "dev").refused()


def test_settings_that_app_py_refuses_are_told_in_its_own_sentence(quick: Project) -> None:
    quick.configure(environment_variables={"AUTH": "tokens", "LEASE_SECONDS": "1"})
    assert "LEASE_SECONDS must be between" in quick.run("ops.bundle", "dev").refused()


def test_a_function_without_a_policy_is_refused_naming_the_file(quick: Project) -> None:
    with quick.path("app.py").open("a") as app:
        app.write('\n@app.lambda_function(name="cook")\ndef cook(event, context): ...\n')
    complaint = quick.run("ops.bundle", "dev").refused()
    assert "The function cook has no policy: write .chalice/policy-cook.json" in complaint


def test_an_import_that_builds_an_aws_client_is_refused(quick: Project) -> None:
    with quick.path("app.py").open("a") as app:
        app.write('\nwiring.client("sqs")\n')
    complaint = quick.run("ops.bundle", "dev").refused()
    assert "importing app.py builds an AWS client (sqs)" in complaint


def test_an_import_of_what_is_only_installed_here_is_refused(quick: Project) -> None:
    with quick.path("app.py").open("a") as app:
        app.write("\nimport hypothesis\n")
    complaint = quick.run("ops.bundle", "dev").complained
    assert "No module named 'hypothesis'" in complaint
    assert "The bundle cannot be imported as Lambda does it" in complaint


def test_a_broken_task_file_is_refused_in_a_line(quick: Project) -> None:
    file = quick.path("chalicelib/tasks/broken.py")
    file.write_text("import json\n\nnone_such\n")
    try:
        complaint = quick.run("ops.bundle", "dev").refused()
    finally:
        file.unlink()
    assert complaint.startswith("chalicelib/tasks/broken.py, line 3: NameError: name 'none_such'")


def test_a_schedule_that_cannot_run_is_refused_in_a_line(quick: Project) -> None:
    file = quick.path("chalicelib/tasks/broken.py")
    file.write_text(
        "from chalicelib.tasks import Job, Schedule, task\n"
        '@task("broken", schedules=[Schedule("0 0 31 2 *")])\n'
        "def broken(job: Job) -> None: ...\n"
    )
    try:
        complaint = quick.run("ops.bundle", "dev").refused()
    finally:
        file.unlink()
    assert (
        "The schedule 'broken' of the task 'broken' cannot be used: It needs an owner" in complaint
    )
    assert "'0 0 31 2 *' never happens" in complaint


def test_what_cfn_lint_finds_is_told(tmp_path: Path) -> None:
    wrong: dict[str, Any] = {
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"No": 1}}}
    }
    (tmp_path / "template.json").write_text(json.dumps(wrong))
    with pytest.raises(Refusal, match="'No' was unexpected"):
        lint(tmp_path / "template.json")


def test_a_template_is_linted_until_it_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linted: list[str] = []

    def linting(file: Path) -> None:
        linted.append(file.read_text())
        if "wrong" in linted[-1]:
            raise Refusal("It has errors.")

    monkeypatch.setattr(build, "lint", linting)
    kept = tmp_path / "template.json"
    for template in ("right", "right", "wrong", "wrong", "right"):
        with suppress(Refusal):
            build._keep(template, kept)
    assert linted == ["right", "wrong", "wrong"]
    assert kept.read_text() == "right"


def test_what_chalice_itself_refuses_is_shown(quick: Project) -> None:
    quick.configure(lambda_architecture="z80")
    assert "Chalice could not package the app" in quick.run("ops.bundle", "dev").complained


def test_a_name_that_no_resource_could_have_is_refused(project: Project) -> None:
    assert "STAGE=Prod! cannot name a stage" in project.run("ops.bundle", "Prod!").refused()
