"""Headless Chromium: the one of this machine, or else the one that Playwright has installed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright


@contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """Where there is none: apt-get install chromium, or .venv/bin/playwright install chromium."""
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []  # its sandbox refuses root, as in CI
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*as_root, *arguments]
        )
        try:
            yield browser
        finally:
            browser.close()
