"""Over- or underfitting: what intervals of three scores say together, and norms of weights."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.toy import Toy, toy_study

from myosweep.analysis.compare import PartScores, Spread, spread_of
from myosweep.analysis.points import Point
from myosweep.analysis.topics.overfitting import (
    Change,
    Reading,
    changes_against,
    over_networks,
    overfitting,
)
from myosweep.analysis.topics.overfitting_words import overfitting_lead, overfitting_sentences
from myosweep.results.read import read_results

UP, DOWN, OPEN = (0.1, 0.05, 0.15), (-0.1, -0.15, -0.05), (0.0, -0.1, 0.1)
READINGS: list[tuple[tuple[tuple[float, float, float], ...], Reading]] = [
    ((DOWN, UP, DOWN), "helps by less overfitting"),
    ((UP, UP, OPEN), "helps by better learning"),
    ((OPEN, UP, OPEN), "helps"),
    ((DOWN, DOWN, OPEN), "hurts by underfitting"),
    ((DOWN, DOWN, DOWN), "hurts by underfitting"),
    ((UP, DOWN, UP), "hurts by more overfitting"),
    ((OPEN, DOWN, OPEN), "hurts"),
    ((DOWN, OPEN, DOWN), "less overfitting, no better"),
    ((UP, OPEN, UP), "more overfitting, no worse"),
    ((OPEN, OPEN, OPEN), "not known"),
]


@pytest.mark.parametrize(("sides", "reading"), READINGS)
def test_readings(sides: tuple[tuple[float, float, float], ...], reading: Reading) -> None:
    assert Change("", "0.1", *sides).reading == reading


def part_scores(label: str, training: np.ndarray, validation: np.ndarray) -> PartScores:
    seeds = tuple(range(len(training)))
    point = Point(0, 3, (("l2.strength", 0.0),), label, tuple(map(str, seeds)), seeds)
    scores: list[Spread] = [spread_of(tuple(map(float, one))) for one in (training, validation)]
    return PartScores(point, *scores, scores[1])


def simulated(effects: dict[str, tuple[float, float]], noise: float) -> dict[str, PartScores]:
    """Training and validation effects of each value; networks scatter."""
    rng = np.random.default_rng(0)
    own = rng.normal(0, 0.02, 6)  # what a seed does to all values alike
    made = {}
    for label, (training, validation) in effects.items():
        t, v = (own + rng.normal(0, noise, 6) for _ in range(2))
        made[label] = part_scores(label, 0.9 + training + t, 0.7 + validation + v)
    return made


def test_known_effects_are_read_right() -> None:
    effects = {"0": (0.0, 0.0), "0.001": (-0.05, 0.1), "0.1": (-0.4, -0.3), "1": (0.0, 0.0)}
    changes = changes_against({"": simulated(effects, 0.005)}, "0")
    assert {one.value: one.reading for one in changes} == {
        "0.001": "helps by less overfitting",
        "0.1": "hurts by underfitting",
        "1": "not known",
    }
    by_value = {one.value: one for one in changes}
    assert by_value["0.001"].gap[0] == pytest.approx(-0.15, abs=0.01)
    assert by_value["0.1"].training[0] == pytest.approx(-0.4, abs=0.01)


def test_little_is_claimed_where_nothing_changes() -> None:
    claims = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        groups = {
            label: part_scores(label, *(0.8 + rng.normal(0, 0.02, (2, 3)))) for label in "012"
        }
        claims += any(one.reading != "not known" for one in changes_against({"": groups}, "0"))
    assert claims <= 7  # 5 % expected


def test_one_network_per_value_shows_nothing() -> None:
    groups = {label: part_scores(label, np.array([0.9]), np.array([0.7])) for label in "01"}
    (one,) = changes_against({"": groups}, "0")
    assert one.reading == "not known"


def test_a_mean_over_networks_has_students_interval() -> None:
    found = over_networks([1.0, 2.0, 3.0, math.nan])
    assert (found.mean, found.known, found.networks) == (2, 3, 4)
    assert found.high == pytest.approx(2 + 4.3027 / 3**0.5, rel=1e-4)
    assert math.isnan(over_networks([1.0]).low)


SHIFTS = {(0.0,): (2, 1), (1e-4,): (0, 1)}


def with_column(toy: Toy, name: str, value: float) -> None:
    for run in toy.home.runs():
        if run.history.exists():
            pd.read_csv(run.history).assign(**{name: value}).to_csv(run.history, index=False)


def test_weight_norms_are_recorded_or_follow_from_the_l2_term(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, SHIFTS, patients=10)
    found = overfitting(read_results(toy.folder), None)
    assert found is not None
    assert (found.base, found.without_norm) == ("0", 0)
    # the toy's term is 0.1 and its gradient norm 0.01 x (2 + shift) / 3 in the last epoch
    norms = [2 * 0.1 / (0.01 * (2 + shift) / 3) for shift in (0, 1)]
    row = next(row for row in found.rows if row.value == "0.0001")
    assert row.weight_norm.mean == pytest.approx(np.mean(norms))
    with_column(toy, "weight_norm", 33.0)
    found = overfitting(read_results(toy.folder), None)
    assert found is not None
    assert [one.weight_norm.mean for one in found.rows] == [33.0, 33.0]


def test_norms_that_old_histories_lack_are_said_to_be_missing(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, SHIFTS, patients=10)
    with_column(toy, "l2_gradient_norm", 0.0)
    with_column(toy, "l2_term", 0.0)
    found = overfitting(read_results(toy.folder), None)
    assert found is not None
    assert found.without_norm == 4
    assert [row.share.mean for row in found.rows] == [0.0, 0.0]
    text = " ".join([overfitting_lead(found), *overfitting_sentences(found, "Dice")])
    assert "The weight norm of 4 networks is not known" in text


def test_l1_has_no_norm_of_its_own_in_old_histories(tmp_path: Path) -> None:
    shifts = {("l1", 1e-4): (2, 1), ("penalty", 1e-4): (0, 1)}
    toy = toy_study(tmp_path, shifts, fields=("l2.kind", "l2.strength"), patients=10)
    found = overfitting(read_results(toy.folder), None)
    assert found is not None
    known = {row.value: row.weight_norm.known for row in found.rows}
    assert known == {"l1": 0, "penalty": 2}


def test_studies_without_several_values_have_none(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, {(1e-4,): (0, 1)}, patients=10)
    assert overfitting(read_results(toy.folder), None) is None
