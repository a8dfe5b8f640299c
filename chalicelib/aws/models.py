"""The service models that Overtime's clients go by. A bundle brings along its own, cut down to the
operations that are called: to read botocore's whole ones is a third of a cold start.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from botocore.loaders import Loader

FOLDER = Path(__file__).with_name("trimmed")
"""Made by ops/bundle/models.py; there is none in a checkout."""


class Models(Loader):
    """Reads the trimmed models, and from botocore what they lack.

    For Overtime's own session alone: a task that uses boto3 finds every operation.
    """

    def load_service_model(
        self, service_name: str, type_name: str, api_version: str | None = None
    ) -> Any:
        trimmed = FOLDER / service_name / f"{type_name}.json"
        if api_version is None and trimmed.exists():
            model = json.loads(trimmed.read_bytes())
        else:
            model = super().load_service_model(service_name, type_name, api_version)
        if (service_name, type_name) == ("dynamodb", "service-2"):
            return {**model, "shapes": _with_plain_attributes(model["shapes"])}
        return model

    def load_data_with_path(self, name: str) -> Any:
        trimmed = FOLDER / f"{name}.json"
        if trimmed.exists():
            # with botocore's own path: for data from elsewhere it resolves endpoints in another way
            return json.loads(trimmed.read_bytes()), self.BUILTIN_DATA_PATH
        return super().load_data_with_path(name)


def _with_plain_attributes(shapes: dict[str, Any]) -> dict[str, Any]:
    """Items are JSON already, but for binary values, and Overtime has none. As documents, botocore
    passes them on whole; otherwise it looks for ten types in each attribute of each item, which
    is a tenth of a read's CPU time, and half of a list's."""
    document = {"type": "structure", "members": {}, "document": True}
    return {
        name: document if shape.get("value") == {"shape": "AttributeValue"} else shape
        for name, shape in shapes.items()
    }
