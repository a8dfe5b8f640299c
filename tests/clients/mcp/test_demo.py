"""The page's transcript is what the demo prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from urllib.parse import urlsplit

from tests.aws import ROOT
from tests.clients.mcp.test_conformance import PAGE

CHANGES = (  # from one run to the next
    (r'"statusMessage":"Thejob.*?","createdAt"', '"statusMessage":"","createdAt"'),
    (r"[0-9a-f]{32}", "ID"),
    (r"\d[\d.,:TZ-]*", "0"),
)


def steady(text: str) -> str:
    text = re.sub(r"\s", "", text)
    for pattern, same in CHANGES:
        text = re.sub(pattern, same, text)
    return text


def test_the_pages_transcript_is_what_the_demo_prints(url: str) -> None:
    there = {"PORT": str(urlsplit(url).port), "AWS_PORT": "1"}  # it calls the API alone
    ran = subprocess.run(
        [sys.executable, "-m", "local.mcp_demo"],
        cwd=ROOT,
        env=os.environ | there,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(
        r"tasks/get.*% done\. The task reports: .*\"completed\"", ran.stdout, re.DOTALL
    )
    printed = steady(ran.stdout)
    [transcript] = re.findall(r"\n```\n(→.*?)```", PAGE, re.DOTALL)
    exchanges = transcript.split("\n\n")
    assert len(exchanges) == 4
    for exchange in exchanges:
        assert steady(exchange.rstrip().removesuffix("…")) in printed, exchange


def test_the_call_on_the_page_is_a_job(url: str) -> None:
    [command] = re.findall(r"^```sh\n(curl .*?)```", PAGE, re.DOTALL | re.MULTILINE)
    ran = subprocess.run(
        ["sh", "-c", command],
        env=os.environ | {"URL": url.removesuffix("/mcp")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert '"resultType":"task"' in ran.stdout, ran.stdout + ran.stderr
