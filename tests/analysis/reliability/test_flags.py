"""The flag: thresholds by hand, and failure detectors whose worth is known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.analysis.reliability.tables import ABOUT, pixels, rows

from myosweep.analysis.reliability import Limits, choose_threshold, judge_reliability
from myosweep.analysis.reliability.flags import measure_flags
from myosweep.analysis.reliability.words import reliability_sentences, reliability_warnings
from myosweep.errors import ConfigError
from myosweep.report.reliability import reliability_json, reliability_section
from myosweep.results.reliability import WHOLE, Tables


def threshold(scores, failed, catch=0.9):
    count = len(scores)
    return choose_threshold(np.array(scores, float), np.array(failed), np.arange(count), catch)


def test_the_threshold_by_hand():
    scores = [*np.arange(1, 20) / 20, 0.99]
    failed = [True] * 19 + [False]
    found = threshold(scores, failed)  # 19 patients and a place for any: 18 of 20
    assert found.value == pytest.approx(18 / 20)
    assert (found.failures, found.patients, found.promise) == (19, 19, True)


def test_the_promise_says_that_it_counts_patients_and_the_share_slices():
    """Only where there is a promise: 12 failures of 12 patients, or of 2."""
    scores, dice = np.arange(24) / 24, np.array([0.2] * 12 + [0.9] * 12)
    for patients, promised in ((np.arange(24), True), (np.arange(24) % 2, False)):
        slices = pd.concat([rows(p, scores, dice, patients) for p in ("validation", "test")])
        tables = Tables(ABOUT, slices, pixels(np.random.default_rng(0), 2, 1.0, 10))
        found = judge_reliability(tables, Limits("myocardium"))
        said = " ".join(reliability_sentences(found))
        assert found.threshold.promise is promised
        assert ("That counts every patient alike; the share of failures" in said) is promised
        caption = reliability_section([found], draw=False).tables[0].caption
        assert "share of failed slices, so patients with many weigh more" in caption


def test_a_promise_is_broken_where_patients_are_counted_alike():
    """60 failures are missed, of one patient or of 30; those of 30 others are caught."""
    scores = [*np.arange(30) / 100, *np.full(60, 0.9)]
    dice = np.full(90, 0.2)
    validation = rows("validation", scores[:30], dice[:30], np.arange(30))
    for missed, broken in ((1, False), (30, True)):
        owners = [*range(30), *(99 + np.arange(60) % missed)]
        slices = pd.concat([validation, rows("test", scores, dice, owners)])
        tables = Tables(ABOUT, slices, pixels(np.random.default_rng(0), 2, 1.0, 10))
        found = judge_reliability(tables, Limits("myocardium"))
        assert found.threshold.promise
        assert found.test.caught.value < 0.4
        warned = [topic for topic, _ in reliability_warnings(found)]
        assert ("Less than promised" in warned) is broken


def test_few_failures_promise_nothing():
    found = threshold([0.1, 0.2, 0.9], [True, True, False])
    assert found.value == 0.2
    assert not found.promise
    assert threshold([0.1, 0.2, 0.9], [True, True, False], catch=0.5).value == 0.2
    nine = threshold(np.arange(9) / 9, [True] * 9)
    assert nine.value == pytest.approx(8 / 9)
    assert not nine.promise
    assert threshold(np.arange(10) / 10, [True] * 10).promise
    assert not threshold(np.arange(10) / 10, [True] * 10, catch=0.95).promise


def test_slices_of_one_patient_count_together():
    scores = np.array([*np.linspace(0.01, 0.2, 40), *np.linspace(0.3, 0.7, 9)])
    patients = np.array([0] * 40 + list(range(1, 10)))
    found = choose_threshold(scores, np.ones(49, bool), patients, 0.5)
    assert found.value == pytest.approx(0.5)  # 1/11 for the first patient, and 5 more of the nine
    one = choose_threshold(scores[:40], np.ones(40, bool), patients[:40], 0.9)
    assert (one.failures, one.patients, one.promise) == (40, 1, False)
    assert one.value == pytest.approx(0.2)


def test_no_failure_no_threshold():
    found = threshold([0.1, 0.2], [False, False])
    assert (found.value, found.failures, found.promise) == (None, 0, False)
    flags = measure_flags(rows("test", [0.1, 0.9], [0.2, 0.9], [1, 2]), 0.6, None)
    assert flags.flagged.value == 0
    assert flags.caught.value == 0


def test_measures_by_hand():
    table = rows(
        "test",
        [0.0, 0.3, 0.5, 0.8, 0.9, 0.2],
        [0.0, 0.4, 0.5, 0.9, 0.8, 0.7],
        [1, 1, 2, 2, 3, 3],
        reference_px=[0, 40, 40, 40, 40, 40],
        answer_px=[9, 0, 40, 40, 40, 40],
    )
    found = measure_flags(table, 0.6, 0.3)
    assert (found.slices, found.patients) == (6, 3)
    assert (found.failures, found.failure_patients) == (3, 2)
    assert (found.false_regions, found.missed_regions) == (1, 1)
    assert found.caught.value == pytest.approx(2 / 3)  # of slices
    assert found.caught_alike.value == pytest.approx((2 / 2 + 0 / 1) / 2)  # of patients
    assert found.false_alarms.value == pytest.approx(1 / 3)
    assert found.flagged.value == pytest.approx(1 / 2)
    assert found.auroc.value == pytest.approx((3 + 2 + 2) / 9)
    assert found.dice_unflagged == pytest.approx((0.5 + 0.9 + 0.8) / 3)


@pytest.mark.parametrize(
    ("order", "told", "warned"),
    [([0.1, 0.2, 0.8, 0.9], "1.00", 0), ([0.9, 0.8, 0.2, 0.1], "0.00", 1)],
)
def test_a_perfect_ranking_is_told_without_an_interval(order, told, warned):
    slices = pd.concat(
        [rows(part, order, [0.2, 0.3, 0.9, 0.8], [1, 2, 3, 4]) for part in ("validation", "test")]
    )
    tables = Tables(ABOUT, slices, pixels(np.random.default_rng(0), 2, 1.0, 10))
    found = judge_reliability(tables, Limits("myocardium"))
    assert [topic for topic, _ in reliability_warnings(found)].count("Ranking") == warned
    table = reliability_section([found], draw=False).tables[0].table
    place = [cell.text for cell in table.head[-1]].index("AUROC") - 1
    assert [row.cells[place] for row in table.sections[0].rows] == [told, told]
    area = reliability_json(found)["test"]["auroc"]
    assert (area["low"], area["high"]) == (None, None)


def test_a_part_without_slices():
    found = measure_flags(rows("test", [], [], []), 0.6, 0.5)
    assert (found.slices, found.failures) == (0, 0)
    assert np.isnan([found.caught.value, found.auroc.value, found.dice]).all()


def simulated(rng, patients, lower, alike=0.0):
    """Scores of failures and of good slices are normal; failures lie lower by so many SDs.

    A share of the variance is common to the slices of a patient.
    """
    owner = np.repeat(np.arange(patients), 6)
    failed = rng.random(len(owner)) < 0.3
    own = np.sqrt(alike) * rng.normal(0, 1, patients)[owner]
    scores = own + np.sqrt(1 - alike) * rng.normal(0, 1, len(owner)) - lower * failed
    return scores, np.where(failed, 0.3, 0.9), owner


@pytest.mark.parametrize("alike", [0.0, 0.8])
def test_a_failure_of_a_new_patient_is_caught_as_often_as_promised(alike):
    rng = np.random.default_rng(0)
    caught, repeats = [], 400
    for _ in range(repeats):
        scores, dice, owner = simulated(rng, 14, 2.0, alike)
        found = choose_threshold(scores, dice < 0.6, owner, 0.9)
        new, dice, _ = simulated(rng, 14, 2.0, alike)
        if found.promise:
            caught.append((new <= found.value)[dice < 0.6].mean())
    assert len(caught) > repeats / 2
    assert 0.89 <= np.mean(caught) <= 0.96


def test_the_area_of_a_known_detector():
    found = measure_flags(rows("test", *simulated(np.random.default_rng(3), 300, 2.0)), 0.6, -1.0)
    assert found.auroc.low < stats.norm.cdf(np.sqrt(2)) < found.auroc.high
    assert found.auroc.value == pytest.approx(0.921, abs=0.02)
    assert found.caught.low < stats.norm.cdf(1) < found.caught.high  # failures are around -2


@pytest.mark.parametrize(("sharper", "known"), [(1.0, 0.0), (2.0, 0.0932)])
def test_the_calibration_error_of_a_known_classifier(sharper, known):
    rng = np.random.default_rng(1)
    slices = pd.concat([rows(p, [0.1, 0.9], [0.2, 0.9], [1, 2]) for p in ("validation", "test")])
    tables = Tables(ABOUT, slices, pixels(rng, sharper=sharper))
    found = judge_reliability(tables, Limits("myocardium"))
    assert [one.region for one in found.pixels] == [WHOLE] * 2 + ["background"] * 2 + [
        "myocardium"
    ] * 2
    one = found.pixels[0]
    assert one.error.low - 0.003 <= known <= one.error.high + 0.003
    assert one.error.value == pytest.approx(known, abs=0.012)
    assert len(one.said) == len(one.so) <= 15
    assert one.pixels.sum() == 60_000


def test_limits_that_make_no_sense():
    tables = Tables(
        ABOUT, rows("test", [0.1], [0.2], [1]), pixels(np.random.default_rng(0), 1, 1.0, 10)
    )
    with pytest.raises(ConfigError, match="one of the regions myocardium, got 'background'") as bad:
        judge_reliability(tables, Limits("background", 1.5, 0.0))
    assert len(bad.value.problems) == 3
    found = judge_reliability(tables, Limits("myocardium"))
    assert np.isnan(found.pixels[0].error.low)
