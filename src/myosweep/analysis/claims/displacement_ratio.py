"""How many times further contours move between values than between networks, with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy import special

from myosweep.statistics.contrasts import degrees_of_freedom
from myosweep.statistics.intervals import LEVEL
from myosweep.statistics.score_table import Estimand, estimand_of

FEWEST_NETWORKS = 3
"""Below this many networks per value, leaving one out leaves no pair of networks."""
_NOTHING = 1e-12
"""A rest below this share of the whole is what rounding leaves of nothing."""

Sums = tuple[np.ndarray, np.ndarray]
"""Sums of displacements, and how many cells (pair and patient) each adds up."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two compared networks: their seeds, and the mean displacement for each patient."""

    seeds: tuple[int, ...]
    by_patient: Float64[np.ndarray, " patient"]


def ratio_of(
    values: Sequence[Pair], networks: Sequence[Pair]
) -> tuple[float, float, float, Estimand]:
    """Ratio of both mean displacements, its interval, and what the interval covers.

    The interval is a jackknife's over networks and over patients, on the logarithm; NaN where one
    of the means is none or 0.

    Args:
        values, networks: pairs of networks of adjacent values, and of one value.
    """
    nothing: tuple[float, float, float, Estimand] = (np.nan, np.nan, np.nan, "none")
    if not values or not networks:
        return nothing
    of_patient = [_by_patient(pairs) for pairs in (values, networks)]
    whole = [(sums.sum(keepdims=True), counts.sum(keepdims=True)) for sums, counts in of_patient]
    logarithm = _log_ratios(*whole)[0]
    if not np.isfinite(logarithm):
        return nothing
    ratio = float(np.exp(logarithm))
    seeds = sorted({seed for pair in values for seed in pair.seeds})
    of_network = [_by_network(pairs, seeds) for pairs in (values, networks)]
    by_network = _without_each(whole, of_network) if len(seeds) >= FEWEST_NETWORKS else np.empty(0)
    by_patient = _without_each(whole, of_patient)
    n, p = len(by_network), len(by_patient)
    v_n, v_p = _jackknife(by_network), _jackknife(by_patient)
    estimand = estimand_of(n, p)
    if estimand == "none" or not np.isfinite(v_n + v_p):
        return ratio, np.nan, np.nan, "none"
    df = float(max(n, p) - 1)
    if estimand == "networks and patients":
        parts = np.array([v_n]), np.array([v_p])
        df = float(degrees_of_freedom(*parts, float(n), float(p))[0])
    factor = float(np.exp(special.stdtrit(df, 1 - LEVEL / 2) * np.sqrt(v_n + v_p)))
    return ratio, ratio / factor, ratio * factor, estimand


def _by_patient(pairs: Sequence[Pair]) -> Sums:
    """What each patient adds to the sums over all pairs."""
    cells = np.stack([pair.by_patient for pair in pairs])
    there = np.isfinite(cells)
    return np.where(there, cells, 0.0).sum(0), there.sum(0)


def _by_network(pairs: Sequence[Pair], seeds: Sequence[int]) -> Sums:
    """What the pairs that each network is in add to the sums over all pairs."""
    place = {seed: number for number, seed in enumerate(seeds)}
    sums, counts = np.zeros(len(seeds)), np.zeros(len(seeds), np.int64)
    for pair in pairs:
        there = pair.by_patient[np.isfinite(pair.by_patient)]
        own = [place[seed] for seed in pair.seeds if seed in place]
        sums[own] += there.sum()
        counts[own] += len(there)
    return sums, counts


def _without_each(whole: Sequence[Sums], parts: Sequence[Sums]) -> np.ndarray:
    """Logarithm of the ratio with one part left out at a time; parts without cells are no parts."""
    left = []
    for (total, cells), (sums, counts) in zip(whole, parts, strict=True):
        rest = total - sums
        left.append((np.where(rest > _NOTHING * total, rest, 0.0), cells - counts))
    there = (parts[0][1] > 0) | (parts[1][1] > 0)
    return _log_ratios(*left)[there]


def _log_ratios(values: Sums, networks: Sums) -> np.ndarray:
    """Logarithms of the ratio of two means; NaN where one is none or 0."""
    one, other = (
        np.divide(sums, counts, out=np.zeros(len(sums)), where=counts > 0)
        for sums, counts in (values, networks)
    )
    there = (one > 0) & (other > 0)
    logarithms: np.ndarray = np.log(
        np.divide(one, other, out=np.full(len(there), np.nan), where=there)
    )
    return logarithms


def _jackknife(left_out: np.ndarray) -> float:
    """Variance of a statistic from its values with one taken out at a time; 0 below two."""
    count = len(left_out)
    return float((count - 1) ** 2 / count * np.var(left_out, ddof=1)) if count > 1 else 0.0
