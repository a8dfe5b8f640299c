"""Takes a picture of the console for the docs: python -m tests.console.screenshot FILE"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect

from tests.browser import chromium
from tests.flights import write
from tests.smoke.test_make_run import Run, free_ports, send

LARGEST = 60_000  # bytes of the file


def main(file: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        api, aws, push = free_ports(3)
        run = Run(Path(folder) / "state", api, aws, push)
        try:
            take(run, Path(folder) / "flights.csv", file)
        finally:
            run.stop()
    if file.stat().st_size > LARGEST:
        raise SystemExit(f"{file} has {file.stat().st_size:,} bytes; {LARGEST:,} are allowed.")


def take(run: Run, flights: Path, file: Path) -> None:
    write(flights, 1_000_000)
    source = upload(run, flights.read_bytes())
    report = {"source": source, "group_by": ["carrier"], "metrics": ["count", "mean(arr_delay)"]}
    submit(run, "fetch", {"url": f"{run.url}/health"})
    submit(run, "fetch", {"url": f"{run.url}/nowhere"})
    first = submit(run, "report", report)
    run.wait_for(lambda: run.get(f"/jobs/{first}")["finished_at"])
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 900, "height": 520})
        page.goto(run.url)
        expect(page.get_by_role("listitem").first).to_be_visible()
        for _ in range(3):
            submit(run, "report", report)  # while the page looks
        expect(page.locator("progress").first).to_be_visible(timeout=30_000)
        page.screenshot(path=file)


def upload(run: Run, data: bytes) -> str:
    made = json.loads(
        run.call("POST", "/uploads", {"content_type": "text/csv", "size": len(data)})[2]
    )
    send("PUT", made["upload"]["url"], data, made["upload"]["headers"])
    return str(made["id"])


def submit(run: Run, task: str, params: object) -> str:
    answer = run.call("POST", "/jobs", {"task": task, "params": params})
    return str(json.loads(answer[2])["id"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
