"""Error against number of training patients: a falling power law, and how well it is known.

error(n) = a n^-b + c with a, c >= 0: what more data mend, and what they never will. Such curves,
fitted with more weight on larger sizes, predicted scores at sizes not yet reached better than
unweighted ones (Figueroa et al., BMC Medical Informatics and Decision Making 12:8, 2012).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy import special

from myosweep.statistics.contrasts import estimate_differences
from myosweep.statistics.intervals import LEVEL

FEWEST_SIZES = 3
"""A law has three parameters."""
_EXPONENTS = np.geomspace(0.05, 3.0, 160)
"""Tried in turn: from nearly logarithmic to nearly at an end. a and c follow from each exactly."""

Sizes = Float64[np.ndarray, " size"]


@dataclass(frozen=True, eq=False)
class PowerLaws:
    """Fitted laws, one per row of what they were fitted to: error(n) = a n^-b + c."""

    a: Float64[np.ndarray, " law"]
    b: Float64[np.ndarray, " law"]
    c: Float64[np.ndarray, " law"]

    def errors(self, sizes: Sizes) -> Float64[np.ndarray, "law size"]:
        """The error of each law at each size."""
        powers = sizes[None, :] ** -self.b[:, None]
        return np.asarray(self.a[:, None] * powers + self.c[:, None])


def fit_power_laws(sizes: Sizes, errors: Float64[np.ndarray, "law size"]) -> PowerLaws:
    """Least squares, each size weighted by its patients; b between 0.05 and 3.

    For a given b the best a and c are a straight line's, cut at 0 (variable projection: Golub and
    Pereyra, SIAM Journal on Numerical Analysis 10, 1973), so that a list of b is gone through.

    Raises:
        ValueError: with fewer than three different sizes.
    """
    if len(np.unique(sizes)) < FEWEST_SIZES:
        raise ValueError(f"a power law needs {FEWEST_SIZES} sizes, got {np.unique(sizes).tolist()}")
    weights = sizes / sizes.sum()
    x = (sizes[None, :] / sizes.max()) ** -_EXPONENTS[:, None]
    slope, level = _lines(x, errors, weights)
    fitted = slope[:, :, None] * x[None, :, :] + level[:, :, None]
    off = (((errors[:, None, :] - fitted) ** 2) * weights).sum(2)
    best = off.argmin(1)
    rows = np.arange(len(errors))
    b = _EXPONENTS[best]
    return PowerLaws(slope[rows, best] * sizes.max() ** b, b, level[rows, best])


def _lines(
    x: Float64[np.ndarray, "exponent size"],
    errors: Float64[np.ndarray, "law size"],
    weights: Sizes,
) -> tuple[Float64[np.ndarray, "law exponent"], Float64[np.ndarray, "law exponent"]]:
    """Slope and level, both at least 0, of the line nearest to each row of errors over each x."""
    mean_x, mean_e = x @ weights, errors @ weights
    spread = ((x - mean_x[:, None]) ** 2) @ weights
    together = np.einsum("es,ls,s->le", x - mean_x[:, None], errors - mean_e[:, None], weights)
    slope = np.maximum(together / spread, 0.0)
    level = mean_e[:, None] - slope * mean_x
    through_zero = np.maximum(errors @ (x * weights).T / (x**2 @ weights), 0.0)
    below = level < 0
    return np.where(below, through_zero, slope), np.where(below, 0.0, level)


def redrawn_means(
    scores: Float64[np.ndarray, "size network patient"], rng: np.random.Generator, draws: int
) -> Float64[np.ndarray, "draw size"]:
    """Mean score at each size in studies redrawn from this one, over cells that all sizes have.

    Networks and patients are drawn anew, independently, the same ones for all sizes; one fewer of
    each than there are, so that the variance of a mean is not too small (Rao and Wu, Journal of the
    American Statistical Association 83, 1988). One network alone, or one patient, stays. What a
    draw is off is widened as Student's t is wider than a normal distribution, since a few networks
    know their spread badly. No draws where there are neither several networks nor patients.
    """
    cells = np.isfinite(scores).all(0)
    found = estimate_differences(np.where(cells, scores, np.nan))
    if found.estimand == "none":
        return np.empty((0, len(scores)))
    filled = np.where(cells, scores, 0.0)
    networks, patients = (_drawn(count, rng, draws) for count in cells.shape)
    sums = np.einsum("dn,snp,dp->ds", networks, filled, patients, optimize=True)
    counts = np.einsum("dn,np,dp->d", networks, cells.astype(float), patients, optimize=True)
    there = counts > 0
    off = sums[there] / counts[there, None] - found.mean
    wider = special.stdtrit(found.df, 1 - LEVEL / 2) / special.ndtri(1 - LEVEL / 2)
    return np.asarray(found.mean + wider * off)


def _drawn(count: int, rng: np.random.Generator, draws: int) -> Float64[np.ndarray, "draw unit"]:
    """How often each unit is drawn."""
    chances = np.full(count, 1 / count)
    return rng.multinomial(max(count - 1, 1), chances, draws).astype(float)
