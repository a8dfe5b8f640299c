"""A taste of the simulation; `make simulate` runs it at length."""

from __future__ import annotations

import pytest

from tests.aws import ROOT
from tests.simulation.defects import MUTANTS, fits
from tests.simulation.family_defects import FAMILIES
from tests.simulation.faults import KINDS, Scenario
from tests.simulation.question_defects import QUESTIONS
from tests.simulation.run import simulate
from tests.simulation.schedule_defects import SCHEDULES


@pytest.mark.parametrize("first", range(0, 1_000, 100))
def test_every_promise_is_kept_whatever_goes_wrong(first: int) -> None:
    for seed in range(first, first + 100):
        outcome = simulate(Scenario.draw(seed))
        assert outcome.violation is None, outcome.scenario.arguments()


def test_a_scenario_replays_step_by_step() -> None:
    scenario = Scenario.draw(11)
    first: list[str] = []
    second: list[str] = []
    simulate(scenario, first.append)
    simulate(Scenario.parse(scenario.arguments().split()), second.append)
    assert first == second
    assert len(first) > 20


def test_the_scenarios_have_every_kind_of_fault() -> None:
    assert {kind for seed in range(100) for kind in Scenario.draw(seed).kinds} == set(KINDS)


def test_every_planted_defect_has_its_place_in_the_source() -> None:
    mutants = (*MUTANTS, *FAMILIES, *SCHEDULES, *QUESTIONS)
    assert [one.name for one in mutants if not fits(one, ROOT / "chalicelib")] == []
