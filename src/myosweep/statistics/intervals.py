"""Intervals that hold for a whole family of comparisons at once, and the p values beside them."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float64
from scipy import special, stats

from myosweep.statistics.contrasts import Estimates, Matrix, PerContrast

LEVEL = 0.05
"""Share of families in which at least one interval may miss."""
_SMALLEST_BY_DRAWS = 0.005
"""Below this level too few of the draws count; Bonferroni loses little there."""
_CLOSE = 1e-3
"""How near, relatively, the search for a level comes to it."""


def simultaneous_level(
    correlation: Matrix, df: PerContrast, level: float = LEVEL, *, sides: int = 2
) -> float:
    """The level that each interval needs so that all hold together with ``1 - level``.

    From the joint distribution of the largest ``|t|``: estimates correlated as given, their
    variance estimates correlated by the squares (as in a Wishart distribution). Never below
    Bonferroni's, never above ``level``. Deterministic: the draws are a fixed quasi-random set.
    """
    count = len(df)
    floor = level / max(count, 1)
    if count < 2 or level < _SMALLEST_BY_DRAWS or not np.isfinite(df).all():
        return floor
    draws = _Draws(correlation, df, sides)
    # the chance of any error is nearly a power of the level: secants on logarithms
    old = np.log(floor)
    before = _log_ratio(draws, floor, level)
    new = old - before
    for _ in range(8):
        now = _log_ratio(draws, float(np.exp(new)), level)
        if abs(now) < _CLOSE or now == before:
            break
        old, new, before = new, new - now * (new - old) / (now - before), now
    return float(np.clip(np.exp(new), floor, level))


def _log_ratio(draws: "_Draws", each_level: float, level: float) -> float:
    return float(np.log(max(draws.any_beyond(each_level), 1e-300) / level))


def adjusted_p(estimates: Estimates) -> PerContrast:
    """Two-sided p value of each contrast, adjusted for the family by the largest ``|t|``."""
    count = len(estimates.mean)
    t = _t(estimates)
    plain = 2 * special.stdtr(estimates.df, -np.abs(t))
    if count < 2 or not np.isfinite(plain).all():
        return plain
    draws = _Draws(estimates.correlation, estimates.df, 2)
    adjusted = np.empty(count)
    for number, p in enumerate(plain):
        most = min(1.0, p * count)
        by_draws = p * count >= _SMALLEST_BY_DRAWS
        adjusted[number] = np.clip(draws.any_beyond(p), p, most) if by_draws else most
    return adjusted


def bounds(
    estimates: Estimates, each_level: float, *, sides: int = 2
) -> tuple[PerContrast, PerContrast]:
    """Lower and upper bound of each contrast at the level that each interval has."""
    half = half_widths(estimates, each_level, sides=sides)
    return estimates.mean - half, estimates.mean + half


def half_widths(estimates: Estimates, each_level: float, *, sides: int = 2) -> PerContrast:
    half: np.ndarray = special.stdtrit(estimates.df, 1 - each_level / sides) * estimates.se
    return half


def mean_interval(
    estimates: Estimates, position: int = 0, level: float = LEVEL
) -> tuple[float, float]:
    """The plain interval of one contrast, not adjusted for others."""
    half = half_widths(estimates, level)[position]
    return float(estimates.mean[position] - half), float(estimates.mean[position] + half)


def nadeau_bengio(
    replicate_means: Float64[np.ndarray, " network"], test_to_training: float, level: float = LEVEL
) -> tuple[float, float]:
    """The cautious interval for overlapping training sets (Nadeau and Bengio 2003).

    Args:
        replicate_means: the difference of each network pair, averaged over its test patients.
        test_to_training: patients that test a network per patient that trains it.
    """
    count = len(replicate_means)
    if count < 2:
        return np.nan, np.nan
    variance = replicate_means.var(ddof=1) * (1 / count + test_to_training)
    half = special.stdtrit(count - 1, 1 - level / 2) * np.sqrt(variance)
    return float(replicate_means.mean() - half), float(replicate_means.mean() + half)


def sign_flip_p(network_differences: Float64[np.ndarray, " network"]) -> float:
    """Exact two-sided sign-flip test over networks, for these patients only.

    The smallest p that N networks can give is 2 / 2^N. NaN without networks.
    """
    count = len(network_differences)
    if count == 0:
        return np.nan
    if count <= 12:
        flips = 1 - 2 * ((np.arange(1 << count)[:, None] >> np.arange(count)) & 1)
        sums = np.abs(flips @ network_differences)
        return float((sums >= sums[0] * (1 - 1e-12)).mean())
    result = stats.permutation_test(
        (network_differences,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=9999,
        rng=np.random.default_rng(0),
    )
    return float(result.pvalue)


def two_way_bootstrap(
    d: Float64[np.ndarray, "network patient"], level: float = LEVEL, resamples: int = 2000
) -> tuple[float, float]:
    """Percentile interval of the mean; networks and patients are drawn anew, independently."""
    rng = np.random.default_rng(0)
    cells = np.isfinite(d)
    filled = np.where(cells, d, 0.0)
    networks, patients = d.shape
    n = rng.multinomial(networks, np.full(networks, 1 / networks), resamples).astype(float)
    p = rng.multinomial(patients, np.full(patients, 1 / patients), resamples).astype(float)
    sums = np.einsum("bn,np,bp->b", n, filled, p, optimize=True)
    counts = np.einsum("bn,np,bp->b", n, cells.astype(float), p, optimize=True)
    means = sums[counts > 0] / counts[counts > 0]
    low, high = np.quantile(means, [level / 2, 1 - level / 2])
    return float(low), float(high)


def rare_event_bound(patients: int, level: float = LEVEL) -> float:
    """Largest probability of a failure that none of so many patients rules out (one-sided).

    >>> round(rare_event_bound(16), 2), round(rare_event_bound(80), 2)
    (0.17, 0.04)
    """
    return float(1 - level ** (1 / patients)) if patients else 1.0


def share_interval(hits: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Exact (Clopper-Pearson) interval of a share; 0 to 1 without trials."""
    if trials == 0:
        return 0.0, 1.0
    interval = stats.binomtest(hits, trials).proportion_ci(1 - level, "exact")
    return float(interval.low), float(interval.high)


