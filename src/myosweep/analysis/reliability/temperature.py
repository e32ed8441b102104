"""The temperature that probabilities need, and whether validation patients show that they do."""

import numpy as np
from jaxtyping import Float64
from scipy import stats

from myosweep.metrics.calibration import best_temperature
from myosweep.statistics.clustered import LEVEL, Estimate


def estimate_temperature(losses: Float64[np.ndarray, "patient temperature"]) -> Estimate:
    """The best temperature of all pixels, with an interval over patients.

    From what leaving out each patient in turn does to its logarithm (jackknife); the interval needs
    two patients.

    Args:
        losses: of each patient, after each of ``metrics.calibration.TEMPERATURES``.
    """
    whole = losses.sum(0)
    value, count = best_temperature(whole), len(losses)
    if count < 2:
        return Estimate(value, np.nan, np.nan)
    logs = np.log([best_temperature(whole - one) for one in losses])
    se = np.sqrt((count - 1) / count * ((logs - logs.mean()) ** 2).sum())
    half = float(stats.t.ppf(1 - LEVEL / 2, count - 1)) * se
    return Estimate(value, float(value * np.exp(-half)), float(value * np.exp(half)))


def chosen_temperature(estimate: Estimate) -> float:
    """The estimate where its interval leaves out 1, else 1: probabilities stay as they are."""
    known = np.isfinite(estimate.low) and not estimate.low <= 1 <= estimate.high
    return estimate.value if known else 1.0
