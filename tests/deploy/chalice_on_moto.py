"""Chalice's command line, with the three things that moto's API Gateway wants of an import:

python -m tests.deploy.chalice_on_moto deploy --stage dev
"""

from __future__ import annotations

from typing import Any

from chalice import cli
from chalice.deploy.swagger import SwaggerGenerator

generate = SwaggerGenerator.generate_swagger


def generate_for_moto(self: Any, app: Any, rest_api: Any = None) -> dict[str, Any]:
    document: dict[str, Any] = generate(self, app, rest_api)
    document["info"]["description"] = "moto asks for one"
    document["openapi"] = "3.0.1"  # it validates this version only
    del document["swagger"]
    for methods in document["paths"].values():
        for method in methods.values():
            if isinstance(method, dict):
                integration = method["x-amazon-apigateway-integration"]
                integration.setdefault("uri", "mock")
                integration.setdefault("httpMethod", "POST")
    return document


if __name__ == "__main__":
    SwaggerGenerator.generate_swagger = generate_for_moto  # type: ignore[method-assign]
    cli.main()
