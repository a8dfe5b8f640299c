"""What .chalice declares beside the code: resources.json (what jobs live in), lane.json for each
lane, and stack.json (what only a stack of `make deploy` has)."""

from __future__ import annotations

import copy
import json
import sys
from typing import Any

from chalice.config import Config

from chalicelib.domain.task import LANES
from ops.cli.stage import ROOT, Refusal, Stage, read_config, read_json, read_stage
from ops.template.policies import PLACEHOLDER

FOLDER = ROOT / ".chalice"
RESOURCES, LANE, STACK = (FOLDER / f"{name}.json" for name in ("resources", "lane", "stack"))
NAMES = ("TableName", "BucketName", "QueueName")
ADVISED = 6  # visibility timeout in function timeouts: SQS's and Lambda's developer guides
DEFAULT_TIMEOUT = 60  # seconds, Chalice's

Template = dict[str, Any]


def resources_template(stage: Stage) -> Template:
    """What jobs live in: `make resources` and `make run` apply it alone."""
    template: Template = read_json(RESOURCES)
    for lane in LANES:
        template = merged(template, {"Resources": _lane(stage, lane)["Resources"]})
    return template


def own_template(stage: Stage) -> Template:
    """All that is declared."""
    template: Template = merged(resources_template(stage), read_json(STACK))
    for lane in LANES:
        template = merged(template, {"Globals": _lane(stage, lane)["Globals"]})
    return template


def read_function(stage: Stage, function: str) -> Config:
    """What .chalice/config.json says of a function, as Chalice reads it."""
    return Config(stage.name, config_from_disk=read_config()).scope(stage.name, function)


def chosen_parameters(stage: Stage, template: Template) -> dict[str, str]:
    """The template's, as .chalice/config.json sets them under template_parameters."""
    declared = stage.declared("template_parameters")
    known = own_template(stage)["Parameters"].keys() - {"App", "Stage"}
    if unknown := sorted(declared.keys() - known):
        raise Refusal(
            f"template_parameters in .chalice/config.json has {', '.join(unknown)}; there are:"
            f" {', '.join(sorted(known))}."
        )
    chosen = {name: str(value) for name, value in declared.items()}
    named = {**chosen, "App": stage.app, "Stage": stage.name}
    return {name: value for name, value in named.items() if name in template["Parameters"]}


def variables(template: Template) -> dict[str, Any]:
    """The environment that all functions have."""
    found: dict[str, Any] = template["Globals"]["Function"]["Environment"]["Variables"]
    return found


def promised_environment(stage: Stage, template: Template) -> dict[str, str]:
    """What the functions' references will be, as far as names tell; app.py is imported with it
    before there is a stack."""
    declared = variables(template).items()
    promised = {name: _promise(stage, template, value) for name, value in declared}
    if clash := sorted(promised.keys() & stage.environment.keys()):
        raise Refusal(
            f"In .chalice/config.json the stage {stage.name} sets {', '.join(clash)}, which"
            " `make deploy` takes from the stack. Remove them there; or, if `make resources` wrote"
            f" them, go on with: chalice deploy --stage {stage.name}"
        )
    return promised


def merged(under: Any, over: Any) -> Any:
    """Objects are merged member by member; of anything else `over` replaces `under`."""
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return copy.deepcopy(over)
    return {
        **under,
        **{
            name: merged(under[name], value) if name in under else copy.deepcopy(value)
            for name, value in over.items()
        },
    }


def static(stage: Stage, value: Any) -> str:
    """The text that a name in the template comes to, but for the account and the region."""
    text: str = value["Fn::Sub"] if isinstance(value, dict) else value
    return text.replace("${App}", stage.app).replace("${Stage}", stage.name)


def referred_to(value: Any) -> set[str]:
    """Logical ids of resources, and names of parameters."""
    match value:
        case {"Ref": str(name)}:
            names = {name}
        case {"Fn::GetAtt": [str(name), *_]}:
            names = {name}
        case {"Fn::Sub": str(text)}:
            names = {found.partition(".")[0] for found in PLACEHOLDER.findall(text)}
        case dict():
            names = set().union(*map(referred_to, value.values()))
        case list():
            names = set().union(*map(referred_to, value))
        case _:
            names = set()
    return {name for name in names if not name.startswith("AWS::")}


def is_present(value: Any, template: Template) -> bool:
    """Whether all that a part of the template refers to is in the template."""
    known = template["Resources"].keys() | template["Parameters"].keys()
    return all(name in known for name in referred_to(value))


def _lane(stage: Stage, lane: str) -> Template:
    text = LANE.read_text().replace("${LaneId}", lane.capitalize()).replace("${Lane}", lane)
    timeout = read_function(stage, f"{lane}_worker").lambda_timeout or DEFAULT_TIMEOUT
    seconds = ADVISED * timeout
    text = text.replace("${LANE}", lane.upper()).replace('"${SixTimeouts}"', str(seconds))
    template: Template = json.loads(text)
    return template


def _promise(stage: Stage, template: Template, value: Any) -> str:
    match value:
        case {"Ref": "Stage"}:
            return stage.name
        case {"Ref": str(resource)}:
            properties = template["Resources"].get(resource, {}).get("Properties", {})
            named = [properties[name] for name in NAMES if name in properties]
            return PLACEHOLDER.sub("x", static(stage, named[0])) if named else resource.lower()
        case {"Fn::Sub": str(text)}:
            return PLACEHOLDER.sub("x", text)
        case _:
            return str(value)


if __name__ == "__main__":  # for `make run` and cfn-lint: python -m ops.template.declared STAGE
    print(json.dumps(resources_template(read_stage(sys.argv[1])), indent=1))
