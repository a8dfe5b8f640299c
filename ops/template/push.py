"""The ways of pushing, as a stage is deployed; chalicelib/settings.py has them at run time.

A stage has one of them or none; nothing of the others is in its template.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.cli.stage import Stage, read_json
from ops.template.declared import FOLDER, Template, merged, own_template, variables


@dataclass(frozen=True)
class PushTransport:
    """.chalice/push-<name>.json is what it adds to the template."""

    name: str
    variable: str
    """Functions have it where the stage has the transport."""
    resource: str
    """The API that pushes changes to clients."""
    functions: str
    """What the names of its functions begin with."""

    @property
    def parts(self) -> Template:
        return read_json(FOLDER / f"push-{self.name}.json")

    def concerns(self, statement: dict[str, Any]) -> bool:
        return f"${{{self.resource}" in str(statement)


WEBSOCKET = PushTransport("websocket", "WEBSOCKET_ENDPOINT", "WebsocketAPI", "websocket_")
APPSYNC = PushTransport("appsync", "APPSYNC_HTTP_DOMAIN", "EventApi", "authorize_push")
TRANSPORTS = (WEBSOCKET, APPSYNC)
ROUTES = ("AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Integration")


def left_out(environment: Mapping[str, str]) -> list[PushTransport]:
    """What a stage has not, by the environment of its functions."""
    return [one for one in TRANSPORTS if one.variable not in environment]


def template_by_default(stage: Stage) -> Template:
    """What is declared, for a stage that says nothing about PUSH."""
    template: Template = merged(own_template(stage), WEBSOCKET.parts)
    return template


def with_push(stage: Stage, template: Template) -> Template:
    """With the parts of the transport that app.py declares."""
    for transport in TRANSPORTS:
        begins = "".join(map(str.capitalize, transport.functions.split("_")))
        if any(name.startswith(begins) for name in template["Resources"]):
            template = merged(transport.parts, template)
    return _with_websockets(template) if "WebsocketAPIStage" in template["Resources"] else template


def _with_websockets(template: Template) -> Template:
    """A deployment is a copy of the routes: other routes need another one, and so another name."""
    text = variables(template)[WEBSOCKET.variable]["Fn::Sub"]
    resources = dict(template["Resources"])
    stage = dict(resources["WebsocketAPIStage"]["Properties"])
    endpoint = at_stage(text, stage["StageName"])
    own = {"Variables": {WEBSOCKET.variable: {"Fn::Sub": endpoint}}}
    routes = {name: one for name, one in resources.items() if one.get("Type") in ROUTES}
    digest = hashlib.sha256(json.dumps(routes, sort_keys=True).encode()).hexdigest()
    deployment = f"WebsocketAPIDeployment{digest[:10]}"
    resources[deployment] = resources.pop("WebsocketAPIDeployment")
    stage["DeploymentId"] = {"Ref": deployment}
    resources["WebsocketAPIStage"] = {**resources["WebsocketAPIStage"], "Properties": stage}
    template = {**template, "Resources": resources}
    whole: Template = merged(template, {"Globals": {"Function": {"Environment": own}}})
    return whole


def at_stage(endpoint: str, api_stage: str) -> str:
    """Chalice names the WebSocket API's stage as the REST API's: api_gateway_stage."""
    return f"{endpoint.rpartition('/')[0]}/{api_stage}"
