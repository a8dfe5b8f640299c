"""Deliberate defects in schedules, as those in defects.py."""

from __future__ import annotations

from tests.simulation.defects import Mutant

SCHEDULES = (
    Mutant(
        "a schedule that moves on before its job is submitted",
        "service/moments.py",
        "        if moment is not None and not _submit(system, schedule, moment):\n"
        "            return WITHOUT_TASK  # it stays due\n"
        "        if not system.schedules.replace(schedule, after):\n",
        "        replaced = system.schedules.replace(schedule, after)\n"
        "        if moment is not None and not _submit(system, schedule, moment):\n"
        "            return WITHOUT_TASK  # it stays due\n"
        "        if not replaced:\n",
    ),
    Mutant(
        "a moment whose jobs have ids of their own",
        "service/moments.py",
        'schedule.params, schedule.job_id(moment), "")',
        'schedule.params, system.new_id(), "")',
    ),
    Mutant(
        "a sweeper that moves on a schedule that it has not read",
        "service/moments.py",
        "        if not system.schedules.replace(schedule, after):\n",
        "        now_is = system.schedules.read(schedule.owner, schedule.name)\n"
        "        if not system.schedules.replace(now_is, after):\n",
    ),
    Mutant(
        "a sweeper that submits whatever the index names",
        "service/moments.py",
        "        if schedule.due_at is None or schedule.due_at > system.clock.now():\n",
        "        if schedule.due_at is None:\n",
    ),
    Mutant(
        "moments that have passed and are not counted",
        "domain/schedules.py",
        "        missed=record.missed + max(len(passed) - 1, 0),\n",
        "",
    ),
    Mutant(
        "a stage that stood still and makes up for the first moment",
        "domain/schedules.py",
        "    moment = passed[-1] if passed else record.next_at\n",
        "    moment = record.next_at\n",
    ),
    Mutant(
        "an edit that drops the moment that is due",
        "domain/schedules.py",
        "    if is_due and not plan.paused:\n",
        "    if False:\n",
    ),
    Mutant(
        "a schedule that goes on with a moment that is over",
        "domain/schedules.py",
        "        next_at = _first(plan, max(stamp.now, record.last_at or 0))\n",
        "        next_at = _first(plan, stamp.now)\n",
    ),
    Mutant(
        "a schedule that is never due again",
        "domain/schedules.py",
        "        next_at=_first(record.plan, moment),\n",
        "        next_at=_first(record.plan, moment + 86_400_000),\n",
    ),
    Mutant(
        "a claimed job that does not look at its schedule",
        "service/moments.py",
        "    if claimed.schedule is None or claimed.generation:\n",
        "    if True:\n",
    ),
    Mutant(
        "a claimed job that overlooks a pause",
        "service/moments.py",
        "        if schedule.paused and (starts or schedule.updated_at <= claimed_at):\n",
        "        if False:\n",
    ),
    Mutant(
        "a job that starts under a pause because its first worker died",
        "service/moments.py",
        " and (starts or schedule.updated_at <= claimed_at):\n",
        " and starts:\n",
    ),
    Mutant(
        "a pause that stops the job that waits, also if it is over",
        "service/moments.py",
        "        if schedule.paused and (starts or",
        "        if (schedule.paused or schedule.updated_at > record.created_at) and (starts or",
    ),
    Mutant(
        "a job that runs beside the one that is under way",
        "service/moments.py",
        "        if previous is not None and previous.status in LIVE:\n",
        "        if False:\n",
    ),
    Mutant(
        "two jobs that take the same place under way",
        "service/moments.py",
        "        if system.schedules.replace(schedule, mine):\n            return None\n",
        "        system.schedules.replace(schedule, mine)\n        return None\n",
    ),
)
