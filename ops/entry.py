"""A stage's entry in .chalice/config.json: the environment and the policies that Chalice takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.domain.task import LANES
from ops.cli.stage import CONFIG, ROOT, Stage, read_config, read_json
from ops.template.declared import read_function, variables
from ops.template.functions import most_at_once
from ops.template.policies import PLACEHOLDER, read_policies, rendered, values_of
from ops.template.push import at_stage, template_by_default


def enter(stage: Stage, resources: Mapping[str, str]) -> None:
    """Writes the entry, and the policies that it names into .chalice/rendered. Every other value in
    the file stays. `resources` are the stack's, by the template's names for them."""
    values = {**values_of(stage), **resources, **made_by_chalice(stage)}
    config = read_config()
    section = config.setdefault("stages", {}).setdefault(stage.name, {})
    declared = section.get("environment_variables", {})
    section["environment_variables"] = {**declared, **environment_of(stage, values)}
    functions = section.get("lambda_functions", {})
    section["lambda_functions"] = _with_policies(functions, stage, values)
    CONFIG.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n")


def made_by_chalice(stage: Stage) -> dict[str, str]:
    """The ids of the APIs, once `chalice deploy` has made them and remembers it on this machine."""
    memory = ROOT / ".chalice" / "deployed" / f"{stage.name}.json"
    if not memory.exists():
        return {}
    made = {one["name"]: one for one in read_json(memory).get("resources", [])}
    return {
        name: made[known][f"{known}_id"]
        for name, known in (("RestAPI", "rest_api"), ("WebsocketAPI", "websocket_api"))
        if known in made
    }


def environment_of(stage: Stage, values: Mapping[str, str]) -> dict[str, str]:
    """What a deployed template takes by reference, as text, as far as it is known by now."""
    declared = variables(template_by_default(stage))
    texts = {name: _text_of(value) for name, value in declared.items()}
    config = read_config()
    own = config.get("stages", {}).get(stage.name, {})
    api_stage = own.get("api_gateway_stage") or config.get("api_gateway_stage", "api")
    if endpoint := texts.get("WEBSOCKET_ENDPOINT"):
        texts["WEBSOCKET_ENDPOINT"] = at_stage(endpoint, api_stage)
    if "PUBLIC_URL" not in stage.environment:
        host = "https://${RestAPI}.execute-api.${AWS::Region}.${AWS::URLSuffix}"
        texts["PUBLIC_URL"] = f"{host}/{api_stage}"
    known = {
        name: rendered(text, values)
        for name, text in texts.items()
        if all(placeholder in values for placeholder in PLACEHOLDER.findall(text))
    }
    return known | _concurrency(stage)


def _concurrency(stage: Stage) -> dict[str, str]:
    """How many workers a queue starts: no more than may run, or messages wear out in vain."""
    reserved: dict[str, int | None] = {
        lane: read_function(stage, f"{lane}_worker").reserved_concurrency for lane in LANES
    }
    return {
        f"CONCURRENCY_{lane.upper()}": str(most_at_once(f"{lane}_worker", number))
        for lane, number in reserved.items()
        if number is not None
    }


def _text_of(value: dict[str, Any]) -> str:
    """As Fn::Sub would have it."""
    return value["Fn::Sub"] if "Fn::Sub" in value else f"${{{value['Ref']}}}"


def _with_policies(
    functions: Mapping[str, Any], stage: Stage, values: Mapping[str, str]
) -> dict[str, Any]:
    folder = ROOT / ".chalice" / "rendered" / stage.name
    folder.mkdir(parents=True, exist_ok=True)
    entered = dict(functions)
    for name, policy in read_policies().items():
        path = folder / f"policy-{name}.json"
        path.write_text(json.dumps(rendered(policy, values), indent=2) + "\n")
        file = path.relative_to(ROOT / ".chalice").as_posix()
        entered[name] = {**entered.get(name, {}), "iam_policy_file": file}
    return entered
