"""Do probabilities mean what they say? First count pixels by probability, then score.

Of pixels to which a network gives 0.8, eight in ten should be right. Far from the heart every
network is sure and right, and so many pixels lie there that everything looks calibrated: only
pixels near the heart are counted.

Sources: temperature scaling and the expected calibration error, Guo et al. (ICML 2017); bins of
equal mass, Nixon et al. (CVPR workshops 2019); one temperature for the mean of an ensemble, Rahaman
and Thiery (NeurIPS 2021); class by class, and not over the background, Maier-Hein et al., Metrics
Reloaded (Nature Methods 2024).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64, Num, Shaped, UInt8
from scipy import ndimage, special

from myosweep.metrics.overlap import divide_defined
from myosweep.regions import NO_REGION

NEAR_PX = 5.0
"""Pixels count that are no further than this from a region other than the first."""
BINS = 160
"""Bins of counting, of equal width in the logit of the probability: fine near 0 and near 1."""
_LOGIT_RANGE = 10.0
SHOWN_BINS = 15
"""Bins of scoring, of equal mass, each made of neighbouring bins of counting."""
TEMPERATURES = np.geomspace(0.2, 5.0, 33)


class BinCounts(NamedTuple):
    """Pixels in each bin: how many, the sum of their probabilities, how many were so."""

    n: Int64[np.ndarray, " bin"]
    p_sum: Float64[np.ndarray, " bin"]
    hits: Int64[np.ndarray, " bin"]


def near_heart(
    reference: UInt8[np.ndarray, "y x"], answer: UInt8[np.ndarray, "y x"], near_px: float = NEAR_PX
) -> Bool[np.ndarray, "y x"]:
    """Labelled pixels near a region other than the first, in the reference or in the answer."""
    heart = ((reference != NO_REGION) & (reference > 0)) | ((answer != NO_REGION) & (answer > 0))
    labelled = reference != NO_REGION
    if not heart.any():
        return np.zeros_like(labelled)
    return labelled & (ndimage.distance_transform_edt(~heart) <= near_px)


def tempered(
    probabilities: Float[np.ndarray, "... region y x"], temperature: float
) -> Float[np.ndarray, "... region y x"]:
    """Probabilities made less sure (temperature above 1) or more (below); their order stays."""
    if temperature == 1:
        return probabilities
    logs = np.log(np.maximum(probabilities, np.finfo(probabilities.dtype).tiny))
    return special.softmax(logs / np.asarray(temperature, logs.dtype), axis=-3)


def temperature_losses(
    probabilities: Float[np.ndarray, "pixel region"], truth: UInt8[np.ndarray, " pixel"]
) -> Float64[np.ndarray, " temperature"]:
    """Negative log-likelihood of all pixels after each of the ``TEMPERATURES``.

    Args:
        truth: the region of each pixel.
    """
    logs = np.log(np.maximum(probabilities, np.finfo(probabilities.dtype).tiny))
    own = np.take_along_axis(logs, truth[:, None].astype(np.intp), 1)[:, 0]
    losses = []
    for temperature in TEMPERATURES:
        beta = np.asarray(1 / temperature, logs.dtype)
        lost = special.logsumexp(beta * logs, axis=1) - beta * own
        losses.append(lost.sum(dtype=np.float64))
    return np.array(losses)


def best_temperature(losses: Float64[np.ndarray, " temperature"]) -> float:
    """The temperature with the least loss, between the ``TEMPERATURES``; 1 without any loss."""
    if not losses.any():
        return 1.0
    at = int(np.clip(losses.argmin(), 1, len(losses) - 2))
    before, here, after = losses[at - 1 : at + 2]
    curve = before - 2 * here + after
    step = 0.5 * (before - after) / curve if curve > 0 else 0.0
    logs = np.log(TEMPERATURES)
    return float(np.exp(logs[at] + np.clip(step, -1, 1) * (logs[1] - logs[0])))


def count_bins(
    probabilities: Float[np.ndarray, " pixel"], hits: Bool[np.ndarray, " pixel"]
) -> BinCounts:
    """Count pixels by what was said of them, and how often it was so."""
    logits = special.logit(probabilities.astype(np.float64))
    clipped = np.clip(logits, -_LOGIT_RANGE, _LOGIT_RANGE)
    places = (clipped + _LOGIT_RANGE) / (2 * _LOGIT_RANGE) * BINS
    bins = np.minimum(places.astype(np.int64), BINS - 1)
    n, p_sum, true = (
        np.bincount(bins, weights, BINS) for weights in (None, probabilities, hits.astype(float))
    )
    return BinCounts(n.astype(np.int64), p_sum.astype(np.float64), true.astype(np.int64))


def equal_mass(n: Num[np.ndarray, " bin"], most: int = SHOWN_BINS) -> Int64[np.ndarray, " bin"]:
    """To which of at most so many bins of about equal mass each bin of counting belongs."""
    middle = np.cumsum(n) - n / 2
    return np.minimum((middle / max(n.sum(), 1) * most).astype(np.int64), most - 1)


def merged(
    counts: Shaped[np.ndarray, "*batch bin"], into: Int64[np.ndarray, " bin"]
) -> Float64[np.ndarray, "*batch shown"]:
    """Sums over the bins that belong together."""
    belongs = np.eye(SHOWN_BINS)[into]
    return counts.astype(np.float64) @ belongs


def calibration_error(
    n: Float64[np.ndarray, "*batch shown"],
    p_sum: Float64[np.ndarray, "*batch shown"],
    hits: Float64[np.ndarray, "*batch shown"],
) -> Float64[np.ndarray, "*batch"]:
    """Mean distance between what is said and what is so, over pixels; NaN without pixels.

    >>> n, p_sum, hits = np.array([10.0, 10.0]), np.array([9.0, 1.0]), np.array([7.0, 1.0])
    >>> round(float(calibration_error(n, p_sum, hits)), 3)
    0.1
    """
    return divide_defined(np.abs(p_sum - hits).sum(-1), n.sum(-1))


def overconfidence(
    n: Float64[np.ndarray, "*batch shown"],
    p_sum: Float64[np.ndarray, "*batch shown"],
    hits: Float64[np.ndarray, "*batch shown"],
) -> Float64[np.ndarray, "*batch"]:
    """What is said minus what is so, on average: above 0 a network is too sure of itself."""
    return divide_defined((p_sum - hits).sum(-1), n.sum(-1))
