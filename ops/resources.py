"""Creates the resources of a stage for `chalice deploy`: python -m ops.resources STAGE

It applies .chalice/resources.json and lane.json, and enters the stage into .chalice/config.json.
"""

from __future__ import annotations

import json
import sys

from ops.cli.command import asked, run
from ops.cli.stage import LOCAL, Refusal, Stage, read_stage
from ops.deploy import show_and_ask
from ops.entry import enter
from ops.stack import chalice_logs, recursion
from ops.stack.imports import take_over
from ops.stack.quota import require_for_chalice
from ops.stack.stack import Stack
from ops.template.declared import chosen_parameters, resources_template


def prepare(stage: Stage, yes: bool) -> None:
    """Raises Refusal if it cannot be done, is not confirmed, or failed and was rolled back."""
    if stage.name == LOCAL:
        raise Refusal("The stage local runs on this machine only. Start it with: make run")
    if Stack(stage, stage.stack).status is not None:
        raise Refusal(
            f"The stage {stage.name} was deployed by `make deploy`. Continue with that, or choose"
            " another name."
        )
    template = resources_template(stage)
    stack = Stack(stage, stage.resources_stack)
    stack.clear_the_way()
    if stack.is_new:
        require_for_chalice(stage)
        take_over(stage, stack, template)
    parameters = chosen_parameters(stage, template)
    proposed = stack.propose(parameters, TemplateBody=json.dumps(template))
    if proposed is None:
        print(f"{stack.name} is up to date.")
    else:
        show_and_ask(stack, proposed, yes)
        stack.carry_out(proposed)
    chalice_logs.keep(stage)
    recursion.allow(stage)
    enter(stage, stack.resources)
    print(f"\nIt is in .chalice/config.json. Next:\n\n  chalice deploy --stage {stage.name}")


def main(arguments: list[str]) -> None:
    chosen = asked("ops.resources", __doc__, arguments, yes="do not ask before data may be lost")
    prepare(read_stage(chosen.stage), chosen.yes)


if __name__ == "__main__":
    run(main, sys.argv[1:])
