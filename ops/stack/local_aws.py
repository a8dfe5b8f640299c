"""What a deployment to the local AWS needs otherwise. AWS_ENDPOINT_URL says that it is one."""

from __future__ import annotations

import copy
import os
from typing import Any

from ops.cli.stage import Stage
from ops.stack import recursion
from ops.template.declared import Template
from ops.template.functions import functions as template_functions


def endpoint() -> str | None:
    """None where the deployment goes to AWS."""
    return os.environ.get("AWS_ENDPOINT_URL") or None


ONLY_OVER_TLS = ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy")


def adapted(template: Template, url: str) -> Template:
    """Functions call the local AWS, too, over plain HTTP if it speaks that only; its WebSocket
    stage deploys itself; of an alarm on several metrics, which it does not know, the first stays.
    """
    adapted = copy.deepcopy(template)
    variables = adapted["Globals"]["Function"]["Environment"]["Variables"]
    variables["AWS_ENDPOINT_URL"] = url
    resources = adapted["Resources"]
    for name in [name for name, one in resources.items() if one["Type"] in ONLY_OVER_TLS]:
        if url.startswith("http://"):
            del resources[name]
    deployments = [one for one in resources if one.startswith("WebsocketAPIDeployment")]
    for deployment in deployments:
        del resources[deployment]
        stage = resources["WebsocketAPIStage"]
        path = f"_aws/execute-api/${{WebsocketAPI}}/{stage['Properties']['StageName']}"
        variables["WEBSOCKET_ENDPOINT"] = {"Fn::Sub": f"{url}/{path}"}
        stage["Properties"].pop("DeploymentId")
        stage["Properties"]["AutoDeploy"] = True
        stage.pop("DependsOn", None)
    for resource in resources.values():
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]:
            metrics = resource["Properties"].pop("Metrics")
            first = next(one["MetricStat"] for one in metrics if "MetricStat" in one)
            plain = {"Statistic": first["Stat"], "Period": first["Period"]}
            resource["Properties"] |= first["Metric"] | plain
    return adapted


def finish(stage: Stage, template: Template, url: str, api_id: str) -> str:
    """Returns the API's URL, after three things that the local AWS leaves out: gateway responses of
    an imported API, the domain in a request's context, with which links begin, and a function's
    RecursiveLoop."""
    gateway: Any = stage.client("apigateway")
    api = template["Resources"]["RestAPI"]["Properties"]
    responses = api["DefinitionBody"]["x-amazon-apigateway-gateway-responses"]
    for kind, response in responses.items():
        gateway.put_gateway_response(restApiId=api_id, responseType=kind, **response)
    gateway.create_deployment(restApiId=api_id, stageName=api["StageName"])
    api_url = f"{url}/restapis/{api_id}/{api['StageName']}/_user_request_"
    functions: Any = stage.client("lambda")
    for logical_id in template_functions(template):
        name = template["Resources"][logical_id]["Properties"]["FunctionName"]
        variables = functions.get_function_configuration(FunctionName=name)["Environment"]
        base = stage.environment.get("PUBLIC_URL") or api_url
        chosen = {**variables["Variables"], "PUBLIC_URL": base}
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": chosen}
        )
    recursion.allow(stage)
    return api_url
