"""The service models of a bundle hold every operation that is called, whole, and little else."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from chalicelib.aws import models
from ops.bundle.models import OPERATIONS, write_models
from tests.aws import ROOT

REGIONS = ("us-east-1", "eu-central-1", "ap-southeast-5", "cn-north-1", "us-gov-west-1")
ITEMS = (
    "AttributeMap",
    "ExpressionAttributeValueMap",
    "ItemCollectionKeyAttributeMap",
    "Key",
    "MapAttributeValue",
    "PutItemInputAttributeMap",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trimmed")
    write_models(folder)
    return folder


@pytest.fixture
def trimmed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(models, "FOLDER", folder)
    return session(models.Models())


def session(loader: Any = None) -> Any:
    made = botocore.session.Session()
    if loader:
        made.register_component("data_loader", loader)
    return made


def client(made: Any, service: str, region: str = "us-east-1") -> Any:
    endpoint = "https://example.com" if service == "apigatewaymanagementapi" else None
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return made.create_client(service, region_name=region, endpoint_url=endpoint, **keys)


def named_in_the_code() -> set[str]:
    """Each name in chalicelib/aws that is an operation of one of the services."""
    known = {
        xform_name(operation): operation
        for service in OPERATIONS
        for operation in client(session(), service).meta.service_model.operation_names
    }
    words = set()
    for path in (ROOT / "chalicelib" / "aws").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Attribute(attr=word) | ast.Constant(value=str(word)):
                    words.add(word)
    return {known[word] for word in words & known.keys()}


def test_every_operation_that_is_called_is_in_the_models_and_no_other() -> None:
    assert named_in_the_code() == {one for listed in OPERATIONS.values() for one in listed}


@pytest.mark.parametrize("service", OPERATIONS)
def test_a_trimmed_operation_takes_and_returns_what_botocores_does(
    trimmed: Any, service: str
) -> None:
    ours, theirs = (client(one, service).meta.service_model for one in (trimmed, session()))
    assert set(OPERATIONS[service]) <= set(ours.operation_names)
    assert ours.metadata == theirs.metadata
    for name in ours.operation_names:
        mine, botocores = ours.operation_model(name), theirs.operation_model(name)
        assert mine.http == botocores.http
        assert mine.static_context_parameters == botocores.static_context_parameters
        assert [one.name for one in mine.error_shapes] == [
            one.name for one in botocores.error_shapes
        ]
        for one, other in (
            (mine.input_shape, botocores.input_shape),
            (mine.output_shape, botocores.output_shape),
        ):
            assert described(one) == described(other)


def described(shape: Any, above: tuple[str, ...] = ()) -> Any:
    """All that serializing and parsing go by; of a shape within itself its name."""
    if shape is None or shape.name in above:
        return shape and shape.name
    if shape.name in ITEMS:
        return "an item"  # passed on whole
    inside = (*above, shape.name)
    found: dict[str, Any] = {
        "type": shape.type_name,
        "serialization": shape.serialization,
        "metadata": {key: one for key, one in shape.metadata.items() if key != "documentation"},
    }
    if shape.type_name == "structure":
        found["members"] = {name: described(one, inside) for name, one in shape.members.items()}
    elif shape.type_name == "list":
        found["member"] = described(shape.member, inside)
    elif shape.type_name == "map":
        found["map"] = [described(shape.key, inside), described(shape.value, inside)]
    return found


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("service", OPERATIONS)
def test_a_trimmed_client_calls_where_botocores_does(
    trimmed: Any, service: str, region: str
) -> None:
    ours, theirs = (client(one, service, region) for one in (trimmed, session()))
    assert ours.meta.endpoint_url == theirs.meta.endpoint_url
    assert ours.meta.partition == theirs.meta.partition
    assert ours._ruleset_resolver is not None  # as with botocore's own data
    request = {"Bucket": "b", "Key": "k"}
    if service == "s3":
        urls = [one.generate_presigned_url("get_object", request) for one in (ours, theirs)]
        assert urls[0].partition("?")[0] == urls[1].partition("?")[0]


def test_pages_are_known_and_what_is_not_trimmed_comes_from_botocore(trimmed: Any) -> None:
    assert client(trimmed, "dynamodb").can_paginate("query")
    assert client(trimmed, "s3").can_paginate("list_objects_v2")
    assert hasattr(client(trimmed, "sns"), "publish")


def test_an_item_is_sent_and_returned_as_it_is() -> None:
    """Whichever model is read: a checkout and `chalice deploy` have botocore's."""
    item = {"text": {"S": "s"}, "list": {"L": [{"M": {}}]}, "bytes": {"B": "AA=="}}
    dynamodb = client(session(models.Models()), "dynamodb")
    sent = []

    def answer(request: Any, **_: Any) -> Any:
        sent.append(json.loads(request.body)["Item"])
        body = [json.dumps({"Attributes": item}).encode()]
        return AWSResponse(request.url, 200, HTTPHeaders(), SimpleNamespace(stream=lambda: body))

    dynamodb.meta.events.register("before-send.dynamodb", answer)
    assert dynamodb.put_item(TableName="t", Item=item)["Attributes"] == item
    assert sent == [item]


def test_a_checkout_has_no_trimmed_models() -> None:
    assert not models.FOLDER.exists()


def test_a_client_of_a_task_has_every_operation(trimmed: Any) -> None:
    """Tasks that use boto3 make sessions of their own."""
    assert not hasattr(client(trimmed, "dynamodb"), "scan")
    assert hasattr(client(session(), "dynamodb"), "scan")
