"""Where the variance of the scores comes from: value, network, patient and their interactions.

Analysis of variance by the method of moments; with folds or missing cells each factor's mean square
is taken after the other one was fitted (Henderson's method III), so that other test patients do not
look like another network. Shares are standard deviations in units of the score; they are never
normalised to add up to 1.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64
from scipy import stats

from myosweep.randomness import stream
from myosweep.statistics.intervals import LEVEL
from myosweep.statistics.score_table import ScoreTable

_DRAWS = 20_000
_BOTH = "network x patient"
_REST = "residual"


@dataclass(frozen=True)
class Share:
    """How much one source makes scores differ.

    Attributes:
        name: ``value``, ``network``, ``patient``, two of them with `` x `` between, ``residual``.
        sd: standard deviation, in units of the score; 0 if its variance came out negative.
        low, high: 95 % interval of that standard deviation.
    """

    name: str
    sd: float
    low: float
    high: float


@dataclass(frozen=True)
class NetworkSpread:
    """Spread between networks of one value in their mean over the same patients.

    ``sd`` is NaN where no two networks of a value share patients; ``df`` are the degrees of
    freedom of its square.
    """

    sd: float
    df: float

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """The chi-squared interval of ``sd``."""
        if not (self.sd > 0 and self.df > 0):
            return self.sd, self.sd
        limits = stats.chi2.ppf([1 - level / 2, level / 2], self.df)
        low, high = self.sd * np.sqrt(self.df / limits)
        return float(low), float(high)


@dataclass(frozen=True)
class _TwoWay:
    """Variances of network, patient and the rest in a crossed table.

    ``per_network`` and ``per_patient`` say how often the mean square of a network (patients taken
    out), and that of a patient, holds its own variance; ``freedom`` are the degrees of the rest.
    """

    network: float
    patient: float
    rest: float
    per_network: float
    per_patient: float
    freedom: int


def variance_shares(table: ScoreTable) -> tuple[Share, ...]:
    """The shares of a table, the value's first; only cells that all values have take part.

    A source that the table cannot tell from another is left out, and is part of that other one:
    where no patient was tested by two networks of a value, ``patient`` holds ``network x patient``
    and ``residual`` holds ``value x patient``. The value's share is that of the values tested. One
    value leaves out the value, one network the network, one patient the patient.

    Intervals: each mean square is redrawn by its chi-squared distribution and the shares are taken
    from the redrawn ones (a generalised confidence interval; exact for the residual of a complete
    table). With folds or missing cells mean squares are neither exactly chi-squared nor exactly
    independent, and this is an approximation.

    Returns:
        No shares if there are fewer than two cells that tell anything apart.
    """
    cells = table.common
    cells = cells[cells.any(1)][:, cells.any(0)]
    scores = table.scores[:, table.common.any(1)][:, :, table.common.any(0)]
    count = int(cells.sum())
    if count < 2:
        return ()
    if count >= sum(cells.shape):  # so that something is left when both are fitted
        return _crossed(scores, cells)
    if count > len(cells):
        return _nested(scores, cells, "network", "patient")
    return _nested(scores.transpose(0, 2, 1), cells.T, "patient", "network")


def network_spread(table: ScoreTable) -> NetworkSpread:
    """How far networks of one value lie apart on the same patients, averaged over the values.

    Complete tables: the standard deviation of the networks' means. With folds, networks are
    compared on the patients whom two of them tested, so that other test patients do not count as
    another network; the spread then holds another seed and other training patients.
    """
    cells = table.common
    cells = cells[cells.any(1)][:, cells.any(0)]
    scores = table.scores[:, table.common.any(1)][:, :, table.common.any(0)]
    networks = len(cells)
    if networks < 2 or not (cells.sum(0) > 1).any():
        return NetworkSpread(np.nan, np.nan)
    if cells.all():
        means = scores.mean(2)
        covariance = np.atleast_2d(np.cov(means))
        total, squares = np.trace(covariance), float((covariance**2).sum())
        # seeds serve all values: the more alike their effects, the fewer degrees of freedom
        df = (networks - 1) * total**2 / squares if squares > 0 else 0.0
        return NetworkSpread(float(np.sqrt(total / len(means))), float(df))
    variances = []
    for one in scores:
        found = _two_way(one[None], cells)
        of_mean = found.rest / (cells.sum() / networks)
        variances.append(max(found.network, 0.0) + of_mean)
    return NetworkSpread(float(np.sqrt(np.mean(variances))), float(networks - 1))


def _crossed(
    scores: Float64[np.ndarray, "value network patient"], cells: Bool[np.ndarray, "network patient"]
) -> tuple[Share, ...]:
    """Every source on its own."""
    values, (networks, patients) = len(scores), cells.shape
    of_cell, within = _apart(scores, cells)
    main = _two_way(of_cell, cells)
    if values == 1:
        found = {"network": main.network, "patient": main.patient, _BOTH: main.rest}
    else:
        cross = _two_way(within, cells)
        found = {
            "value": _value_variance(scores, cells, cross.network, cross.patient, cross.rest),
            "network": main.network - cross.network / values,
            "patient": main.patient - cross.patient / values,
            "value x network": cross.network,
            "value x patient": cross.patient,
            _BOTH: main.rest - cross.rest / values,
            _REST: cross.rest,
        }
    df = {
        "value": values - 1,
        "network": networks - 1,
        "patient": patients - 1,
        "value x network": (values - 1) * (networks - 1),
        "value x patient": (values - 1) * (patients - 1),
        _BOTH: main.freedom,
        _REST: (values - 1) * main.freedom,
    }
    shares = _with_intervals(found, df, _expected(values, cells, main))
    if values == 1:
        return tuple(_named(share, _REST) if share.name == _BOTH else share for share in shares)
    return shares


def _nested(
    scores: Float64[np.ndarray, "value outer inner"],
    cells: Bool[np.ndarray, "outer inner"],
    outer: str,
    inner: str,
) -> tuple[Share, ...]:
    """Each inner one belongs to a single outer one: its own share and the interaction are one."""
    values, groups = len(scores), len(cells)
    freedom = int(cells.sum()) - groups
    if freedom < 1:
        return ()
    of_cell, within = _apart(scores, cells)
    several = groups > 1
    found: dict[str, float] = {}
    rest, by_outer = 0.0, 0.0
    if values > 1:
        rest, by_outer = _one_in_other(within, cells)
        found["value"] = _value_variance(scores, cells, by_outer, 0.0, rest)
    main, of_outer = _one_in_other(of_cell, cells)
    if several:
        found[outer] = of_outer - by_outer / values
    found[inner] = main - rest / values
    if values > 1:
        if several:
            found[f"value x {outer}"] = by_outer
        found[_REST] = rest
    df = {
        "value": values - 1,
        outer: groups - 1,
        inner: freedom,
        f"value x {outer}": (values - 1) * (groups - 1),
        _REST: (values - 1) * freedom,
    }
    size = cells.sum() / groups
    expected = {
        "value": {_REST: 1.0, f"value x {outer}": size, "value": float(cells.sum())},
        outer: {_REST: 1.0, f"value x {outer}": size, inner: values, outer: values * size},
        inner: {_REST: 1.0, inner: float(values)},
        f"value x {outer}": {_REST: 1.0, f"value x {outer}": size},
        _REST: {_REST: 1.0},
    }
    return _with_intervals(found, df, expected)


def _expected(values: int, cells: np.ndarray, main: _TwoWay) -> dict[str, dict[str, float]]:
    """What each mean square expects, as multiples of the shares' variances."""
    count = float(cells.sum())
    of_network, of_patient = ((cells.sum(axis) ** 2).sum() / count for axis in (1, 0))
    by_network = {_REST: 1.0, "value x network": main.per_network}
    by_patient = {_REST: 1.0, "value x patient": main.per_patient}
    both = {_REST: 1.0, _BOTH: float(values)}
    of_value = {_REST: 1.0, "value x network": of_network, "value x patient": of_patient}
    return {
        "value": of_value | {"value": count},
        "network": by_network | both | {"network": values * main.per_network},
        "patient": by_patient | both | {"patient": values * main.per_patient},
        "value x network": by_network,
        "value x patient": by_patient,
        _BOTH: both,
        _REST: {_REST: 1.0},
    }


