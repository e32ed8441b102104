"""Calibration of probabilities: by hand, and classifiers whose error is known."""

import numpy as np
import pytest
from scipy import special

from myosweep.metrics.calibration import (
    BINS,
    best_temperature,
    calibration_error,
    count_bins,
    equal_mass,
    merged,
    near_heart,
    overconfidence,
    temperature_losses,
    tempered,
)
from myosweep.regions import NO_REGION


def scored(probabilities: np.ndarray, hits: np.ndarray) -> tuple[float, float]:
    counts = count_bins(probabilities, hits)
    into = equal_mass(counts.n)
    shown = [merged(one, into) for one in counts]
    return float(calibration_error(*shown)), float(overconfidence(*shown))


def fitted(probabilities: np.ndarray, truth: np.ndarray) -> float:
    return best_temperature(temperature_losses(probabilities, truth))


def classifier(pixels: int, temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are right after this temperature, and the truth that they speak of."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (pixels, 3))
    right = special.softmax(logits, 1)
    truth = (right.cumsum(1) < rng.random((pixels, 1))).sum(1).astype(np.uint8)
    return special.softmax(logits * temperature, 1).astype(np.float32), truth


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_found(temperature):
    probabilities, truth = classifier(40_000, temperature)
    assert fitted(probabilities, truth) == pytest.approx(temperature, rel=0.03)


def test_temperature_mends_a_miscalibrated_classifier():
    probabilities, truth = classifier(40_000, 2.5)
    answer = probabilities.argmax(1) == truth
    before, sure = scored(probabilities.max(1), answer)
    mended = tempered(probabilities.T[:, None], 2.5)[:, 0].T
    after, _ = scored(mended.max(1), answer)
    assert before > 0.12
    assert sure == pytest.approx(before, abs=0.01)
    assert after < 0.01
    assert (mended.argmax(1) == probabilities.argmax(1)).all()


def test_no_pixels_no_temperature():
    assert fitted(np.zeros((0, 3), np.float32), np.zeros(0, np.uint8)) == 1
    assert np.isnan(scored(np.zeros(0, np.float32), np.zeros(0, bool))).all()


def test_certainty_stays_finite():
    sure = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    assert 4.4 < fitted(sure, np.array([0, 0], np.uint8)) < 5.6  # the largest that is looked at
    assert np.isfinite(tempered(sure.T[:, None], 2.0)).all()


def test_counts_by_hand():
    counts = count_bins(np.array([0.0, 0.5, 0.5, 1.0], np.float32), np.array([0, 1, 0, 1], bool))
    assert counts.n.sum() == 4
    assert (counts.n[[0, BINS // 2, BINS - 1]] == [1, 2, 1]).all()
    assert counts.p_sum[BINS // 2] == 1
    assert counts.hits[[0, BINS // 2, BINS - 1]].tolist() == [0, 1, 1]


def test_bins_of_equal_mass():
    n = np.zeros(BINS)
    n[:30] = 1
    into = equal_mass(n)
    assert merged(n, into).tolist() == [2] * 15
    alone = np.zeros(BINS)
    alone[7] = 9
    assert merged(alone, equal_mass(alone)).sum() == 9


def test_errors_of_bins_do_not_cancel_but_overconfidence_does():
    n, said, so = np.array([10.0, 10.0]), np.array([8.0, 2.0]), np.array([6.0, 4.0])
    assert calibration_error(n, said, so) == pytest.approx(0.2)
    assert overconfidence(n, said, so) == pytest.approx(0)


def test_pixels_near_the_heart():
    reference, answer = np.zeros((1, 20), np.uint8), np.zeros((1, 20), np.uint8)
    assert not near_heart(reference, answer).any()
    reference[0, 3], answer[0, 12], reference[0, 13] = 1, 2, NO_REGION
    assert np.flatnonzero(near_heart(reference, answer, 2.0)[0]).tolist() == [
        1,
        2,
        3,
        4,
        5,
        10,
        11,
        12,
        14,
    ]
