"""An agent on the Python SDK: works with the tools of /mcp, and prints what it saw as JSON.

agent.py URL auto|legacy
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import httpx2
from mcp.client.client import Client

FLIGHTS = b"carrier,delay\nAA,12\nAA,4\nUA,7\n"
METRICS = ["mean(delay)", "count"]


def shown(result: Any) -> dict[str, Any]:
    content = [one.model_dump(mode="json", by_alias=True) for one in result.content]
    value = result.structured_content
    return {"is_error": bool(result.is_error), "value": value, "content": content}


async def upload(client: Client, data: bytes) -> str:
    made = await client.call_tool("create_upload", {"size": len(data), "content_type": "text/csv"})
    there: Any = made.structured_content
    async with httpx2.AsyncClient(trust_env=False) as http:
        put = await http.put(
            there["upload"]["url"], content=data, headers=there["upload"]["headers"]
        )
        put.raise_for_status()
    return str(there["id"])


async def followed(client: Client, result: Any) -> Any:
    """As the answer of a call that took too long asks a model to do."""
    while (result.structured_content or {}).get("status") in ("queued", "running"):
        result = await client.call_tool("get_job", {"job_id": result.structured_content["job_id"]})
    return result


async def main(url: str, mode: str) -> None:
    async with Client(url, mode=mode) as client:
        saw: dict[str, Any] = {"version": client.session.protocol_version}
        saw["tools"] = [tool.name for tool in (await client.list_tools()).tools]
        source = await upload(client, FLIGHTS)
        params = {"source": source, "group_by": ["carrier"], "metrics": METRICS}
        saw["report"] = shown(await followed(client, await client.call_tool("report", params)))
        saw["misfit"] = shown(await client.call_tool("report", {**params, "group_by": "carrier"}))
        saw["failure"] = shown(await followed(client, await client.call_tool("failing_job", {})))
        slow = await client.call_tool("slow_compute", {"seconds": 60})
        saw["slow"] = shown(slow)
        job: Any = slow.structured_content
        canceled = await client.call_tool("cancel_job", {"job_id": job["job_id"]})
        saw["canceled"] = shown(await followed(client, canceled))
        sys.stdout.write(json.dumps(saw))


asyncio.run(main(*sys.argv[1:]))
