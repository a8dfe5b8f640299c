"""Do messages reach their functions, and do alarms have a recipient?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ops.doctor.findings import Finding, doubtful, fine, judged, wrong
from ops.doctor.observed.resources import Alarm, Queue

TEMPLATE = "Put it back into .chalice/resources.json and deploy."
DEAD = "-dead"
SWEEPS_MISSED_SECONDS = 180  # three; the schedule is one a minute


def dead_letters(queues: Mapping[str, Queue]) -> Iterator[Finding]:
    for name, queue in queues.items():
        if name.endswith(DEAD):
            yield judged(
                queue.messages == 0,
                f"{name} is empty",
                wrong(f"{name} is not empty: {queue.messages}", "make redrive STAGE=… shows why."),
            )
        else:
            yield judged(
                queue.dead_letters == name + DEAD,
                f"dead letters of {name} go to {name}{DEAD}",
                wrong(
                    f"Dead letters of {name} go to {queue.dead_letters}, not to {name}{DEAD}",
                    TEMPLATE,
                ),
            )


def alarms_tell(alarms: Mapping[str, Alarm], local: bool) -> Finding:
    mute = sorted(name for name, alarm in alarms.items() if not alarm.tells)
    those = ", ".join(mute) if len(mute) < len(alarms) else f"all {len(mute)}"
    return judged(
        local or not mute,
        "alarms have a recipient" if not local else "alarms need no recipient on this machine",
        doubtful(
            f"Alarms without a recipient: {those}",
            'Set "AlarmEmail" under template_parameters in .chalice/config.json and deploy.',
        ),
    )


def alarms_quiet(alarms: Mapping[str, Alarm]) -> Iterator[Finding]:
    ringing = sorted(name for name, alarm in alarms.items() if alarm.ringing)
    for name in ringing:
        yield wrong(f"The alarm {name} has gone off", "docs/operating.md says what to do.")
    if not ringing:
        yield fine("no alarm has gone off")


def sweeps(most_late: float) -> Finding:
    return judged(
        most_late < SWEEPS_MISSED_SECONDS,
        f"the sweeper runs: the most overdue job is {most_late:.0f} s late",
        wrong(
            f"A job has been waiting {most_late:.0f} s for a sweep; there should be one a minute",
            "See the log of the function sweep: it does not run, or does not finish.",
        ),
    )
