"""The `report_many` task: one report on several CSVs, each added up by a child of its own.

A model for work that fans out. The job holds no worker while its children run; then it merges
their parts, which are exact, so that the report is the same as one on all rows together.
"""

from __future__ import annotations

import msgspec

from chalicelib.tasks import Job, task
from chalicelib.tasks.report import added_up, write
from chalicelib.tasks.reporting.grouping import Group, Groups
from chalicelib.tasks.reporting.params import ReportManyParams, ReportParams, ReportResult

PART = "groups.json"
read_part = msgspec.json.Decoder(dict[str, Group]).decode


@task("report_part", lane="heavy")
def report_part(job: Job, params: ReportParams) -> ReportResult:
    """Group and add up one CSV of a `report_many`, and attach the groups as groups.json."""
    state = added_up(job, params)
    job.attach(PART, msgspec.json.encode(state.groups.by_key))
    return state.result


@task("report_many", lane="heavy")
def report_many(job: Job, params: ReportManyParams) -> ReportResult:
    """One report on several CSVs with the same columns: see `report`.

    Each CSV is a child job; the first that fails ends the report, and cancels the rest.
    """
    parts = job.map("parts", report_part, params.each(), on_failure="raise")
    groups, result = Groups(), ReportResult()
    for number, part in enumerate(parts, 1):
        [file] = part.artifacts
        with job.open(file.source) as source:
            groups.merge(read_part(source.read()))
        result.merge(msgspec.convert(part.result, ReportResult))
        job.progress(number / len(parts), f"Merged {number:,} of {len(parts):,} parts")
    result.groups = len(groups.by_key)
    write(job, params, groups)
    return result