def _t(estimates: Estimates) -> PerContrast:
    """Estimates over their standard errors; an exact 0 stays 0."""
    missing = np.where(estimates.mean == 0, 0.0, np.copysign(np.inf, estimates.mean))
    return np.divide(estimates.mean, estimates.se, out=missing, where=estimates.se != 0)


class _Draws:
    """Joint draws of t statistics when all differences are 0, to find how often any is large.

    A draw is a direction of the normal vector and a spread for every contrast. The length of the
    normal vector is not drawn: its square has the chi-squared distribution, so how often a draw
    goes beyond a limit is known exactly. Against 32768 draws the level is off by less than 1 % for
    two contrasts and by 2 % (root mean square) for six (tests/statistics/test_intervals.py).
    """

    def __init__(self, correlation: Matrix, df: PerContrast, sides: int) -> None:
        directions, normals = _directions(len(df))
        if sides == 1:  # a direction and its opposite are two draws then
            half = directions.shape[1] // 2
            directions, normals = directions[:, :half], normals[:, :half]
        t = (_root(correlation) @ directions) / _spreads(df, _root(correlation**2) @ normals)
        self.t = np.abs(t) if sides == 2 else np.maximum(np.concatenate([t, -t], axis=1), 0.0)
        self.df, self.sides = df, sides

    def any_beyond(self, each_level: float) -> float:
        """The chance that any t goes beyond the limit which each goes beyond at this level."""
        count = len(self.df)
        limit = special.stdtrit(self.df, 1 - each_level / self.sides)
        half_square = 0.5 * (limit[:, None] / np.maximum(self.t, 1e-9)) ** 2
        half_square = np.minimum(half_square, 700.0)  # beyond this nothing counts, or overflows
        beyond = _chi_squared_beyond(half_square, (count + 1) // 2)
        # how often each alone goes beyond is known: what these draws err there is taken out
        alone = beyond.sum()
        return float(count * each_level * beyond.max(0).sum() / alone) if alone > 0 else 0.0


def _chi_squared_beyond(half_square: np.ndarray, pairs_of_normals: int) -> np.ndarray:
    """Chance that the squared length of a vector of normals is beyond twice the argument."""
    term = total = np.ones(())
    for k in range(1, pairs_of_normals):
        term = term * half_square / k
        total = total + term
    return total * np.exp(-half_square)


def _draw_count(contrasts: int) -> int:
    return 512 if contrasts <= 3 else 1024 if contrasts <= 6 else 2048


@lru_cache(maxsize=32)
def _directions(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Directions in an even number of dimensions, of which ``count`` are used, and normals."""
    even = count + count % 2
    sobol = stats.qmc.Sobol(even + count, scramble=True, rng=np.random.default_rng(1))
    uniform = np.clip(sobol.random(_draw_count(count)), 1e-9, 1 - 1e-9)
    normal = special.ndtri(uniform).T
    directions = normal[:even] / np.linalg.norm(normal[:even], axis=0)
    return directions[:count].copy(), normal[even:].copy()


def _spreads(df: PerContrast, normal: np.ndarray) -> np.ndarray:
    """Square roots of chi-squared numbers over their degrees of freedom, from normal numbers."""
    table = _spread_table()
    row = np.clip(np.log(df) / _ROW_STEP, 0, len(table) - 1.001)
    first = row.astype(np.intp)
    weight = (row - first)[:, None]
    curves = table[first] * (1 - weight) + table[first + 1] * weight
    column = np.clip((normal - _GRID[0]) / (_GRID[1] - _GRID[0]), 0, len(_GRID) - 1.001)
    left = column.astype(np.intp)
    contrast = np.arange(len(df))[:, None]
    low = curves[contrast, left]
    return low + (column - left) * (curves[contrast, left + 1] - low)


_GRID = np.linspace(-4.5, 4.5, 91)
_ROWS = np.geomspace(1, 2000, 90)
_ROW_STEP = np.log(_ROWS[1])


@lru_cache(maxsize=1)
def _spread_table() -> np.ndarray:
    """Spreads by degrees of freedom (rows, even in their logarithm) and normal number."""
    return np.sqrt(special.chdtri(_ROWS[:, None], special.ndtr(-_GRID)) / _ROWS[:, None])


def _root(correlation: Matrix) -> Matrix:
    """A matrix whose product with its transpose is the correlation."""
    values, vectors = np.linalg.eigh(correlation)
    root: np.ndarray = vectors * np.sqrt(np.maximum(values, 0.0))
    return root
