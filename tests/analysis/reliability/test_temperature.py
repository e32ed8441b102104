"""The temperature: found where it is known, left at 1 where nothing shows another."""

import numpy as np
import pytest
from scipy import special

from myosweep.analysis.reliability.temperature import chosen_temperature, estimate_temperature
from myosweep.metrics.calibration import temperature_losses
from myosweep.statistics.clustered import Estimate


def losses(rng, patients, temperature, spread=0.1, pixels=300):
    """Of patients whose own temperatures differ around the known one."""
    found = []
    for _ in range(patients):
        logits = rng.normal(0, 2, (pixels, 3))
        right = special.softmax(logits, 1)
        truth = (right.cumsum(1) < rng.random((pixels, 1))).sum(1).astype(np.uint8)
        own = temperature * np.exp(rng.normal(0, spread))
        found.append(temperature_losses(special.softmax(logits * own, 1), truth))
    return np.stack(found)


def test_the_interval_covers_the_known_temperature_and_1_is_kept_where_it_is_right():
    rng = np.random.default_rng(0)
    covered = kept = 0
    for _ in range(24):
        found = estimate_temperature(losses(rng, 6, 1.0))
        covered += found.low <= 1 <= found.high
        kept += chosen_temperature(found) == 1
    assert kept == covered >= 20


def test_a_temperature_that_is_needed_is_taken():
    found = estimate_temperature(losses(np.random.default_rng(1), 10, 1.6))
    assert found.low < 1.6 < found.high
    assert chosen_temperature(found) == found.value == pytest.approx(1.6, rel=0.1)


def test_one_patient_shows_nothing():
    found = estimate_temperature(losses(np.random.default_rng(2), 1, 2.0))
    assert np.isnan(found.low)
    assert chosen_temperature(found) == 1
    assert chosen_temperature(Estimate(0.8, 0.7, 0.95)) == 0.8
