"""The interval of the calibration error: how often it holds the truth, mirrored and not."""

import numpy as np
import pytest

from myosweep.analysis.reliability.words import sure_words
from myosweep.metrics.calibration import calibration_error, count_bins, equal_mass, merged
from myosweep.statistics.clustered import (
    Estimate,
    patient_draws,
    percentile_interval,
    reflected_interval,
)


def study(
    rng: np.random.Generator, patients: int, spread: float, sharper: float, pixels: int = 800
) -> list[np.ndarray]:
    """Counts of patients whose logits are too large, and shifted by a patient's own amount."""
    found = []
    for _ in range(patients):
        logits = rng.normal(0, 2, pixels)
        hits = rng.random(pixels) < 1 / (1 + np.exp(-(logits + rng.normal(0, spread))))
        found.append(count_bins(1 / (1 + np.exp(-sharper * logits)), hits))
    return [np.stack(one) for one in zip(*found, strict=True)]


def intervals(counts: list[np.ndarray]) -> tuple[Estimate, Estimate]:
    """Mirrored, and not."""
    into = equal_mass(counts[0].sum(0))
    shown = [merged(one, into) for one in counts]
    value = float(calibration_error(*(one.sum(0) for one in shown)))
    draws = calibration_error(*(patient_draws(len(one), 1000) @ one for one in shown))
    return reflected_interval(value, draws), percentile_interval(value, draws)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            Estimate(0.011, -0.003, 0.023),
            "not shown to be too sure of themselves or too cautious "
            "(+1.1 percentage points, 95 % interval −0.3 to +2.3)",
        ),
        (
            Estimate(0.02, 0.01, 0.03),
            "too sure of themselves by 2.0 percentage points (95 % interval +1.0 to +3.0)",
        ),
        (Estimate(-0.02, np.nan, np.nan), "too cautious by 2.0 percentage points"),
    ],
)
def test_overconfidence_is_told_only_where_it_is_shown(found: Estimate, words: str):
    assert sure_words(found).replace("\u00a0", " ") == words


@pytest.mark.long
@pytest.mark.parametrize(("spread", "sharper"), [(0.3, 1.0), (0.3, 2.0), (0.0, 1.5), (0.5, 1.3)])
def test_the_mirrored_interval_of_16_patients_holds_the_truth(spread: float, sharper: float):
    rng = np.random.default_rng(1)
    truth = np.mean([intervals(study(rng, 400, spread, sharper))[0].value for _ in range(3)])
    held = np.zeros(2)
    for _ in range(200):
        both = intervals(study(rng, 16, spread, sharper))
        held += [one.low <= truth <= one.high for one in both]
    mirrored, plain = held / 200
    assert mirrored >= 0.86
    if sharper == 1:
        assert plain < 0.1  # chance alone is more than the truth
