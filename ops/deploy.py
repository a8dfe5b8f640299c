"""Creates or updates a stage on AWS, as one CloudFormation stack: python -m ops.deploy STAGE"""

from __future__ import annotations

import copy
import json
import sys
from collections import Counter

from ops.bundle.build import Bundle, build
from ops.cli.command import asked, run
from ops.cli.confirm import confirm
from ops.cli.stage import LOCAL, ROOT, Refusal, Stage, read_stage
from ops.stack import artifacts, local_aws
from ops.stack.imports import take_over
from ops.stack.quota import require_for_stack
from ops.stack.stack import ChangeSet, Stack
from ops.template.declared import Template, chosen_parameters
from ops.template.functions import functions


def deploy(stage: Stage, yes: bool) -> None:
    """Raises Refusal if it cannot be done, is not confirmed, or failed and was rolled back."""
    if stage.name == LOCAL:
        raise Refusal("The stage local runs on this machine only. Start it with: make run")
    _refuse_two_ways(stage)
    print(f"Building {stage.stack}")
    bundle = build(stage)
    size = bundle.archive.stat().st_size
    print(f"  {bundle.archive.relative_to(ROOT)}: {size / 1e6:.1f} MB, sha256 {bundle.sha256}")
    parameters = chosen_parameters(stage, bundle.template)
    stack = Stack(stage, stage.stack)
    stack.clear_the_way()
    template = bundle.template
    if stack.is_new:
        require_for_stack(stage, template, parameters)
        take_over(stage, stack, template)
    if endpoint := local_aws.endpoint():
        template = local_aws.adapted(template, endpoint)
    proposed = stack.propose(parameters, TemplateURL=_send(stage, bundle, template))
    if proposed is None:
        print(f"{stack.name} is up to date.")
    else:
        show_and_ask(stack, proposed, yes)
        stack.carry_out(proposed)
    _report(stage, template, stack.outputs)


def show_and_ask(stack: Stack, proposed: ChangeSet, yes: bool) -> None:
    """Asks only if data could be lost. Raises Refusal if the answer is no."""
    print(f"{stack.name} changes:")
    added = Counter(change.kind for change in proposed.changes if change.action == "Add")
    for kind, count in sorted(added.items()):
        print(f"  Add     {kind:<36} {count}")
    for change in proposed.changes:
        if change.action != "Add":
            print(change)
    endangered = [change.name for change in proposed.changes if change.endangers_data]
    if not endangered:
        return
    try:
        confirm(f"This may lose what is in {', '.join(endangered)}. Go on?", yes)
    except Refusal:
        stack.withdraw(proposed)
        raise


def _refuse_two_ways(stage: Stage) -> None:
    if Stack(stage, stage.resources_stack).status is not None:
        raise Refusal(
            f"The stage {stage.name} was deployed by `make resources` and `chalice deploy`."
            f" Continue with `make resources STAGE={stage.name}`, or choose another name."
        )


def _send(stage: Stage, bundle: Bundle, template: Template) -> str:
    """Puts bundle and template where CloudFormation finds them; returns the template's URL."""
    artifacts.create_bucket(stage)
    key, sent = artifacts.send(stage, bundle.archive.read_bytes(), "zip")
    print(f"  {'sent to' if sent else 'is there already:'} s3://{stage.artifacts}/{key}")
    located = copy.deepcopy(template)
    for logical_id in functions(located):
        code = {"Bucket": stage.artifacts, "Key": key}
        located["Resources"][logical_id]["Properties"]["CodeUri"] = code
    text = json.dumps(located, sort_keys=True)
    return artifacts.url(stage, artifacts.send(stage, text.encode(), "json")[0])


def _report(stage: Stage, template: Template, outputs: dict[str, str]) -> None:
    api = outputs["EndpointURL"].rstrip("/")
    if endpoint := local_aws.endpoint():
        api = local_aws.finish(stage, template, endpoint, outputs["RestAPIId"])
    print(f"\nAPI      {api}\nConsole  {api}/\n\n  curl {api}/health")
    if stage.environment["AUTH"] == "tokens":
        token = f"$(make token STAGE={stage.name} OWNER=ada)"
        print(f'  curl {api}/tasks -H "Authorization: Bearer {token}"')


def main(arguments: list[str]) -> None:
    chosen = asked("ops.deploy", __doc__, arguments, yes="do not ask before data may be lost")
    deploy(read_stage(chosen.stage), chosen.yes)


if __name__ == "__main__":
    run(main, sys.argv[1:])
