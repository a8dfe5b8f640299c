"""Is what jobs live in kept, for long enough, and from strangers?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ops.doctor.findings import Finding, doubtful, fine, judged, wrong

LONGEST_SCHEDULE_DAYS = 30  # run_at: service/submit.py
TEMPLATE = "Put it back into .chalice/resources.json and deploy."


def expiry(time_to_live: str | None) -> Finding:
    return judged(
        time_to_live == "ttl",
        "finished jobs expire by DynamoDB's TTL",
        wrong(f"TTL is on {time_to_live}, not on ttl: finished jobs stay for ever", TEMPLATE),
    )


def backups(recovery: bool) -> Finding:
    return judged(
        recovery,
        "the table can be restored to any second of the last 35 days",
        wrong("Point-in-time recovery is off: a deleted job is lost", TEMPLATE),
    )


def table_key(table_encrypted: bool) -> Finding:
    return judged(
        table_encrypted,
        "the table is encrypted with a key of this account",
        doubtful("The table is encrypted with a key that AWS owns", TEMPLATE),
    )


def public_access(bucket_private: bool) -> Finding:
    return judged(
        bucket_private,
        "the bucket lets no policy make it public",
        wrong("The bucket's public access is not blocked entirely", TEMPLATE),
    )


def bucket_key(bucket_encrypted: bool) -> Finding:
    return judged(
        bucket_encrypted,
        "the bucket is encrypted",
        wrong("The bucket has no encryption by default", TEMPLATE),
    )


def tls(bucket_policy: list[dict[str, Any]]) -> Finding:
    refused = any(
        statement["Effect"] == "Deny"
        and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        and statement["Action"] in ("s3:*", ["s3:*"])
        for statement in bucket_policy
    )
    return judged(
        refused,
        "the bucket is reached over TLS only",
        wrong("The bucket answers without TLS, too", TEMPLATE),
    )


def payloads_last(lifecycle: Mapping[str, int], retention_days: int) -> Iterator[Finding]:
    """What a client uploads today may be needed by a job that begins in 30 days and whose result
    is kept for the retention from then on."""
    needed = retention_days + LONGEST_SCHEDULE_DAYS
    for prefix in ("jobs/", "uploads/"):
        days = lifecycle.get(prefix)
        if days is None:
            yield doubtful(f"{prefix} has no lifecycle: what nobody needs stays", TEMPLATE)
        elif days < needed:
            yield wrong(
                f"{prefix} is deleted after {days} days; jobs refer to it for up to {needed}",
                f"Set ExpirationInDays to {needed + 5} in .chalice/resources.json, or lower"
                " RETENTION_DAYS; then deploy.",
            )
        else:
            yield fine(f"{prefix} is kept for {days} days; jobs need {needed}")
