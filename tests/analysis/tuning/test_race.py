"""The race on simulated scores of known truth: who wins, who leaves, and how often it errs."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from myosweep.analysis.looks import spending
from myosweep.analysis.tuning.race import (
    Race,
    is_confirmed,
    next_round,
    pick,
    run_race,
    start_race,
)
from myosweep.statistics.answer import answer
from myosweep.statistics.score_table import ScoreTable

NAMES = ("default", "trial 1", "trial 2")
MARGIN, LARGEST = 0.02, 6
USUAL = (0.03, 0.02, 0.04)
"""Standard deviations of a contender's networks, of patients with it, and of what is left."""


def simulated(
    rng: np.random.Generator,
    means: Sequence[float],
    spreads: tuple[float, float, float] = USUAL,
    patients: int = 16,
) -> tuple[ScoreTable, ScoreTable]:
    """Scores of ``LARGEST`` networks of each contender on validation and on test patients."""
    of_network, of_patient, rest = spreads
    networks = rng.normal(0, of_network, (len(means), LARGEST, 1))
    base = np.array(means)[:, None, None]

    def part() -> ScoreTable:
        shape = (len(means), LARGEST, patients)
        scores = base + networks + rng.normal(0, of_patient, (len(means), 1, patients))
        scores = scores + rng.normal(0, 0.1, (1, 1, patients)) + rng.normal(0, rest, shape)
        seeds = tuple(f"seed {seed}" for seed in range(1, LARGEST + 1))
        names = tuple(f"P{number}" for number in range(patients))
        return ScoreTable(NAMES[: len(means)], seeds, names, scores)

    return part(), part()


def rows_of(table: ScoreTable) -> Callable[[Sequence[str], int], ScoreTable | None]:
    return lambda names, networks: pick(table, names, range(networks))


def raced(table: ScoreTable) -> Race:
    return run_race(start_race(NAMES[0], table.values[1:]), rows_of(table), MARGIN, LARGEST)


def taken(race: Race, test: ScoreTable) -> bool:
    """Whether the test patients confirm the leader, as ``conclude_tuning`` asks them."""
    if race.winner is None:
        return False
    table = pick(test, (race.default, race.winner), range(race.networks))
    assert table is not None
    shown = answer(table, MARGIN, family="reference", reference=race.default, thorough=False)
    return is_confirmed(shown)


def at_most(share: float, races: int) -> float:
    """A share of races and two Monte Carlo errors."""
    return races * share + 2 * float(np.sqrt(races * share * (1 - share)))


def test_equal_candidates_seldom_win_and_are_seldom_taken() -> None:
    races, decided, took = 100, 0, 0
    for number in range(races):
        validation, test = simulated(np.random.default_rng([1, number]), (0.8, 0.8, 0.8))
        race = raced(validation)
        assert race.over
        decided += race.ending == "decided"
        took += taken(race, test)
    assert decided <= at_most(0.05, races)
    assert took <= at_most(0.05, races)


def test_a_clearly_better_one_wins_and_is_taken() -> None:
    races, won, took, early = 40, 0, 0, 0
    for number in range(races):
        validation, test = simulated(np.random.default_rng([2, number]), (0.6, 0.8, 0.62))
        race = raced(validation)
        won += race.ending == "decided" and race.winner == "trial 1"
        took += taken(race, test)
        early += race.networks < LARGEST
    assert won >= 0.9 * races
    assert took >= 0.9 * races
    assert early >= 0.5 * races


def test_ties_end_with_nobody_left() -> None:
    table, _ = simulated(np.random.default_rng(3), (0.8, 0.8, 0.8), (0.0003, 0.0003, 0.0005))
    race = raced(table)
    assert (race.ending, race.winner, race.active) == ("nobody left", None, ())
    assert race.networks < LARGEST


def test_better_by_less_than_the_margin_is_a_tie() -> None:
    """Its interval leaves 0 out, and so does its use: the default stays."""
    table, _ = simulated(np.random.default_rng(5), (0.8, 0.805), (0.0003, 0.0003, 0.0005))
    race = raced(table)
    shown = race.rounds[-1].shown.comparisons[0]
    assert 0 < shown.low < shown.high < MARGIN
    assert (race.ending, race.winner) == ("nobody left", None)


def test_a_worse_one_leaves_and_the_other_goes_on() -> None:
    table, _ = simulated(np.random.default_rng(4), (0.8, 0.3, 0.81), (0.01, 0.01, 0.02))
    race = raced(table)
    assert all("trial 1" not in look.left for look in race.rounds[-2:])
    assert race.rounds[-1].left in (("trial 2",), ())


def test_all_looks_together_spend_five_percent() -> None:
    table, _ = simulated(np.random.default_rng(5), (0.8, 0.8, 0.81))
    race = raced(table)
    levels = [look.shown.level for look in race.rounds]
    assert [look.networks for look in race.rounds] == list(range(3, race.networks + 1))
    assert sum(levels) == pytest.approx(spending(race.networks, LARGEST))
    assert levels == sorted(levels)


def test_a_race_without_contenders_or_networks() -> None:
    assert start_race("default", ()).over
    table, _ = simulated(np.random.default_rng(6), (0.8, 0.8))
    race = start_race("default", ("trial 1",))
    assert run_race(race, lambda names, networks: None, MARGIN, LARGEST) == race
    two = next_round(next_round(race, table, MARGIN, LARGEST), table, MARGIN, LARGEST)
    assert (two.networks, two.rounds, two.over) == (2, (), False)


def test_picking_needs_every_network_and_leaves_out_undefined_patients() -> None:
    scores = np.full((2, 2, 3), 0.5)
    scores[:, :, 2] = np.nan
    table = ScoreTable(("a", "b"), ("seed 1", "seed 2"), ("P", "Q", "R"), scores)
    one = pick(table, ("b",), (0, 1))
    assert one is not None
    assert (one.values, one.patients) == (("b",), ("P", "Q"))
    assert pick(table, ("b", "c"), (0,)) is None
    lost = scores.copy()
    lost[1, 1] = np.nan
    missing = ScoreTable(("a", "b"), ("seed 1", "seed 2"), ("P", "Q", "R"), lost)
    assert pick(missing, ("a", "b"), (0, 1)) is None
    assert pick(missing, ("a", "b"), (0,)) is not None
