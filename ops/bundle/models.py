"""Cuts botocore's service models down to the operations that Overtime calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import botocore.session

OPERATIONS = {
    "apigatewaymanagementapi": ("PostToConnection",),
    "dynamodb": (
        "BatchGetItem",
        "BatchWriteItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "TransactWriteItems",
        "UpdateItem",
    ),
    "s3": ("DeleteObjects", "GetObject", "HeadObject", "ListObjectsV2", "PutObject"),
    "sqs": ("GetQueueAttributes", "GetQueueUrl", "SendMessage", "SendMessageBatch"),
    "ssm": ("GetParameter",),
}
PAGINATED = ("dynamodb", "s3")
TEXTS = ("documentation", "documentationUrl")

Model = dict[str, Any]


def write_models(folder: Path) -> None:
    """Fills the folder as chalicelib/aws/models.py reads it, from the botocore installed here."""
    loader = botocore.session.get_session().get_component("data_loader")
    prefixes = set()
    for service, operations in OPERATIONS.items():
        model = trimmed(loader.load_service_model(service, "service-2"), operations)
        prefixes.add(model["metadata"]["endpointPrefix"])
        _write(folder / service / "service-2.json", model)
        rules = loader.load_service_model(service, "endpoint-rule-set-1")
        _write(folder / service / "endpoint-rule-set-1.json", rules)
        if service in PAGINATED:
            pages = loader.load_service_model(service, "paginators-1")["pagination"]
            kept = {name: one for name, one in pages.items() if name in operations}
            _write(folder / service / "paginators-1.json", {"pagination": kept})
    endpoints = loader.load_data("endpoints")
    partitions = [_with_services(one, prefixes) for one in endpoints["partitions"]]
    _write(folder / "endpoints.json", {**endpoints, "partitions": partitions})


def trimmed(model: Model, operations: tuple[str, ...]) -> Model:
    """With the shapes that these operations need, and without texts."""
    kept = {
        name: operation
        for name, operation in model["operations"].items()
        # what botocore calls by itself where a function's environment turns on endpoint discovery
        if name in operations or operation.get("endpointoperation")
    }
    shapes: Model = {}
    wanted = [name for operation in kept.values() for name in _shapes_in(operation)]
    while wanted:
        name = wanted.pop()
        if name not in shapes:
            shapes[name] = model["shapes"][name]
            wanted += _shapes_in(shapes[name])
    whole: Model = _without_texts({**model, "operations": kept, "shapes": shapes})
    return whole


def _shapes_in(part: Any) -> list[str]:
    """The names of the shapes that a part of a model refers to."""
    if isinstance(part, list):
        return [name for one in part for name in _shapes_in(one)]
    if not isinstance(part, dict):
        return []
    own = [part["shape"]] if isinstance(part.get("shape"), str) else []
    return own + [name for one in part.values() for name in _shapes_in(one)]


def _without_texts(part: Any) -> Any:
    """Empty in place of missing, since botocore reads some. A member may be named like a text."""
    if isinstance(part, list):
        return [_without_texts(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        name: "" if name in TEXTS and isinstance(one, str) else _without_texts(one)
        for name, one in part.items()
    }


def _with_services(partition: Model, prefixes: set[str]) -> Model:
    services = {name: one for name, one in partition["services"].items() if name in prefixes}
    return {**partition, "services": services}


def _write(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, separators=(",", ":"), sort_keys=True))
