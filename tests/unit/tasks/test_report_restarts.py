"""The report task may be cut off anywhere: what it ends with is the same, byte by byte."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.tasks.reports import as_csv, counts, detail, run

TASK = "chalicelib.tasks.report"


@pytest.fixture
def saves_after_each_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{TASK}.BATCH", 1)
    monkeypatch.setattr(f"{TASK}.CHECKPOINT_SECONDS", 0.0)


NUMBERS = ["7", "-0.1", "1e-3", "1e16", "4.0", "1e289", "5e-324", "-1" + "0" * 30, "9" * 400]
CELLS = st.sampled_from(["", "x", "y\nz", 'q"', "é", ",", "NA", *NUMBERS])
TABLES = st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=25)
METRICS = ("count", "sum(n)", "mean(n)", "min(n)", "max(n)")


@settings(deadline=None)
@given(
    TABLES,
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from([",", ";"]),
    st.integers(9, 40),
    st.integers(1, 60),
)
def test_a_job_that_was_cut_off_anywhere_ends_as_if_it_had_not(
    table, encoding, delimiter, end, crash
):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{TASK}.BATCH", 1)
        patch.setattr(f"{TASK}.CHECKPOINT_SECONDS", 0.0)
        text = as_csv(table, delimiter=delimiter).decode()
        data = (text if delimiter == "," else f"sep={delimiter}\n{text}").encode(encoding)
        whole = run(data, "a", *METRICS)
        cut = run(data, "a", *METRICS, end_invocations_after=end, crash_after=crash)
    assert (cut.status, cut.result, cut.artifacts) == (whole.status, whole.result, whole.artifacts)


@pytest.mark.usefixtures("saves_after_each_record")
def test_an_invocation_goes_on_where_the_one_before_had_to_end():
    data = b"a,n\n" + b"".join(b'"x\n%d",0.1\n' % (number % 3) for number in range(50))
    whole = run(data, "a", "sum(n)")
    done = run(data, "a", "sum(n)", end_invocations_after=12)
    assert (done.result, done.artifacts) == (whole.result, whole.artifacts)
    assert done.attempts == 1
    offsets = [checkpoint["place"]["offset"] for checkpoint in done.checkpoints]
    assert offsets == sorted(set(offsets))
    for offset in offsets:
        assert data[offset:][:2] in (b'"x', b"")


@pytest.mark.usefixtures("saves_after_each_record")
def test_what_was_left_out_before_a_restart_is_still_told_of():
    data = b"a,n\n" + b"x,\nx,?\nx\n\nx,\xff\n" * 10
    done = run(data, "a", "sum(n)", end_invocations_after=12)
    assert counts(done) == {"rows": 30, "ragged": 10, "blank": 10, "undecodable": 10}
    assert done.result["missing"] == {"sum(n)": 10}
    assert done.result["not_a_number"] == {"sum(n)": 20}


@pytest.mark.usefixtures("saves_after_each_record")
def test_a_line_keeps_its_number_through_restarts():
    data = b"a,n\n" + b'"x\n",1\n' * 20 + b'"x"y,1\n'
    done = run(data, "a", "sum(n)", end_invocations_after=12)
    assert len(done.checkpoints) > 10
    assert detail(done).startswith("Line 42 has text after a closing quote.")


def test_a_checkpoint_is_saved_after_the_first_batch_and_then_every_five_seconds(monkeypatch):
    ticks = iter(range(1_000))  # a second passes at each look at the clock
    monkeypatch.setattr(f"{TASK}.time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    monkeypatch.setattr(f"{TASK}.BATCH", 1)
    done = run(b"a\n" + b"x\n" * 24)
    assert [checkpoint["place"]["offset"] for checkpoint in done.checkpoints] == [4, 14, 24, 34, 44]
