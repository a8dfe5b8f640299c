"""Lambda's recursive loop detection, where no template sets it: see `looping` in
ops/template/functions.py."""

from __future__ import annotations

from contextlib import suppress

from ops.cli.stage import Stage
from ops.template.functions import LOOPS
from ops.template.policies import worker_names


def allow(stage: Stage) -> None:
    """For every worker that there is; before the first `chalice deploy` there is none."""
    client = stage.client("lambda")
    for name in sorted(worker_names()):
        with suppress(client.exceptions.ResourceNotFoundException):
            client.put_function_recursion_config(
                FunctionName=stage.function(name), RecursiveLoop=LOOPS
            )
