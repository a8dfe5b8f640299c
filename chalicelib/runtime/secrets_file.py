"""The secrets of the local stage: one file, which git ignores and only its owner may read."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from chalicelib.domain.errors import PermanentError
from chalicelib.domain.secret import not_set

FILE = Path(__file__).resolve().parents[2] / ".secrets.json"


@dataclass(frozen=True)
class SecretsFile:
    """Implements ports.TaskSecrets. Reads the file at each call, so that changes apply at once."""

    stage: str
    path: Path = FILE

    def read(self, name: str, now: int) -> str:
        secrets = self.all()
        if name not in secrets:
            raise not_set(self.stage, name)
        return secrets[name]

    def all(self) -> dict[str, str]:
        """Values by name. Raises PermanentError if the file holds something else."""
        try:
            found = json.loads(self.path.read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):  # its message may show a value
            found = None
        if isinstance(found, dict) and all(isinstance(value, str) for value in found.values()):
            return found
        raise PermanentError(
            f"{self.path.name} cannot be read as a JSON object of strings. Repair it, or delete it"
            f" and set each secret again: make secret STAGE={self.stage} NAME=…"
        )

    def write(self, secrets: dict[str, str]) -> None:
        """Replace the file atomically; a reader sees the old content or the new one."""
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(secrets, indent=1, sort_keys=True))
        fresh.replace(self.path)
