"""Shares and rankings over slices of patients: slices of one patient are no independent evidence.

What may differ between patients decides how wide an interval is, not the number of slices.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int, Num
from scipy import stats

LEVEL = 0.05
RESAMPLES = 2000


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval over patients; NaN for what is not known."""

    value: float
    low: float
    high: float


UNKNOWN = Estimate(np.nan, np.nan, np.nan)


def clustered_share(
    hits: Num[np.ndarray, " patient"], trials: Num[np.ndarray, " patient"], level: float = LEVEL
) -> Estimate:
    """A share over all trials, with an interval over patients; unknown without trials.

    The exact interval of Clopper and Pearson, with as many trials as would tell as much if they
    were independent (Korn and Graubard, Survey Methodology 1998). A share of 0 or 1 counts each
    patient once; a single patient tells nothing of others: 0 to 1.
    """
    there = trials > 0
    hits, trials = hits[there].astype(float), trials[there].astype(float)
    count, total = len(trials), trials.sum()
    if count == 0:
        return UNKNOWN
    share = float(hits.sum() / total)
    if count == 1:
        return Estimate(share, 0.0, 1.0)
    effective = _effective(hits - share * trials, share, total, level)
    x = share * effective
    low = stats.beta.ppf(level / 2, x, effective - x + 1) if x > 0 else 0.0
    high = stats.beta.ppf(1 - level / 2, x + 1, effective - x) if x < effective else 1.0
    return Estimate(share, float(low), float(high))


def _effective(
    residuals: Float64[np.ndarray, " patient"], share: float, total: float, level: float
) -> float:
    """The number of independent trials that would tell as much."""
    count = len(residuals)
    variance = count / (count - 1) * (residuals**2).sum() / total**2
    if share in (0.0, 1.0):
        return float(count)
    alone = share * (1 - share)
    independent = min(alone / variance, total) if variance > 0 else total
    of_trials, of_patients = (
        float(stats.t.ppf(1 - level / 2, df)) for df in (max(total - 1, 1), count - 1)
    )
    return float(independent * (of_trials / of_patients) ** 2)


def patient_draws(patients: int, resamples: int = RESAMPLES) -> Float64[np.ndarray, "draw patient"]:
    """How often each patient is in each bootstrap sample of patients; the same draws each time."""
    rng = np.random.default_rng(0)
    return rng.multinomial(patients, np.full(patients, 1 / patients), resamples).astype(float)


def percentile_interval(
    value: float, draws: Float64[np.ndarray, " draw"], level: float = LEVEL
) -> Estimate:
    """The interval that bootstrap draws give; those that are undefined are left out."""
    known = draws[np.isfinite(draws)]
    if len(known) == 0 or not np.isfinite(value):
        return Estimate(value, np.nan, np.nan)
    low, high = np.quantile(known, [level / 2, 1 - level / 2])
    return Estimate(value, float(low), float(high))


def reflected_interval(
    value: float, draws: Float64[np.ndarray, " draw"], level: float = LEVEL
) -> Estimate:
    """The interval of a size that chance makes larger, such as a mean absolute error.

    Draws lie above the value as the value lies above the truth, so they are mirrored at the value
    ("basic" bootstrap); nothing is below 0.
    """
    found = percentile_interval(value, draws, level)
    return Estimate(value, max(2 * value - found.high, 0.0), max(2 * value - found.low, 0.0))


def ranking(
    scores: Float64[np.ndarray, " slice"],
    failed: Bool[np.ndarray, " slice"],
    patients: Int[np.ndarray, " slice"],
) -> Estimate:
    """The chance that a failure has a lower score than a good slice (AUROC); ties count half.

    Unknown without failures or without good slices; the interval needs failures of two patients,
    and a ranking that is not perfect: of one without a single mistake every draw is as perfect.

    Args:
        patients: number of each slice's patient.
    """
    if not failed.any() or failed.all():
        return UNKNOWN
    _, owner = np.unique(patients, return_inverse=True)
    belongs = np.eye(owner.max() + 1)[owner]
    bad, good = scores[failed], scores[~failed]
    lower = (bad[:, None] < good) + 0.5 * (bad[:, None] == good)
    pairs = belongs[failed].T @ lower @ belongs[~failed]
    fails, goods = belongs[failed].sum(0), belongs[~failed].sum(0)
    value = float(pairs.sum() / (fails.sum() * goods.sum()))
    if (fails > 0).sum() < 2 or value in (0.0, 1.0):
        return Estimate(value, np.nan, np.nan)
    draws = patient_draws(len(fails))
    above = ((draws @ pairs) * draws).sum(1)
    below = (draws @ fails) * (draws @ goods)
    return percentile_interval(
        value, np.divide(above, below, np.full_like(above, np.nan), where=below > 0)
    )
