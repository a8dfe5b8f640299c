"""Reads the actual state of a stage for `make doctor`; this file reads its API."""

from __future__ import annotations

import urllib.error
import urllib.request

from ops.doctor.observed.base import pages, part
from ops.doctor.observed.resources import ResourcesRead

HTTP_SECONDS = 10


class Observed(ResourcesRead):
    @part
    def url(self) -> str:
        if self.local:
            from local.settings import running

            return running().url
        told = [one.environment.get("PUBLIC_URL") for one in self.functions.values()]
        if urls := sorted({url.rstrip("/") for url in told if url}):
            return urls[0]
        stacks = self.stage.client("cloudformation").describe_stacks(StackName=self.stage.stack)
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stacks["Stacks"][0]["Outputs"]}
        found: str = outputs["EndpointURL"]
        return found.rstrip("/")

    @part
    def endpoint_types(self) -> list[str]:
        self.require_functions()
        names = (self.stage.stack, self.stage.app)  # by `make deploy`, by `chalice deploy`
        client = self.stage.client("apigateway")
        apis = [one for page in pages(client, "get_rest_apis") for one in page["items"]]
        for name in names:
            types = [
                kind
                for api in apis
                if api["name"] == name
                for kind in api["endpointConfiguration"].get("types", [])
            ]
            if types:
                return types
        return self.kept([])

    @part
    def health(self) -> str:
        """The status of GET /health, or why there is none."""
        return self._get("/health")

    @part
    def stranger(self) -> str:
        """The status of GET /jobs without credentials."""
        return self._get("/jobs")

    def _get(self, path: str) -> str:
        try:
            with urllib.request.urlopen(self.url + path, timeout=HTTP_SECONDS) as answer:
                return str(answer.status)
        except urllib.error.HTTPError as error:
            return str(error.code)
        except OSError as error:
            return str(error)
