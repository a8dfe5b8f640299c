"""Removes a stage, and with --data its data too: python -m ops.destroy STAGE [--data]"""

from __future__ import annotations

import sys

from ops.cli.command import asked, run
from ops.cli.confirm import confirm
from ops.cli.stage import LOCAL, ROOT, Refusal, Stage, read_json, read_stage
from ops.stack import artifacts, chalice_logs, parameters
from ops.stack.imports import bucket_exists, table_exists
from ops.stack.stack import Stack
from ops.template.policies import read_policies


def destroy(stage: Stage, data: bool, yes: bool) -> None:
    """Raises Refusal if it is not confirmed, or something could not be deleted."""
    if stage.name == LOCAL:
        raise Refusal("The stage local is on this machine only. Delete its data with: make clean")
    by_chalice = Stack(stage, stage.resources_stack)
    if by_chalice.status is not None and _deployed_by_chalice(stage):
        raise Refusal(
            f"First delete what Chalice deployed: chalice delete --stage {stage.name}, on the"
            f" machine that deployed it (it has .chalice/deployed/{stage.name}.json)."
        )
    secrets = list(parameters.set_on(stage))
    stacks = [one for one in (Stack(stage, stage.stack), by_chalice) if one.status is not None]
    kept = [name for name in (stage.table, stage.bucket) if _exists(stage, name)]
    kept += [f"the secrets {', '.join(secrets)}"] if secrets else []
    gone = [one.name for one in stacks]
    gone += [stage.artifacts] if bucket_exists(stage, stage.artifacts) else []
    gone += ["its logs"] if not stacks and chalice_logs.left(stage) else []
    gone += kept if data else []
    if not gone:
        stays = f" There are {' and '.join(kept)}: DATA=1 removes them." if kept else ""
        raise Refusal(f"Nothing is deployed as {stage.stack}.{stays}")
    if kept and not data:
        print(f"{' and '.join(kept)} stay, with all jobs. DATA=1 would remove them too.")
    for_ever = ", with all jobs, for ever" if data and kept else ""
    confirm(f"This removes {', '.join(gone)}{for_ever}. Go on?", yes)
    for one in stacks:
        one.delete()
    if artifacts.remove_bucket(stage, stage.artifacts):
        print(f"{stage.artifacts} is removed.")
    if data:
        _remove_data(stage)
        for name in secrets:
            parameters.delete(stage, name)
    chalice_logs.forget(stage)  # of functions that Chalice made; a stack takes its own along
    if by_chalice in stacks:
        print(f"You can now remove the stage {stage.name} from .chalice/config.json.")


def _deployed_by_chalice(stage: Stage) -> bool:
    """As Chalice remembers it on this machine (after `chalice delete`, an empty list), or as its
    functions show, wherever they were deployed from."""
    memory = ROOT / ".chalice" / "deployed" / f"{stage.name}.json"
    if memory.exists() and read_json(memory).get("resources"):
        return True
    ours = {stage.function(name) for name in read_policies()}
    pages = stage.client("lambda").get_paginator("list_functions").paginate()
    return any(one["FunctionName"] in ours for page in pages for one in page["Functions"])


def _exists(stage: Stage, name: str) -> bool:
    return table_exists(stage, name) if name == stage.table else bucket_exists(stage, name)


def _remove_data(stage: Stage) -> None:
    if table_exists(stage, stage.table):
        dynamodb = stage.client("dynamodb")
        dynamodb.delete_table(TableName=stage.table)
        dynamodb.get_waiter("table_not_exists").wait(TableName=stage.table)
        print(f"{stage.table} is removed.")
    if artifacts.remove_bucket(stage, stage.bucket):
        print(f"{stage.bucket} is removed.")


def main(arguments: list[str]) -> None:
    flags = {"data": "table, bucket and secrets, too", "yes": "do not ask"}
    chosen = asked("ops.destroy", __doc__, arguments, **flags)
    destroy(read_stage(chosen.stage), chosen.data, chosen.yes)


if __name__ == "__main__":
    run(main, sys.argv[1:])
