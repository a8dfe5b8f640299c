"""A copy of this project in a folder of its own, for commands that write into it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from local.stage import without_aws
from tests.aws import ROOT

WHAT_IS_COPIED = ("app.py", "requirements.txt", ".chalice", "chalicelib", "local", "ops", "tests")
BUILT = shutil.ignore_patterns("__pycache__", "deployments", "deployed", "rendered")


class Project:
    def __init__(self, folder: Path, endpoint: str | None = None) -> None:
        """`endpoint` is the AWS that its commands go to; without it they can go to none."""
        self.folder = folder
        self.environment = without_aws() | {"AWS_DEFAULT_REGION": "us-east-1"}
        if endpoint:
            keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
            self.environment |= {"AWS_ENDPOINT_URL": endpoint, **keys}
        folder.mkdir()
        for name in WHAT_IS_COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=BUILT)
            else:
                shutil.copy(source, folder / name)

    def run(self, module: str, *arguments: str, **environment: str) -> Ran:
        ran = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.folder,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    def path(self, name: str) -> Path:
        return self.folder / name

    @property
    def config(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.path(".chalice/config.json").read_text())
        return found

    def configure(self, **members: Any) -> None:
        config = {**self.config, **members}
        self.path(".chalice/config.json").write_text(json.dumps(config, indent=2))

    def edit(self, name: str, old: str, new: str) -> None:
        text = self.path(name).read_text()
        assert text.count(old) == 1, (name, old)
        self.path(name).write_text(text.replace(old, new))


class Ran:
    """What a command printed, and whether it went well."""

    def __init__(self, code: int, said: str, complained: str) -> None:
        self.code, self.said, self.complained = code, said, complained

    def well(self) -> str:
        assert self.code == 0, f"{self.said}\n{self.complained}"
        return self.said

    def refused(self) -> str:
        """By a sentence, not by a traceback."""
        assert self.code == 1, self.said
        assert "Traceback" not in self.complained, self.complained
        return self.complained
