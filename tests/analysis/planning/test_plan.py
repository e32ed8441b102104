"""Plans: against the t test, a simulation with the engine itself, and plain expectations."""

from math import inf, isinf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from statsmodels.stats.power import TTestPower
from tests.toy import toy_study

from myosweep.analysis.planning.pilot import goal_of, read_pilot
from myosweep.analysis.planning.plan import (
    Goal,
    Variability,
    chance_to_show,
    plan_study,
    smallest_networks,
    smallest_patients,
)
from myosweep.analysis.planning.words import (
    goal_sentence,
    plan_record,
    plan_sentences,
    smallest_table,
    variability_facts,
)
from myosweep.errors import InputError, StudyError
from myosweep.statistics.contrasts import Components, estimate_differences
from myosweep.statistics.decide import chance_to_decide
from myosweep.statistics.intervals import bounds

NETWORKS_ONLY = Variability(1.0, 0.0, 0.0, "made up")
PATIENTS_ONLY = Variability(0.0, 1.0, 0.0, "made up")

VARIED = Variability(0.02, 0.03, 0.05, "a test, in which patients differ, too")


@pytest.mark.parametrize("networks", [2, 3, 5, 10, 30])
@pytest.mark.parametrize("effect", [0.5, 1.0, 3.0])
def test_one_component_is_the_t_test(networks: int, effect: float) -> None:
    found = chance_to_show(NETWORKS_ONLY, Goal(effect, comparisons=1), networks, 50)
    # statsmodels adds the chance of the wrong direction, which a one-sided test leaves out
    wanted = TTestPower().power(effect, networks, 0.025, alternative="larger")
    assert float(found) == pytest.approx(wanted, abs=0.002)


def test_patients_alone_are_the_t_test_too() -> None:
    found = chance_to_show(PATIENTS_ONLY, Goal(0.5, comparisons=1), 100_000, 34)
    wanted = TTestPower().power(0.5, 34, 0.025, alternative="larger")
    assert float(found) == pytest.approx(wanted, abs=0.005)


def test_bonferroni_for_several_comparisons() -> None:
    found = chance_to_show(NETWORKS_ONLY, Goal(1.0, comparisons=4), 10, 50)
    wanted = TTestPower().power(1.0, 10, 0.025 / 4, alternative="larger")
    assert float(found) == pytest.approx(wanted, abs=0.002)


def test_the_smallest_number_is_that_of_the_t_test() -> None:
    found = smallest_networks(NETWORKS_ONLY, Goal(1.0, comparisons=1), 50)
    wanted = np.ceil(TTestPower().solve_power(1.0, None, 0.05, 0.8))
    assert found.networks == wanted
    assert found.chance >= 0.8


