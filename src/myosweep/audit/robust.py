"""How far a number lies from the usual, whatever the outliers do."""

import numpy as np
from jaxtyping import Float64

_TO_SD = 1.4826
"""The median absolute deviation of a normal distribution, times this, is its standard deviation."""


def robust_z(
    values: Float64[np.ndarray, " n"], least_spread: float = 1e-9
) -> Float64[np.ndarray, " n"]:
    """Distance from the median in robust standard deviations; NaN where there is no value.

    Args:
        least_spread: the standard deviation is taken as at least this, so that numbers that are
            all but equal have no outliers by rounding alone.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return np.full(len(values), np.nan)
    middle = np.median(known)
    spread = _TO_SD * float(np.median(np.abs(known - middle)))
    scores = (values - middle) / max(spread, least_spread)
    scores[~np.isfinite(scores)] = np.nan
    return scores


def beyond(scores: Float64[np.ndarray, " n"], limit: float) -> np.ndarray:
    """Which scores lie further out than the limit on either side; NaN never does."""
    return np.nan_to_num(np.abs(scores), nan=0.0) > limit
