"""Who may do what: a function's policy is .chalice/policy-<function>.json, and nothing else.

Resource strings in them hold ${App}, ${Stage}, ${AWS::Region}, ${AWS::AccountId} and so on, as
CloudFormation's Fn::Sub has them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ops.cli.stage import ROOT, Refusal, Stage, read_json

PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9:.]+)\}")


def policy_file(function: str) -> Path:
    return ROOT / ".chalice" / f"policy-{function}.json"


def read_policy(function: str) -> dict[str, Any]:
    """Raises Refusal where there is none: a function without a policy may do nothing, not log."""
    path = policy_file(function)
    if not path.exists():
        raise Refusal(
            f"The function {function} has no policy: write {path.relative_to(ROOT)}, with what it"
            " may do (start from a copy of .chalice/policy-sweep.json)."
        )
    return read_json(path)


def read_policies() -> dict[str, dict[str, Any]]:
    """All there are, by function."""
    files = sorted((ROOT / ".chalice").glob("policy-*.json"))
    return {path.stem.removeprefix("policy-"): read_json(path) for path in files}


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