def _with_intervals(
    found: dict[str, float], df: dict[str, int], expected: dict[str, dict[str, float]]
) -> tuple[Share, ...]:
    names = list(found)
    matrix = np.array([[expected[row].get(name, 0.0) for name in names] for row in names])
    mean_squares = np.maximum(matrix @ np.array(list(found.values())), 0.0)
    freedom = np.array([df[name] for name in names], float)
    chi = stream(0, "bootstrap").chisquare(freedom, (_DRAWS, len(names)))
    redrawn = np.linalg.solve(matrix, (mean_squares * freedom / chi).T)
    limits = np.quantile(redrawn, [LEVEL / 2, 1 - LEVEL / 2], axis=1)
    sd, low, high = (
        np.sqrt(np.maximum(variances, 0.0))
        for variances in (np.array(list(found.values())), *limits)
    )
    return tuple(
        Share(name, float(sd[k]), float(low[k]), float(high[k])) for k, name in enumerate(names)
    )


def _apart(
    scores: Float64[np.ndarray, "value network patient"], cells: Bool[np.ndarray, "network patient"]
) -> tuple[np.ndarray, np.ndarray]:
    """Each cell's mean over values; and what is left of it, scaled so that squares add to one."""
    filled = np.where(cells, scores, 0.0)
    of_cell = filled.mean(0)
    within = (filled - of_cell) / np.sqrt(max(len(scores) - 1, 1))
    return of_cell[None], within


