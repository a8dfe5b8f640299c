"""What a task can read by `job.open` without a URL: uploads, its own files and its children's."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.domain.errors import PermanentError
from chalicelib.domain.job import ID, Artifact, JobRecord
from chalicelib.domain.params import UPLOAD_ID
from chalicelib.ports.system import System
from chalicelib.service.arguments import attached
from chalicelib.service.uploads import upload_key

ARTIFACT = "artifact:"  # prefix of a source that is an artifact


def key_of(system: System, record: JobRecord, own: Sequence[Artifact], source: str) -> str | None:
    """Of the object; None for a URL. Raises PermanentError for an artifact that does not exist."""
    if UPLOAD_ID.fullmatch(source):
        return upload_key(record.owner, source)
    if not source.startswith(ARTIFACT):
        return None
    child_id, slash, name = source.removeprefix(ARTIFACT).partition("/")
    if not slash:
        return attached(child_id, own).key
    child = system.jobs.read(child_id) if ID.fullmatch(child_id) else None
    parent = child.parent if child else None
    if child is None or parent is None or (parent.id, parent.uid) != (record.id, record.uid):
        raise PermanentError(f"job.open: this job has no child {child_id!r}.")
    return attached(name, child.artifacts).key
