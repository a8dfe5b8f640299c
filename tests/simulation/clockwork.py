"""What holds of schedules and their moments, checked at every write and whenever a job begins."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.domain.job import LIVE, MINUTE, JobRecord
from chalicelib.domain.schedules import Overlap, ScheduleRecord
from chalicelib.domain.transitions import DISPATCH_AHEAD
from chalicelib.domain.writes import Verb, Write
from chalicelib.service.moments import STOPPED
from tests.simulation.promises import require
from tests.simulation.scheduler import Process

if TYPE_CHECKING:
    from tests.simulation.world import World

PERIODS = {"* * * * *": MINUTE, "*/2 * * * *": 2 * MINUTE, "*/5 * * * *": 5 * MINUTE}
LATE = 5 * MINUTE  # once faults have stopped, and the sweeper comes each minute


@dataclass
class Clockwork:
    """A `uid` is a schedule's."""

    world: World
    jobs: dict[tuple[str, int], str] = field(default_factory=dict)  # by uid and moment
    crons: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    versions: set[str] = field(default_factory=set)  # that an edit has replaced
    resumed: dict[str, int] = field(default_factory=dict)  # the latest step, by uid
    claimed: dict[str | None, int] = field(default_factory=dict)  # step, by token
    paused_under: dict[str, str] = field(default_factory=dict)  # version at a job's first claim
    came_too_late: set[str | None] = field(default_factory=set)  # tokens of claims
    under_way: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    begun: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    # ── what the ports report ──

    def submitted(self, record: JobRecord, process: Process) -> None:
        if record.schedule is None:
            return
        uid, moment = record.schedule.uid, record.run_at or 0
        require(
            (uid, moment) not in self.jobs,
            "a moment gives one job",
            f"{moment} has {self.jobs.get((uid, moment))} and {record.id}",
        )
        self.jobs[uid, moment] = record.id
        require(
            any(moment % PERIODS[cron] == 0 for cron in self.crons[uid]),
            "a job of a schedule is of one of its moments",
            f"{moment} is none of {self.crons[uid]}",
        )
        ahead = moment - self.world.scheduler.time - process.skew
        require(ahead <= DISPATCH_AHEAD, "no moment is early", f"submitted {ahead} ms ahead")

    def replaced(self, before: ScheduleRecord | None, after: ScheduleRecord) -> None:
        uid = after.uid
        self.crons[uid].add(after.cron)
        require(after.version not in self.versions, "no edit of a schedule is lost", after.version)
        if before is None or before.uid != uid:
            return
        if after.under_way != before.under_way:
            self._names(before, after)
        elif after.version == before.version:
            self._advances(before, after)
        else:
            self.versions.add(before.version)
            if before.paused and not after.paused:
                self.resumed[uid] = self.world.scheduler.steps
            self._edits(before, after)

    def _names(self, before: ScheduleRecord, after: ScheduleRecord) -> None:
        previous = self.world.jobs.records.get(before.under_way or "")
        require(
            previous is None or previous.status not in LIVE,
            "with skip, one job of a schedule is under way",
            f"{before.under_way} is live, and {after.under_way} begins",
        )
        self.under_way[after.uid].add(after.under_way or "")

    def _advances(self, before: ScheduleRecord, after: ScheduleRecord) -> None:
        assert before.next_at is not None
        assert after.next_at is not None
        period = PERIODS[after.cron]
        first_after = before.next_at - before.next_at % period + period
        passed = [before.next_at, *range(first_after, after.next_at, period)]
        moment = after.last_at if after.last_at != before.last_at else None
        require(
            moment is None or (after.uid, moment) in self.jobs,
            "a schedule moves on only past jobs that are stored",
            f"{moment} has none",
        )
        accounted = after.missed - before.missed + (moment is not None)
        require(
            moment == passed[-1] and accounted == len(passed),
            "every moment has its job or is counted",
            f"{len(passed)} have passed, {accounted} are accounted for",
        )

    def _edits(self, before: ScheduleRecord, after: ScheduleRecord) -> None:
        if after.paused or after.next_at is None:
            return
        was_due = before.due_at is not None and before.due_at <= after.updated_at
        require(
            not was_due or after.next_at == before.next_at,
            "an edit counts from the next moment on",
            f"{before.next_at} was due and has become {after.next_at}",
        )
        require(
            after.next_at > (before.last_at or 0),
            "a moment gives one job",
            f"{before.last_at} is over, and {after.next_at} comes",
        )

    def written(self, before: JobRecord, write: Write, after: JobRecord) -> None:
        if after.schedule is None or after.generation:
            return
        now_is = self.world.schedules.read(after.owner, after.schedule.name)
        if now_is is not None and now_is.uid != after.schedule.uid:
            now_is = None
        if write.verb == Verb.CLAIM:
            self.claimed[after.lease_token] = self.world.scheduler.steps
            self._claimed(after, now_is, first=before.started_at is None)
        if write.verb == Verb.ABANDON and after.error == STOPPED and now_is is not None:
            resumed, claimed = self.resumed.get(now_is.uid, 0), self.claimed[before.lease_token]
            require(
                now_is.paused or resumed > claimed,
                "a schedule that goes on before a moment loses nothing",
                f"{after.id} did not start",
            )

    def _claimed(self, job: JobRecord, now_is: ScheduleRecord | None, *, first: bool) -> None:
        if first and (now_is is None or now_is.paused):
            self.came_too_late.add(job.lease_token)
        if now_is is None or not now_is.paused:
            return
        if first and now_is.updated_at <= (job.started_at or 0):  # by their clocks
            self.paused_under[job.id] = now_is.version
        elif self.paused_under.get(job.id) == now_is.version:
            self.came_too_late.add(job.lease_token)  # its first worker died

    def begins(self, record: JobRecord) -> None:
        """The task's own code."""
        if record.schedule is None or record.generation:
            return
        uid, id = record.schedule.uid, record.id
        require(
            record.lease_token not in self.came_too_late
            or self.resumed.get(uid, 0) > self.claimed[record.lease_token],
            "a schedule that has stopped starts no job",
            f"{id} runs",
        )
        now_is = self.world.schedules.read(record.owner, record.schedule.name)
        if now_is is None or now_is.uid != uid or now_is.overlap is Overlap.ALLOW:
            return
        records = self.world.jobs.records
        others = [one for one in self.begun[uid] - {id} if records[one].status in LIVE]
        require(
            id in self.under_way[uid] and not others,
            "with skip, one job of a schedule is under way",
            f"{id} runs beside {others}",
        )
        self.begun[uid].add(id)

    # ── what clients see ──

    def in_time(self, record: ScheduleRecord) -> None:
        """Some minutes after the last fault."""
        require(
            record.next_at is None or record.next_at > self.world.scheduler.time - LATE,
            "no moment is forgotten",
            f"{record.next_at} has passed",
        )
