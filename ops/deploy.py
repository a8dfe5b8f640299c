"""Creates or updates a stage on AWS, as one CloudFormation stack: python -m ops.deploy STAGE"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ops import artifacts, local_aws
from ops.ask import confirm
from ops.bundle import Bundle, build
from ops.stack import ChangeSet, Stack
from ops.stage import LOCAL, ROOT, Refusal, Stage, read_stage
from ops.template import FUNCTION, Template

UNRESERVED = 100  # Lambda's quota: so much concurrency stays free for all other functions


def deploy(stage: Stage, yes: bool) -> None:
    """Raises Refusal where it cannot be done, is not wanted, or failed and was rolled back."""
    if stage.name == LOCAL:
        raise Refusal("The stage local is this machine's: make run")
    say(f"Building {stage.stack}")
    bundle = build(stage)
    size = bundle.archive.stat().st_size
    say(f"  {bundle.archive.relative_to(ROOT)}: {size / 1e6:.1f} MB, sha256 {bundle.sha256[:12]}…")
    parameters = chosen_parameters(stage, bundle.template)
    stack = Stack(stage, stage.stack)
    refuse_two_ways(stage)
    stack.clear_the_way()
    template, adopting = bundle.template, False
    if stack.status is None:
        require_concurrency(stage, template, parameters)
        template, adopting = adopt(stage, template)
    if url := local_aws.endpoint():
        template = local_aws.adapted(template, url)
    proposed = stack.propose(parameters, adopting, TemplateURL=send(stage, bundle, template))
    if proposed is None:
        say(f"{stack.name} is as it should be already.")
    else:
        show_and_ask(stack, proposed, yes)
        stack.carry_out(proposed)
    report(stage, template, stack.outputs)


def chosen_parameters(stage: Stage, template: Template) -> dict[str, str]:
    """Those of the template, as .chalice/config.json sets them under template_parameters."""
    chosen = {name: str(value) for name, value in stage.declared("template_parameters").items()}
    if unknown := sorted(chosen.keys() - template["Parameters"].keys()):
        raise Refusal(
            f"template_parameters in .chalice/config.json has {', '.join(unknown)}; there are: "
            + ", ".join(sorted(template["Parameters"].keys() - {"App", "Stage"}))
        )
    return {**chosen, "App": stage.app, "Stage": stage.name}


def refuse_two_ways(stage: Stage) -> None:
    if Stack(stage, f"{stage.stack}-resources").status is not None:
        raise Refusal(
            f"The stage {stage.name} was made by `make resources` and `chalice deploy`: go on with"
            f" `chalice deploy --stage {stage.name}`, or take another name for this one."
        )


def require_concurrency(stage: Stage, template: Template, parameters: dict[str, str]) -> None:
    """New AWS accounts may run ten functions at once, until one asks AWS for more."""
    if parameters.get("ReserveConcurrency") == "false":
        return
    reserved = sum(
        resource["Properties"]["ReservedConcurrentExecutions"]["Fn::If"][1]
        for resource in template["Resources"].values()
        if resource["Type"] == FUNCTION and "ReservedConcurrentExecutions" in resource["Properties"]
    )
    limits = stage.client("lambda").get_account_settings()["AccountLimit"]
    free = limits["UnreservedConcurrentExecutions"] - min(
        UNRESERVED, limits["ConcurrentExecutions"]
    )
    if reserved > free:
        raise Refusal(
            f"The stage's functions reserve a concurrency of {reserved}, and this account has"
            f" {max(free, 0)} to give (Lambda's quota, less {kept} that stay free). Ask AWS for more,"
            " lower reserved_concurrency in .chalice/config.json, or do without: set"
            ' "ReserveConcurrency": "false" under template_parameters there.'
        )


def adopt(stage: Stage, template: Template) -> tuple[Template, bool]:
    """Table and bucket outlive the stack (`make destroy` keeps them): a new one takes them over.
    CloudFormation finds them by their names, which must be plain text for it."""
    resources, adopted = dict(template["Resources"]), False
    kept: tuple[tuple[str, str, str, str], ...] = (
        ("JobsTable", "TableName", stage.table, "dynamodb"),
        ("Bucket", "BucketName", stage.bucket, "s3"),
    )
    for logical_id, property_, name, service in kept:
        if not _exists(stage, service, name):
            continue
        say(f"  {name} is there already: it is taken over, with what is in it.")
        resource = resources[logical_id]
        properties = {**resource["Properties"], property_: name}
        resources[logical_id] = {**resource, "Properties": properties}
        adopted = True
    return {**template, "Resources": resources}, adopted


def _exists(stage: Stage, service: str, name: str) -> bool:
    client: Any = stage.client(service)
    try:
        if service == "s3":
            client.head_bucket(Bucket=name)
        else:
            client.describe_table(TableName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchBucket", "ResourceNotFoundException"):
            return False
        raise
    return True


def send(stage: Stage, bundle: Bundle, template: Template) -> str:
    """Puts bundle and template where CloudFormation finds them; returns the template's URL."""
    artifacts.create_bucket(stage)
    key, new = artifacts.send(stage, bundle.archive, "zip")
    say(f"  the bundle {'is sent' if new else 'is there already'}: s3://{stage.artifacts}/{key}")
    resources = {
        name: (
            {
                **resource,
                "Properties": {
                    **resource["Properties"],
                    "CodeUri": {"Bucket": stage.artifacts, "Key": key},
                },
            }
            if resource["Type"] == FUNCTION
            else resource
        )
        for name, resource in template["Resources"].items()
    }
    text = json.dumps({**template, "Resources": resources}, sort_keys=True)
    return artifacts.url(stage, artifacts.send(stage, text, "json")[0])


def show_and_ask(stack: Stack, proposed: ChangeSet, yes: bool) -> None:
    say(f"{stack.name} changes:")
    for change in proposed.changes:
        say(str(change))
    endangered = [change for change in proposed.changes if change.endangers_data]
    if not endangered:
        return
    try:
        names = ", ".join(change.name for change in endangered)
        confirm(f"This replaces or removes what holds data: {names}. Go on?", yes)
    except Refusal:
        stack.withdraw(proposed)
        raise


def report(stage: Stage, template: Template, outputs: dict[str, str]) -> None:
    api = outputs["EndpointURL"].rstrip("/")
    if url := local_aws.endpoint():
        api = local_aws.finish(stage, template, url, outputs["RestAPIId"])
    say(f"\nAPI      {api}\nConsole  {api}/\n\n  curl {api}/health")


def say(sentence: str) -> None:
    print(sentence, flush=True)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="ops.deploy", description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("--yes", action="store_true", help="do not ask before data is replaced")
    chosen = parser.parse_args(arguments)
    try:
        deploy(read_stage(chosen.stage), chosen.yes)
    except (ClientError, BotoCoreError) as error:
        raise Refusal(f"AWS refuses: {error}") from None


if __name__ == "__main__":
    main(sys.argv[1:])
