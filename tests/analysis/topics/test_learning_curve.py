"""Learning curves: known laws, broken laws, and what is said where a curve cannot be had."""

import math
from pathlib import Path

import numpy as np
import pytest
from tests.toy import toy_study

from myosweep.analysis.conclude import conclude
from myosweep.analysis.topics.learning_curve import (
    LearningCurve,
    LearningCurves,
    SizePoint,
    learning_curve,
    training_patients,
)
from myosweep.analysis.topics.learning_curve_words import (
    learning_curve_lead,
    learning_curve_sentences,
)
from myosweep.results.read import read_results
from myosweep.statistics.answer import answer
from myosweep.statistics.score_table import ScoreTable

SIZES = (6.0, 12.0, 24.0, 48.0)


def table_of(means: list[float], noise: float, seed: int = 0, networks: int = 5) -> ScoreTable:
    """Scores on 20 patients; networks, patients and cells scatter."""
    rng = np.random.default_rng(seed)
    size = len(means)
    scores = (
        np.array(means)[:, None, None]
        + rng.normal(0, noise, (size, networks, 1))
        + rng.normal(0, 3 * noise, (1, 1, 20))
        + rng.normal(0, noise, (size, networks, 20))
    )
    names = (tuple(map(str, range(count))) for count in (size, networks, 20))
    return ScoreTable(*names, scores)


def curve_of(means: list[float], noise: float, seed: int = 0) -> LearningCurve:
    table = table_of(means, noise, seed)
    shown = answer(table, 0.02)
    sizes = [
        SizePoint(size / 48, size, one) for size, one in zip(SIZES, shown.values, strict=False)
    ]
    return learning_curve("", sizes, table)


def said(curve: LearningCurve, means: list[float], noise: float) -> str:
    shown = answer(table_of(means, noise), 0.02)
    found = LearningCurves("", (curve,), shown.estimand)
    return "\n".join(
        [learning_curve_lead(found, shown, "Dice"), *learning_curve_sentences(found, shown, "Dice")]
    )


def law(a: float, b: float, c: float) -> list[float]:
    return [1 - (a * size**-b + c) for size in SIZES]


def test_a_known_law_is_extrapolated_as_it_goes_on() -> None:
    curve = curve_of(law(0.8, 0.5, 0.1), 0.002)
    twice, fourfold = curve.ahead
    assert (twice.factor, twice.patients, fourfold.patients) == (2, 96, 192)
    gain = 0.8 * (48**-0.5 - 96**-0.5)
    assert twice.gain == pytest.approx(gain, abs=0.01)
    assert twice.gain_low <= gain <= twice.gain_high
    assert curve.check is not None
    assert curve.check.inside
    assert curve.check.miss == pytest.approx(curve.check.observed - curve.check.predicted)
    assert curve.reliable


def test_nothing_is_said_beyond_four_times_the_largest_size() -> None:
    curve = curve_of(law(0.8, 0.5, 0.1), 0.002)
    assert max(one.patients for one in (*curve.line, *curve.ahead)) == pytest.approx(4 * 48)


def test_the_sentence_has_gain_interval_and_check() -> None:
    means = law(0.8, 0.5, 0.1)
    text = said(curve_of(means, 0.002), means, 0.002).replace("\u00a0", " ")
    assert "Twice as many patients, 96 instead of 48, would bring +0.03" in text
    assert "if the curve goes on as fitted. The check on 48 patients" in text
    assert "within the interval." in text
    assert "new networks and new test patients" in text


def test_a_curve_that_stops_rising_fails_its_check() -> None:
    means = [*law(0.8, 0.5, 0.1)[:3], 0.65]
    curve = curve_of(means, 0.002)
    assert curve.check is not None
    assert not curve.check.inside
    assert curve.check.miss < -0.05
    assert not curve.reliable
    text = said(curve, means, 0.002)
    assert "do not rely on this curve" in text
    assert text.startswith("Not known")


def test_scores_that_fall_with_more_patients_are_no_power_law() -> None:
    curve = curve_of([0.8, 0.7, 0.6, 0.5], 0.002)
    assert curve.misfit is not None
    assert not curve.reliable


def test_a_fall_towards_the_largest_size_is_said() -> None:
    means = [0.5, 0.6, 0.75, 0.6]
    text = said(curve_of(means, 0.02), means, 0.02)
    assert "towards the largest number. Such a curve can only rise" in text
    assert text.startswith("Not known")


@pytest.mark.long
def test_true_laws_are_seldom_called_false() -> None:
    means, failed, misfits = law(0.8, 0.5, 0.1), 0, 0
    for seed in range(60):
        curve = curve_of(means, 0.02, seed)
        assert curve.check is not None
        failed += not curve.check.inside
        misfits += curve.misfit is not None
    assert failed <= 7  # 5 % expected; 8 or more in 0.6 % of such tests
    assert misfits <= 7


@pytest.mark.parametrize(
    ("sizes", "words"),
    [(1, "Only one number"), (2, "Only two numbers of training patients were tested")],
)
def test_too_few_sizes_are_said(sizes: int, words: str) -> None:
    means = law(0.8, 0.5, 0.1)[:sizes]
    curve = curve_of(means, 0.01)
    assert curve.problem.startswith(words)
    assert (curve.law, curve.line, curve.ahead, curve.check) == (None, (), (), None)
    assert "a curve needs three, and a check of it four" in said(curve, means, 0.01)


def test_three_sizes_leave_none_to_check() -> None:
    means = law(0.8, 0.5, 0.1)[:3]
    curve = curve_of(means, 0.005)
    assert curve.law is not None
    assert curve.check is None
    assert "leave none to check the curve on" in said(curve, means, 0.005)


def test_one_network_and_one_patient_extrapolate_nothing() -> None:
    means = law(0.8, 0.5, 0.1)
    table = table_of(means, 0.01)
    alone = ScoreTable(table.values, ("0",), ("0",), table.scores[:, :1, :1].copy())
    values = answer(alone, 0.02).values
    sizes = [SizePoint(size / 48, size, one) for size, one in zip(SIZES, values, strict=True)]
    assert "uncertainty is not known" in learning_curve("", sizes, alone).problem


SHIFTS = {(0.125,): (5, 6), (0.25,): (3, 4), (0.5,): (2, 2), (1.0,): (1, 1)}


def test_patients_are_counted_from_what_trained(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, SHIFTS, fields=("data.fraction",), patients=40)
    results = read_results(toy.folder)
    counted = {float(share): count for share, count in training_patients(results).items()}
    assert counted == {0.125: 3, 0.25: 6, 0.5: 12, 1: 24}
    found = conclude(results).learning_curves
    assert found is not None
    assert [one.patients for one in found.curves[0].points] == [3, 6, 12, 24]
    assert math.isfinite(found.curves[0].ahead[0].gain)


def test_the_same_curve_twice_has_the_same_numbers(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, SHIFTS, fields=("data.fraction",), patients=40)
    one, other = (conclude(read_results(toy.folder)).learning_curves for _ in range(2))
    assert one == other


def test_other_studies_have_no_learning_curve(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, {(1e-3,): (1,), (0.0,): (0,)}, patients=5)
    assert conclude(read_results(toy.folder)).learning_curves is None
