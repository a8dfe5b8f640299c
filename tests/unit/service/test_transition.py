"""What a verb does besides its write: the message, the push, the log line and what it measures."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from msgspec.structs import replace

from chalicelib.domain.job import JobRecord
from chalicelib.domain.writes import Verb
from chalicelib.service.transition import announce
from chalicelib.telemetry.metrics import Metric
from chalicelib.testing import Bench
from tests.lines import lines
from tests.records import examples, queued

RUN = {Metric.FINISHED, Metric.RUN_SECONDS, Metric.ATTEMPTS}
LOST = {Metric.FINISHED, Metric.RESCUED, Metric.ATTEMPTS}
EFFECTS: dict[tuple[str, str, str], set[str]] = {
    ("submit", "", "queued"): {"message", "push", "line", Metric.SUBMITTED},
    ("claim", "queued", "running"): {"push", "line", Metric.WAIT_SECONDS},
    ("heartbeat", "running", "running"): set(),  # pushes by itself where it shows something new
    ("succeed", "running", "succeeded"): {"push", "line", *RUN},
    ("fail", "running", "failed"): {"push", "line", *RUN},
    ("retry_later", "running", "queued"): {"message", "push", "line", Metric.RUN_SECONDS},
    ("continue", "running", "queued"): {"message", "push", "line", Metric.RUN_SECONDS},
    ("sleep", "running", "queued"): {"message", "push", "line", Metric.RUN_SECONDS},
    ("suspend", "running", "queued"): {"push", "line", Metric.RUN_SECONDS},
    ("wake", "queued", "queued"): {"message", "push", "line"},
    ("abandon", "running", "canceled"): {"push", "line", *RUN},
    ("open_map", "running", "running"): set(),
    ("adopt", "queued", "queued"): {"push"},
    ("adopt", "running", "running"): {"push"},
    ("adopt", "succeeded", "succeeded"): {"push"},
    ("cancel", "queued", "canceled"): {"push", "line", Metric.FINISHED},
    ("request_cancel", "running", "running"): {"push", "line"},
    ("acknowledge_cancel", "running", "canceled"): {"push", "line", *RUN},
    ("rescue", "running", "queued"): {"message", "push", "line", Metric.RESCUED},
    ("rescue", "running", "failed"): {"push", "line", *LOST},
    ("rescue", "running", "canceled"): {"push", "line", *LOST},
    ("remind", "queued", "queued"): {"message", "line"},
    ("postpone", "queued", "queued"): {"line"},
    ("expire", "queued", "failed"): {"push", "line", Metric.FINISHED},
    ("expire", "running", "failed"): {"push", "line", *RUN},
    ("retry", "failed", "queued"): {"message", "push", "line"},
    ("watch", "failed", "failed"): set(),
    ("erase", "failed", "erasing"): {"line"},
}


def cases() -> dict[tuple[str, str, str], tuple[JobRecord, Verb]]:
    """The record after each verb."""
    after = {("submit", "", "queued"): (queued(), Verb.SUBMIT)}
    for record, make in examples():
        write = make(record)
        then = write.applied_to(record)
        after[write.verb, record.status, then.status] = then, Verb(write.verb)
    return after


def test_every_verb_has_its_effects() -> None:
    assert {verb for verb, *_ in EFFECTS} == set(Verb)
    assert set(EFFECTS) == set(cases())


@pytest.mark.parametrize("case", EFFECTS, ids=" ".join)
def test_a_verb_has_its_effects_and_no_others(case: tuple[str, str, str]) -> None:
    bench, pushing = Bench(), Mock()
    record, verb = cases()[case]
    with lines() as said:
        announce(replace(bench.system, pushing=pushing), replace(record, watched=True), verb)
    found: set[str] = {metric for metric in Metric for line in said if metric in line}
    found |= {"message"} if bench.queue.lanes else set()
    found |= {"push"} if pushing.outbox.put.called else set()
    found |= {"line"} if said else set()
    assert found == EFFECTS[case]
