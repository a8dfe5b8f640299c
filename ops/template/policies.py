"""Who may do what: a function's policy is .chalice/policy-<function>.json, but for the denials of
secret_items.py. The workers of lanes share policy-worker.json, unless one has its own.

.chalice/rights.json, which the project does not have, gives functions further rights for a user's
tasks: an object with a list of statements for each function.

Resource strings in them hold ${App}, ${Stage}, ${AWS::Region}, ${AWS::AccountId} and so on, as
CloudFormation's Fn::Sub has them; ${Lane} is a worker's own lane, ${EachLane} every lane.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chalicelib.domain.task import LANES
from ops.cli.stage import ROOT, Refusal, Stage, read_json
from ops.template.secret_items import denials

WORKERS = ROOT / ".chalice" / "policy-worker.json"
RIGHTS = ROOT / ".chalice" / "rights.json"
PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9:.]+)\}")


def policy_file(function: str) -> Path:
    """A function's own, or that of all workers of lanes."""
    own = ROOT / ".chalice" / f"policy-{function}.json"
    return WORKERS if function in worker_names() and not own.exists() else own


def read_policy(function: str, *, with_rights: bool = True) -> dict[str, Any]:
    """With what no function may. Raises Refusal where there is no file: a function without a policy
    may do nothing, not even log."""
    path = policy_file(function)
    if not path.exists():
        raise Refusal(
            f"The function {function} has no policy: write {path.relative_to(ROOT)}, with what it"
            " may do (start from a copy of .chalice/policy-sweep.json)."
        )
    policy = read_json(path)
    lane = function.removesuffix("_worker")
    rights = read_rights().get(function, []) if with_rights else []
    allowed = [
        {**one, "Resource": _of_lanes(one["Resource"], lane)}
        for one in (*policy["Statement"], *rights)
    ]
    return {**policy, "Statement": [*allowed, *denials(function)]}


def read_rights() -> dict[str, list[dict[str, Any]]]:
    """Statements by function. Raises Refusal where the file holds something else."""
    if not RIGHTS.exists():
        return {}
    rights = read_json(RIGHTS)
    if unknown := sorted(name for name in rights if not policy_file(name).exists()):
        raise Refusal(
            f"{RIGHTS.relative_to(ROOT)} gives rights to {', '.join(unknown)}. There are:"
            f" {', '.join(read_policies(with_rights=False))}."
        )
    for name, statements in rights.items():
        if not isinstance(statements, list) or not all(map(_is_statement, statements)):
            raise Refusal(
                f"{RIGHTS.relative_to(ROOT)}: {name} must be a list of statements, each an object"
                ' with "Effect", "Action" and "Resource".'
            )
    return rights


def _is_statement(value: Any) -> bool:
    return isinstance(value, dict) and {"Effect", "Action", "Resource"} <= value.keys()


def read_policies(*, with_rights: bool = True) -> dict[str, dict[str, Any]]:
    """All there are, by function."""
    files = (ROOT / ".chalice").glob("policy-*.json")
    names = {path.stem.removeprefix("policy-") for path in files if path != WORKERS}
    return {
        name: read_policy(name, with_rights=with_rights) for name in sorted(names | worker_names())
    }


def worker_names() -> set[str]:
    """The functions that lanes start."""
    return {f"{lane}_worker" for lane in LANES}


def _of_lanes(resource: str | list[str], lane: str) -> str | list[str]:
    """${Lane} is a worker's own, ${EachLane} stands for all."""
    if isinstance(resource, list):
        return [text for one in resource for text in _listed(_of_lanes(one, lane))]
    if "${EachLane}" in resource:
        return [resource.replace("${EachLane}", one) for one in LANES]
    return resource.replace("${Lane}", lane)


def _listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


def in_template(document: Any) -> Any:
    """The policy with its placeholders left to CloudFormation."""
    match document:
        case str() if PLACEHOLDER.search(document):
            return {"Fn::Sub": document}
        case list():
            return [in_template(one) for one in document]
        case dict():
            return {name: in_template(value) for name, value in document.items()}
        case _:
            return document


def rendered(document: Any, values: Mapping[str, str]) -> Any:
    """The policy with its placeholders filled in. What `values` does not know, because only a
    deployed stack has it (the WebSocket API's id), becomes `*`."""
    match document:
        case str():
            return PLACEHOLDER.sub(lambda match: values.get(match[1], "*"), document)
        case list():
            return [rendered(one, values) for one in document]
        case dict():
            return {name: rendered(value, values) for name, value in document.items()}
        case _:
            return document


def values_of(stage: Stage) -> dict[str, str]:
    """What the placeholders come to in this account and region."""
    partition = stage.client("sts").meta.partition
    return {
        "App": stage.app,
        "Stage": stage.name,
        "AWS::Region": stage.region,
        "AWS::AccountId": stage.account,
        "AWS::Partition": partition,
        "AWS::URLSuffix": "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com",
    }