def simulated(goal: Goal, networks: int, patients: int, repeats: int = 400) -> float:
    """Share of simulated studies whose interval, by the engine, shows what is wanted."""
    rng = np.random.default_rng(0)
    shape, hits = (1, networks, patients), 0
    for _ in range(repeats):
        d = goal.difference + VARIED.residual * rng.standard_normal(shape)
        d += VARIED.network * rng.standard_normal((1, networks, 1))
        d += VARIED.patient * rng.standard_normal((1, 1, patients))
        if goal.design == "folds":
            tested = np.zeros(shape, bool)
            for number in range(networks):
                order = np.random.default_rng(number // goal.folds).permutation(patients)
                tested[0, number, order[number % goal.folds :: goal.folds]] = True
            d[~tested] = np.nan
        low, high = bounds(estimate_differences(d), goal.each_level)
        if goal.margin is None:
            hits += low[0] > 0
        else:
            hits += -goal.margin < low[0] and high[0] < goal.margin
    return hits / repeats


SIMULATED: list[tuple[Goal, int, int]] = [
    (Goal(0.06, comparisons=1), 3, 16),
    (Goal(0.03), 5, 40),
    (Goal(0.02), 10, 80),
    (Goal(0.0, 0.03), 10, 80),
    (Goal(0.005, 0.03), 12, 80),
    (Goal(0.03, design="folds"), 10, 80),
    (Goal(0.0, 0.03, design="folds"), 10, 80),
]


@pytest.mark.parametrize(("goal", "networks", "patients"), SIMULATED)
def test_against_simulated_studies(goal: Goal, networks: int, patients: int) -> None:
    expected = float(chance_to_show(VARIED, goal, networks, patients))
    assert 0.1 < expected < 0.97, "a chance near 0 or 1 tests nothing"
    error = 2.6 * np.sqrt(expected * (1 - expected) / 400)
    assert simulated(goal, networks, patients) == pytest.approx(expected, abs=error + 0.02)


@pytest.mark.parametrize("networks", [3, 5, 10, 20, 40])
def test_the_engine_expects_the_same_of_a_difference(networks: int) -> None:
    """Without a margin, all that can be decided is a difference."""
    variances = (VARIED.network**2, VARIED.patient**2, VARIED.residual**2)
    engine = chance_to_decide(*variances, 0.03, 0.0, float(networks), 80.0, 80.0, 0.025)
    found = chance_to_show(VARIED, Goal(0.03), networks, 80)
    assert float(found) == pytest.approx(float(engine), abs=0.04)


def test_chances_grow_with_everything_that_helps() -> None:
    goal, counts = Goal(0.02), np.array([10, 20, 40, 80])
    assert (np.diff(chance_to_show(VARIED, goal, counts, 80)) > 0).all()
    assert (np.diff(chance_to_show(VARIED, goal, 10, counts)) > 0).all()
    table = chance_to_show(VARIED, goal, counts[:, None], counts[None, :])
    assert table.shape == (4, 4)
    larger = chance_to_show(VARIED, Goal(0.04), 10, 40)
    assert larger > chance_to_show(VARIED, goal, 10, 40)
    equal = chance_to_show(VARIED, Goal(0.0, 0.03), 10, 80)
    assert equal > chance_to_show(VARIED, Goal(0.01, 0.03), 10, 80)


def test_equivalence_at_the_margin_is_hardly_ever_shown() -> None:
    assert chance_to_show(VARIED, Goal(0.02, 0.02, comparisons=1), 20, 80) < 0.026


def test_too_few_patients_for_any_number_of_networks() -> None:
    short = smallest_networks(VARIED, Goal(0.02), 10)
    assert isinf(short.networks)
    assert short.chance < 0.8
    needed = smallest_patients(VARIED, Goal(0.02), 1000)
    assert 10 < needed < 40
    before = chance_to_show(VARIED, Goal(0.02), 1000, int(needed) - 1)
    assert before < 0.8 <= chance_to_show(VARIED, Goal(0.02), 1000, int(needed))
    assert isinf(smallest_patients(VARIED, Goal(0.02), 3))


def test_no_smaller_number_is_enough() -> None:
    goal, counts = Goal(0.02), np.arange(2, 60)
    for patients in (40, 80, 500):
        every = chance_to_show(VARIED, goal, counts, patients)
        wanted = counts[np.flatnonzero(every >= goal.power)[0]]
        assert smallest_networks(VARIED, goal, patients).networks == wanted


def test_folds_come_in_whole_repeats() -> None:
    plan = plan_study(VARIED, Goal(0.02, design="folds", folds=4))
    assert all(networks % 4 == 0 for networks in plan.networks)
    assert all(one.networks % 4 == 0 for one in plan.smallest if one.networks < inf)
    text = " ".join(plan_sentences(plan_study(VARIED, plan.goal, patients=80), 3))
    assert "repeats of 4 folds) are enough" in text
    assert "of the whole study" in text


def test_a_plan_over_sizes() -> None:
    plan = plan_study(VARIED, Goal(0.02), also_patients=16)
    assert plan.patients == (10, 16, 20, 40, 80, 160)
    assert len(plan.chances) == len(plan.networks)
    text = " ".join(plan_sentences(plan, 3))
    assert "With 10, 16 or 20 patients no number of networks (up to 1000 per value)" in text
    assert f"At least {plan.patients_at_least:.0f} patients are needed; with 10 networks" in text
    assert "of the test part" in text
    rows = {row[0]: row for row in smallest_table(plan, 3, 60.0).rows}
    networks = next(one.networks for one in plan.smallest if one.patients == 80)
    assert rows["80"][1] == f"{networks:.0f}"
    assert rows["80"][3] == f"{3 * networks:.0f}"
    assert rows["80"][4] == f"{3 * networks:.0f} min"
    assert rows["10"][1] == "more than 1000"
    assert len(smallest_table(plan, 3).columns) == 4


def test_a_plan_for_one_size() -> None:
    both = plan_study(VARIED, Goal(0.02), networks=10, patients=80)
    assert both.chances == ((float(chance_to_show(VARIED, Goal(0.02), 10, 80)),),)
    text = " ".join(plan_sentences(both, 3, 600.0)).replace("\u00a0", " ")
    chance = f"{100 * both.chances[0][0]:.0f} %"
    assert f"With 80 patients and 10 networks per value the chance is {chance}." in text
    enough = int(both.smallest[0].networks)
    assert f"{enough} networks per value are enough: a chance of 8" in text
    hours = f"{3 * enough * 600 / 3600:.0f}"
    assert f"{3 * enough} runs for 3 values, {hours} h of computing." in text
    fixed = " ".join(plan_sentences(plan_study(VARIED, Goal(0.03), networks=10), 3))
    needed = smallest_patients(VARIED, Goal(0.03), 10)
    assert f"With 10 networks per value, {needed:.0f} patients are enough." in fixed
    few = " ".join(plan_sentences(plan_study(VARIED, Goal(0.02), networks=3), 3))
    assert "With 3 networks per value no number of patients (up to 2000) is enough" in few


def test_a_hopeless_plan_says_so() -> None:
    plan = plan_study(VARIED, Goal(0.0001), patients=20)
    assert "Not even 2000 patients would do" in " ".join(plan_sentences(plan, 3))


def test_the_goal_in_words() -> None:
    assert "to show a true difference of 0.02 between" in goal_sentence(Goal(0.02))
    assert "for 2 comparisons together" in goal_sentence(Goal(0.02))
    assert "together" not in goal_sentence(Goal(0.02, comparisons=1))
    assert "truly are equal differ by less than the margin of 0.0211," in goal_sentence(
        Goal(0.0, 0.0210744)
    )
    assert "truly differ by 0.01 differ" in goal_sentence(Goal(0.01, 0.02))


WRONG: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"difference": 0.02, "power": 1.0}, {}, "a power lies between 0 and 1, got 1"),
    ({"difference": 0.02, "comparisons": 0}, {}, "there is at least 1 comparison, got 0"),
    ({"difference": 0.0}, {}, "a difference to show is a number other than 0, got 0"),
    ({"difference": float("nan")}, {}, "a number other than 0, got nan"),
    ({"difference": 0.0, "margin": -1.0}, {}, "a margin is a number above 0, got -1"),
    ({"difference": 0.02, "margin": 0.02}, {}, "only a difference below the margin"),
    ({"difference": 0.02}, {"networks": 1}, "networks per value are at least 2, got 1"),
    (
        {"difference": 0.02, "design": "folds"},
        {"networks": 7},
        "networks per value are a multiple of the 5 folds, got 7",
    ),
    ({"difference": 0.02, "design": "folds", "folds": 1}, {}, "at least 2 folds, got 1"),
    (
        {"difference": 0.02, "design": "folds"},
        {"patients": 4},
        "patients are at least 5, one for each fold, got 4",
    ),
    ({"difference": 0.02}, {"patients": 1}, "patients are at least 2, got 1"),
]


