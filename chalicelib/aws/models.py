"""Service models cut down to the operations that are called, which a bundle brings along.

botocore's own describe every operation of a service: reading them is a third of a cold start.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from botocore.loaders import Loader

FOLDER = Path(__file__).with_name("trimmed")
"""Made by ops/bundle/models.py; there is none in a checkout."""


class TrimmedModels(Loader):
    """Reads the trimmed models, and from botocore what they lack.

    For Overtime's own session alone: a task that uses boto3 finds every operation.
    """

    def load_service_model(
        self, service_name: str, type_name: str, api_version: str | None = None
    ) -> Any:
        trimmed = FOLDER / service_name / f"{type_name}.json"
        if api_version is None and trimmed.exists():
            return json.loads(trimmed.read_bytes())
        return super().load_service_model(service_name, type_name, api_version)

    def load_data_with_path(self, name: str) -> Any:
        trimmed = FOLDER / f"{name}.json"
        if trimmed.exists():
            # with botocore's own path: for data from elsewhere it resolves endpoints in another way
            return json.loads(trimmed.read_bytes()), self.BUILTIN_DATA_PATH
        return super().load_data_with_path(name)
