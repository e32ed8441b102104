"""Shares and rankings over slices of patients: textbook values, scikit-learn, and known truth."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from myosweep.statistics.clustered import (
    Estimate,
    clustered_share,
    patient_draws,
    percentile_interval,
    ranking,
    reflected_interval,
)


def test_independent_trials_have_nearly_clopper_and_pearsons_interval():
    hits = np.array([1] * 60 + [0] * 40)
    found = clustered_share(hits, np.ones_like(hits))
    exact = stats.binomtest(60, 100).proportion_ci(method="exact")
    assert found.value == 0.6
    assert found.low == pytest.approx(exact.low, abs=0.003)
    assert found.high == pytest.approx(exact.high, abs=0.003)


def test_slices_of_one_patient_tell_as_much_as_one_slice():
    hits = np.array([1] * 12 + [0] * 8)
    alone = clustered_share(hits, np.ones_like(hits))
    many = clustered_share(hits * 30, np.full_like(hits, 30))
    assert many.low == pytest.approx(alone.low, abs=0.02)
    assert many.high == pytest.approx(alone.high, abs=0.02)


def test_all_and_none_count_each_patient_once():
    all_ = clustered_share(np.array([5, 9, 1]), np.array([5, 9, 1]))
    assert (all_.value, all_.high) == (1, 1)
    assert all_.low == pytest.approx(0.025 ** (1 / 3))
    none = clustered_share(np.array([0, 0, 0, 0]), np.array([5, 9, 1, 0]))
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 3))


def test_one_patient_tells_nothing_of_others_and_nobody_nothing_at_all():
    assert clustered_share(np.array([3, 0]), np.array([4, 0])) == Estimate(0.75, 0.0, 1.0)
    assert np.isnan(clustered_share(np.array([0]), np.array([0])).value)


@pytest.mark.parametrize(("patients", "share", "alike"), [(15, 0.8, 3), (8, 0.6, 4)])
def test_the_interval_covers_the_known_share(patients, share, alike):
    rng = np.random.default_rng(2)
    covered, repeats = 0, 400
    for _ in range(repeats):
        trials = rng.integers(1, 6, patients)
        own = rng.beta(share * alike, (1 - share) * alike, patients)
        found = clustered_share(rng.binomial(trials, own), trials)
        covered += found.low <= share <= found.high
    assert covered / repeats >= 0.93


def test_the_ranking_is_scikit_learns_area_with_ties():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 8, 120) / 8
    failed = rng.random(120) < 0.3
    found = ranking(scores, failed, np.repeat(np.arange(30), 4))
    assert found.value == pytest.approx(roc_auc_score(failed, -scores))
    assert found.low < found.value < found.high


def test_the_ranking_by_hand():
    scores, failed = np.array([0.1, 0.5, 0.5, 0.9]), np.array([True, True, False, False])
    found = ranking(scores, failed, np.array([0, 1, 2, 3]))
    assert found.value == (1 + 1 + 0.5 + 1) / 4
    one_patient = ranking(scores, failed, np.array([0, 0, 2, 3]))
    assert one_patient.value == found.value
    assert np.isnan(one_patient.low)
    assert np.isnan(ranking(scores, np.zeros(4, bool), np.arange(4)).value)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_ranking_without_a_mistake_has_no_interval(value):
    """Two failing patients prove no area of exactly 1, though every draw of patients has it."""
    failed = np.array([True, True, False, False])
    scores = np.where(failed, 1 - value, value)
    found = ranking(scores, failed, np.arange(4))
    assert found.value == value
    assert np.isnan([found.low, found.high]).all()


def test_bootstrap_draws_patients():
    draws = patient_draws(5, 100)
    assert (draws.sum(1) == 5).all()
    assert (draws == patient_draws(5, 100)).all()
    found = percentile_interval(0.5, np.array([np.nan, *np.linspace(0, 1, 101)]))
    assert (found.low, found.high) == pytest.approx((0.025, 0.975))
    assert np.isnan(percentile_interval(0.5, np.full(3, np.nan)).low)


def test_a_size_that_chance_enlarges_is_mirrored():
    found = reflected_interval(0.1, np.linspace(0.1, 0.3, 201))
    assert found.low == 0
    assert found.high == pytest.approx(0.2 - 0.105)