@pytest.mark.parametrize(("goal", "sizes", "message"), WRONG)
def test_what_cannot_be_planned(goal: Any, sizes: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        plan_study(VARIED, Goal(**goal), **sizes)


def test_goals_from_options() -> None:
    assert goal_of(None) == Goal(0.02)
    assert goal_of(None, margin=0.03) == Goal(0.03)
    assert goal_of(None, equivalence=True) == Goal(0.0, 0.02)
    assert goal_of(None, difference=0.01, margin=0.03, equivalence=True) == Goal(0.01, 0.03)
    with pytest.raises(InputError, match="are two goals"):
        goal_of(None, difference=0.01, margin=0.03)


# pilots ---------------------------------------------------------------------------------------

SHIFTS = {(5e-3,): (2, 3, 3), (5e-4,): (1, 1, 2), (5e-5,): (0, 1, 1)}


def test_a_pilot_gives_components_margin_and_time(tmp_path: Path) -> None:
    pilot = read_pilot(toy_study(tmp_path, SHIFTS).folder)
    assert (pilot.networks, pilot.values, pilot.design) == (3, 3, "seeds")
    assert pilot.seconds == pytest.approx(61.0)
    assert pilot.comparisons == 3  # the preset's value was not tested: all pairs
    assert pilot.margin is not None
    assert pilot.variability.network > 0
    for size, (low, high) in zip(
        (pilot.variability.network, pilot.variability.patient, pilot.variability.residual),
        pilot.variability.ranges,
        strict=True,
    ):
        assert low <= size <= high
    assert "study 'toy', the mean of 3 comparisons" in pilot.variability.source
    assert "A pilot of 3 networks per value" in pilot.notes[0]
    facts = dict(variability_facts(pilot.variability))
    assert " to " in facts["between networks"]
    goal = goal_of(pilot)
    assert goal == Goal(pilot.margin, None, 0.8, 3)
    assert goal_of(pilot, equivalence=True, folds=3, design="folds", comparisons=1) == Goal(
        0.0, pilot.margin, 0.8, 1, "folds", 3
    )


def test_a_pilot_with_folds_tested_once_says_what_it_cannot_tell(tmp_path: Path) -> None:
    folds = {"design": "folds", "repeats": 1, "folds": 5}
    shifts = {(5e-4,): (1, 1, 2, 1, 2), (5e-5,): (0, 1, 1, 0, 1)}
    pilot = read_pilot(toy_study(tmp_path, shifts, replicates=folds).folder)
    assert (pilot.design, pilot.folds, pilot.comparisons) == ("folds", 5, 1)
    assert "tested each patient once per value" in pilot.notes[0]
    assert goal_of(pilot).step == 5


def test_a_pilot_that_is_too_small(tmp_path: Path) -> None:
    folder = toy_study(tmp_path, {(5e-3,): (2,), (5e-4,): (1,)}).folder
    with pytest.raises(InputError, match="needs at least 2 values, with 2 networks each"):
        read_pilot(folder)
    with pytest.raises(StudyError, match="is not a study folder"):
        read_pilot(tmp_path / "nowhere")


def test_everything_for_other_programs() -> None:
    record = plan_record(plan_study(VARIED, Goal(0.02)), 3, None, ("a note",))
    assert record["goal"]["difference"] == 0.02
    assert record["sentences"][-1] == "a note"
    assert {"chances", "smallest", "variability", "values"} <= set(record)


def test_components_are_averaged_as_variances() -> None:
    from myosweep.analysis.planning.pilot import _averaged

    parts = [Components(v, v, v, 3, 10, 10.0) for v in (0.0, 0.0002)]
    assert _averaged(parts, "x").network == pytest.approx(0.01)
    assert _averaged(parts, "x").ranges[0] == pytest.approx((0.0, 0.0002**0.5))


def test_a_comparison_that_varies_unusually_is_named() -> None:
    from myosweep.analysis.planning.pilot import _notes

    usual = Components(1.0, 1.0, 1.0, 10, 80, 80.0)
    unusual = Components(9.0, 9.0, 9.0, 10, 80, 80.0)
    assert _notes([usual, usual, usual], 10) == ()
    assert "varies 3.0 times as much" in _notes([usual, usual, unusual], 10)[0]
