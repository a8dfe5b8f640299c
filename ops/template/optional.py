"""Leaves out what refers to something that a stage has not, such as the WebSocket API of one
that does not push."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.template.policies import PLACEHOLDER


@dataclass(frozen=True)
class Means:
    """A means of pushing: the variable that functions have where the stage has it, its resource,
    and what the names of its functions begin with."""

    variable: str
    resource: str
    functions: str

    def concerns(self, statement: dict[str, Any]) -> bool:
        return f"${{{self.resource}" in str(statement)


MEANS = (
    Means("WEBSOCKET_ENDPOINT", "WebsocketAPI", "websocket_"),
    Means("APPSYNC_HTTP_DOMAIN", "EventApi", "authorize_push"),
)


def left_out(environment: Mapping[str, str]) -> list[Means]:
    """What a stage has not, by the environment of its functions."""
    return [means for means in MEANS if means.variable not in environment]


def without_the_absent(template: dict[str, Any]) -> dict[str, Any]:
    """Of what .chalice/stack.json adds: settings of resources that there are not, and
    environment variables that refer to them."""
    resources = template["Resources"]
    present = {name: one for name, one in resources.items() if "Type" in one}
    pruned = {**template, "Resources": present}
    environment = template["Globals"]["Function"]["Environment"]
    environment["Variables"] = {
        name: value for name, value in environment["Variables"].items() if is_present(value, pruned)
    }
    return pruned


def is_present(value: Any, template: dict[str, Any]) -> bool:
    """Whether all that a part of the template refers to is in the template."""
    known = template["Resources"].keys() | template["Parameters"].keys()
    return all(name in known for name in referred_to(value))


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
