"""Makes what a stage lives in, for `chalice deploy` to do the rest: python -m ops.resources STAGE

It applies .chalice/resources.json alone, renders the policies for the stage, and enters both into
.chalice/config.json, which Chalice reads.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys

from ops.command import run
from ops.deploy import show_and_ask
from ops.json_edit import with_value
from ops.policies import read_policies, rendered, values_of
from ops.stack import Stack
from ops.stage import CONFIG, LOCAL, ROOT, Refusal, Stage, read_config, read_json, read_stage
from ops.template import RESOURCES, chosen_parameters, own_template

API_LOGS_DAYS = 30  # where log_retention_in_days is not set


def prepare(stage: Stage, yes: bool) -> None:
    """Raises Refusal where it cannot be done, is not wanted, or failed and was rolled back."""
    if stage.name == LOCAL:
        raise Refusal("The stage local is this machine's: make run")
    if Stack(stage, stage.stack).status is not None:
        raise Refusal(
            f"The stage {stage.name} is deployed by `make deploy`: go on with it, or take another"
            " name for this one."
        )
    template = read_json(RESOURCES)
    stack = Stack(stage, stage.resources_stack)
    stack.clear_the_way()
    parameters = chosen_parameters(stage, template)
    proposed = stack.propose(parameters, TemplateBody=json.dumps(template))
    if proposed is None:
        print(f"{stack.name} is as it should be already.")
    else:
        show_and_ask(stack, proposed, yes)
        stack.carry_out(proposed)
    keep_api_logs(stage)
    enter(stage, stack.resources)
    print(
        f"\n.chalice/config.json has the stage now. Next:\n\n  chalice deploy --stage {stage.name}"
    )


def keep_api_logs(stage: Stage) -> None:
    """Chalice makes the log group of the API's function under another name than Lambda writes to,
    and the function may not make one itself."""
    logs, group = stage.client("logs"), f"/aws/lambda/{stage.function('api_handler')}"
    with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=group)
    days = read_config().get("log_retention_in_days", API_LOGS_DAYS)
    logs.put_retention_policy(logGroupName=group, retentionInDays=days)


def enter(stage: Stage, resources: dict[str, str]) -> None:
    """Writes the stage's section of .chalice/config.json; what stands in it otherwise stays."""
    section = read_config().get("stages", {}).get(stage.name, {})
    declared = section.get("environment_variables", {})
    environment = {**declared, **environment_of(stage, resources)}
    functions = section.get("lambda_functions", {})
    for name, policy in read_policies().items():
        path = ROOT / ".chalice" / "rendered" / stage.name / f"policy-{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(rendered(policy, values_of(stage)), indent=2) + "\n")
        file = str(path.relative_to(ROOT / ".chalice"))
        functions = {**functions, name: {**functions.get(name, {}), "iam_policy_file": file}}
    text = CONFIG.read_text()
    for key, value in (("environment_variables", environment), ("lambda_functions", functions)):
        if section.get(key) != value:
            text = with_value(text, ("stages", stage.name, key), value)
    CONFIG.write_text(text)
    read_config.cache_clear()


def environment_of(stage: Stage, resources: dict[str, str]) -> dict[str, str]:
    """What .chalice/stack.json takes by reference, as text."""
    variables = own_template()["Globals"]["Function"]["Environment"]["Variables"]
    values = {"Stage": stage.name, **resources}
    referred = {name: value.get("Ref") for name, value in variables.items()}
    return {name: values[ref] for name, ref in referred.items() if ref in values}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="ops.resources", description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("--yes", action="store_true", help="do not ask before data may be lost")
    chosen = parser.parse_args(arguments)
    prepare(read_stage(chosen.stage), chosen.yes)


if __name__ == "__main__":
    run(main, sys.argv[1:])