def _value_variance(
    scores: np.ndarray, cells: np.ndarray, by_network: float, by_patient: float, rest: float
) -> float:
    """Variance of the values' means, minus what their interactions contribute to it."""
    count = cells.sum()
    means = np.where(cells, scores, 0.0).sum((1, 2)) / count
    chance = (
        by_network * (cells.sum(1) ** 2).sum() / count**2
        + by_patient * (cells.sum(0) ** 2).sum() / count**2
        + rest / count
    )
    return float(means.var(ddof=1) - chance)


def _two_way(
    x: Float64[np.ndarray, "part network patient"], cells: Bool[np.ndarray, "network patient"]
) -> _TwoWay:
    """By fitting both factors (Henderson's method III); squares are added up over parts."""
    left = np.where(cells, x, 0.0)
    of_network, rank_n, trace_n, inside = _after_the_other(left, cells)
    of_patient, rank_p, trace_p, _ = _after_the_other(left.transpose(0, 2, 1), cells.T)
    freedom = int(cells.sum()) - cells.shape[1] - rank_n
    rest = max(inside - of_network, 0.0) / max(freedom, 1)
    # a factor of which nothing is left after the other has no variance that could be told
    per_network, per_patient = (
        t / r if r else 1.0 for t, r in ((trace_n, rank_n), (trace_p, rank_p))
    )
    return _TwoWay(
        (of_network / max(rank_n, 1) - rest) / per_network,
        (of_patient / max(rank_p, 1) - rest) / per_patient,
        rest,
        per_network,
        per_patient,
        freedom,
    )


def _after_the_other(
    x: Float64[np.ndarray, "part one other"], cells: Bool[np.ndarray, "one other"]
) -> tuple[float, int, float, float]:
    """Sum of squares of one factor after the other one was fitted.

    Returns:
        That sum; its degrees of freedom; how often it holds the factor's variance; and the sum of
        squares within the other factor.
    """
    counts = cells.sum(0)
    centred = np.where(cells, x - x.sum(1, keepdims=True) / counts, 0.0)
    totals = centred.sum(2)
    inside = float((centred**2).sum())
    if cells.all():  # what the general way gives, without a matrix of all patients
        ones, others = cells.shape
        return float((totals**2).sum()) / others, ones - 1, float(others * (ones - 1)), inside
    information = np.diag(cells.sum(1).astype(float)) - (cells / counts) @ cells.T
    inverse = np.linalg.pinv(information, rcond=1e-9, hermitian=True)
    squares = float(np.einsum("ki,ij,kj->", totals, inverse, totals))
    rank = int(np.linalg.matrix_rank(information, tol=1e-9 * len(counts), hermitian=True))
    return squares, rank, float(np.trace(information)), inside


def _one_in_other(
    x: Float64[np.ndarray, "part outer inner"], cells: Bool[np.ndarray, "outer inner"]
) -> tuple[float, float]:
    """Variances of the inner ones within an outer one, and of the outer ones."""
    inside, pairs_in = _half_squares(x, cells, 2)
    every, pairs = _half_squares(x.reshape(len(x), 1, -1), cells.reshape(1, -1), 2)
    within = inside / max(pairs_in, 1)
    between = (every - inside) / max(pairs - pairs_in, 1)
    return within, between - within


def _half_squares(x: np.ndarray, cells: np.ndarray, axis: int) -> tuple[float, int]:
    """Sum over ordered pairs of cells along an axis of half the squared difference; and pairs."""
    counts = cells.sum(axis - 1)
    sums, squares = (np.where(cells, part, 0.0).sum(axis) for part in (x, x**2))
    return float((counts * squares - sums**2).sum()), int((counts * (counts - 1)).sum())


def _named(share: Share, name: str) -> Share:
    return Share(name, share.sd, share.low, share.high)
