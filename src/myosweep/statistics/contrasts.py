"""Differences between values, with standard errors that cover networks and patients at once.

A pair, a step, an interaction: each is a contrast over the values, and gives one table of
differences with two crossed factors, network and patient. Complete tables are taken apart by
analysis of variance; tables with folds or missing cells by sums of squares over cells. The
formulas, and what they were measured to cover, stand in docs/statistics.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from myosweep.statistics.score_table import Estimand, ScoreTable, estimand_of

Matrix = Float64[np.ndarray, "contrast contrast"]
PerContrast = Float64[np.ndarray, " contrast"]


@dataclass(frozen=True, eq=False)
class Components:
    """Variances of one difference: between networks, between patients, and what is left.

    ``cells_per_network`` says how many patients test a network, on average.
    """

    network: float
    patient: float
    residual: float
    networks: int
    patients: int
    cells_per_network: float

    def variance(self, networks: float | int | np.ndarray) -> float | np.ndarray:
        """Variance of the mean difference with another number of networks, same patients."""
        return (
            self.network / networks
            + self.patient / self.patients
            + self.residual / (networks * self.cells_per_network)
        )


@dataclass(frozen=True, eq=False)
class Estimates:
    """Estimated contrasts.

    Attributes:
        mean: each contrast, averaged over its cells; NaN without cells.
        se: standard errors; NaN where the table has one network and one patient only.
        df: degrees of freedom of each standard error.
        correlation: of the estimates, for simultaneous intervals.
        components: variances behind each contrast.
        estimand: what the standard errors cover.
        networks, patients: how many take part, the smallest number over contrasts.
    """

    mean: PerContrast
    se: PerContrast
    df: PerContrast
    correlation: Matrix
    components: tuple[Components, ...]
    estimand: Estimand
    networks: int
    patients: int


def differences(
    table: ScoreTable, contrasts: Float64[np.ndarray, "contrast value"]
) -> Float64[np.ndarray, "contrast network patient"]:
    """Each contrast in each cell; NaN where a value that takes part has no score."""
    absent = np.einsum("kv,vnp->knp", (contrasts != 0).astype(float), (~table.cells).astype(float))
    filled = np.where(table.cells, table.scores, 0.0)
    found = np.einsum("kv,vnp->knp", contrasts, filled)
    return np.where(absent > 0, np.nan, found)


def estimate(table: ScoreTable, contrasts: Float64[np.ndarray, "contrast value"]) -> Estimates:
    """Estimate contrasts with standard errors over all that the table has several of."""
    return estimate_differences(differences(table, contrasts))


def estimate_differences(d: Float64[np.ndarray, "contrast network patient"]) -> Estimates:
    """``estimate`` for differences that are there already."""
    cells = np.isfinite(d)
    here = cells.any(0)
    d, cells = d[:, here.any(1)][:, :, here.any(0)], cells[:, here.any(1)][:, :, here.any(0)]
    empty = ~cells.any((1, 2))
    if empty.any() and not empty.all():
        return _with_unknown(estimate_differences(d[~empty]), empty)
    networks = int(cells.any(2).sum(1).min(initial=d.shape[1]))
    patients = int(cells.any(1).sum(1).min(initial=d.shape[2]))
    estimand = estimand_of(networks, patients)
    if estimand == "none":
        return _without_errors(d, cells, networks, patients)
    if cells.all() and estimand == "networks and patients":
        return _balanced(d)
    return _by_cells(d, cells, networks, patients)


def _with_unknown(known: Estimates, empty: Bool[np.ndarray, " contrast"]) -> Estimates:
    """Estimates with NaN at the contrasts that have no cell in common; the others stay."""
    count, places = len(empty), np.flatnonzero(~empty)

    def spread(values: np.ndarray) -> np.ndarray:
        every = np.full(count, np.nan)
        every[places] = values
        return every

    nothing = Components(np.nan, np.nan, np.nan, 0, 0, 1.0)
    components = [nothing] * count
    for place, found in zip(places, known.components, strict=True):
        components[place] = found
    correlation = np.eye(count)
    correlation[np.ix_(places, places)] = known.correlation
    return Estimates(
        spread(known.mean),
        spread(known.se),
        spread(known.df),
        correlation,
        tuple(components),
        known.estimand,
        known.networks,
        known.patients,
    )


def _without_errors(d: np.ndarray, cells: np.ndarray, networks: int, patients: int) -> Estimates:
    count = len(d)
    nothing = np.full(count, np.nan)
    sums, numbers = np.where(cells, d, 0).sum((1, 2)), cells.sum((1, 2))
    mean = np.divide(sums, numbers, out=nothing.copy(), where=numbers > 0)
    unknown = Components(np.nan, np.nan, np.nan, networks, patients, 1.0)
    return Estimates(
        mean, nothing, nothing, np.eye(count), (unknown,) * count, "none", networks, patients
    )


def _balanced(d: Float64[np.ndarray, "contrast network patient"]) -> Estimates:
    """Complete tables: analysis of variance with two crossed random factors."""
    contrasts, networks, patients = d.shape
    mean = d.mean((1, 2))
    of_network = d.mean(2) - mean[:, None]
    of_patient = d.mean(1) - mean[:, None]
    rest = d - mean[:, None, None] - of_network[:, :, None] - of_patient[:, None, :]
    rest = rest.reshape(contrasts, -1)
    ms_n = patients * (of_network @ of_network.T) / (networks - 1)
    ms_p = networks * (of_patient @ of_patient.T) / (patients - 1)
    ms_r = rest @ rest.T / ((networks - 1) * (patients - 1))
    n, p, r = np.diag(ms_n), np.diag(ms_p), np.diag(ms_r)
    size = networks * patients
    # a component that came out negative is 0: its mean square then takes part in no sum
    variance = np.maximum.reduce([n + p - r, n, p, r]) / size
    df = degrees_of_freedom(n / size, variance - n / size, networks, patients)
    network, patient = np.maximum(n - r, 0) / patients, np.maximum(p - r, 0) / networks
    components = tuple(
        Components(
            float(network[k]), float(patient[k]), float(r[k]), networks, patients, float(patients)
        )
        for k in range(contrasts)
    )
    correlation = _correlation((ms_n + ms_p - ms_r) / size, variance, df)
    se = np.sqrt(variance)
    what: Estimand = "networks and patients"
    return Estimates(mean, se, df, correlation, components, what, networks, patients)


def _by_cells(
    d: Float64[np.ndarray, "contrast network patient"],
    cells: Bool[np.ndarray, "contrast network patient"],
    networks: int,
    patients: int,
) -> Estimates:
    """Folds, missing cells, one network or one patient: sums of squares over the cells there."""
    count = cells.sum((1, 2)).astype(float)
    mean = np.where(cells, d, 0.0).sum((1, 2)) / count
    e = np.where(cells, d - mean[:, None, None], 0.0) / count[:, None, None]
    by_patient, by_network = e.sum(1), e.sum(2)
    n, p = cells.any(2).sum(1), cells.any(1).sum(1)
    inflate_n, inflate_p = _inflation(n), _inflation(p)
    v_p = by_patient @ by_patient.T * np.sqrt(np.outer(inflate_p, inflate_p))
    v_n = by_network @ by_network.T * np.sqrt(np.outer(inflate_n, inflate_n))
    flat = e.reshape(len(d), -1)
    v_r = flat @ flat.T
    a, b, c = np.diag(v_p), np.diag(v_n), np.diag(v_r)
    estimand = estimand_of(networks, patients)
    if estimand == "patients":
        variance, covariance, df = a, v_p, (p - 1).astype(float)
    elif estimand == "networks":
        variance, covariance, df = b, v_n, (n - 1).astype(float)
    else:
        variance = np.maximum.reduce([a + b - c, a, b])
        covariance = v_p + v_n - v_r
        # where one network tests each patient, b holds the patients' part as well: by as much as
        # a is larger than b, the networks have none
        network = np.where(count == p, np.maximum(2 * b - variance, 0.0), b)
        df = degrees_of_freedom(network, variance - network, n, p)
    components = tuple(_solve(a[k], b[k], c[k], cells[k]) for k in range(len(d)))
    correlation = _correlation(covariance, variance, df)
    return Estimates(
        mean, np.sqrt(variance), df, correlation, components, estimand, networks, patients
    )


def degrees_of_freedom(
    by_network: np.ndarray | float | int,
    remaining: np.ndarray | float | int,
    networks: np.ndarray | float | int,
    patients: np.ndarray | float | int,
) -> np.ndarray:
    """Degrees of freedom of a variance that is the sum of both parts; at least 2 of each.

    Satterthwaite's number, made careful where networks are few: with shares n of networks and p
    of patients in the variance, 1 / df = n / (N - 1) + p^2 / (P - 1), where n is not squared, and
    is computed as if networks differed N / (N - 2) times as much as they seem to. For few networks
    often look more alike than they are, and the interval is then too short by just that accident.
    docs/decisions/0008-degrees-of-freedom.md has the figures.

    >>> round(float(degrees_of_freedom(0.5, 1.0, 4, 49)), 2)  # 0.5 counts as 1, of 2
    5.82
    >>> degrees_of_freedom(np.array([0.0, 1.0]), np.array([1.0, 0.0]), 4, 49).tolist()
    [48.0, 3.0]
    """
    count = np.asarray(networks, float)
    part = by_network * count
    rest = remaining * (count - 2)
    share = _divided(np.asarray(part), np.asarray(part + rest), 1.0)
    inverse = share / (count - 1) + (1 - share) ** 2 / (np.asarray(patients) - 1.0)
    return np.asarray(1 / inverse)


def _inflation(count: np.ndarray) -> np.ndarray:
    """n / (n - 1), and 0 where there is nothing to estimate a spread from."""
    return np.where(count > 1, count / np.maximum(count - 1, 1), 0.0)


def _solve(
    v_p: float, v_n: float, v_r: float, cells: Bool[np.ndarray, "network patient"]
) -> Components:
    """Variance components from the three sums of squares, by the method of moments."""
    total = cells.sum()
    per_patient, per_network = cells.sum(0), cells.sum(1)
    networks, patients = int((per_network > 0).sum()), int((per_patient > 0).sum())
    share_p = (per_patient**2).sum() / total**2 - 1 / total
    share_n = (per_network**2).sum() / total**2 - 1 / total
    patient = max(v_p - v_r, 0.0) / share_p if share_p > 0 else 0.0
    network = max(v_n - v_r, 0.0) / share_n if share_n > 0 else 0.0
    if networks == 1:
        network = np.nan
    if patients == 1:
        patient = np.nan
    if share_p == 0 and patients > 1:  # one cell per patient: nothing tells the two apart
        rest = max(total * v_r - network, 0.0)
        return Components(network, rest, 0.0, networks, patients, total / networks)
    rest = max(total * v_r - np.nan_to_num(patient) - np.nan_to_num(network), 0.0)
    return Components(
        float(network), float(patient), float(rest), networks, patients, float(total / networks)
    )


def _divided(numerator: np.ndarray, denominator: np.ndarray, otherwise: float) -> np.ndarray:
    whole = np.full(np.shape(denominator), otherwise)
    return np.divide(numerator, denominator, out=whole, where=denominator > 0)


def _correlation(covariance: Matrix, variance: PerContrast, df: PerContrast) -> Matrix:
    """A proper correlation matrix, drawn towards 0 the more the fewer degrees of freedom it has.

    From few networks, differences look more alike than they are, and too few errors would be
    expected of a large family; from two networks nothing can be said, and 0 is taken.
    """
    scale = np.sqrt(np.outer(variance, variance))
    raw = np.clip(np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0), -1, 1)
    kept = np.sqrt(1 - 1 / np.maximum(df, 1.0))
    raw = raw * np.outer(kept, kept)
    np.fill_diagonal(raw, 1.0)
    values, vectors = np.linalg.eigh(raw)
    if values[0] >= 0:
        return raw
    proper = (vectors * np.maximum(values, 0.0)) @ vectors.T
    size = np.sqrt(np.diag(proper))
    proper = proper / np.outer(size, size)
    np.fill_diagonal(proper, 1.0)
    return proper


def against(reference: int, values: int) -> Float64[np.ndarray, "contrast value"]:
    """Every other value minus the reference, in order."""
    rows = np.eye(values)[[v for v in range(values) if v != reference]]
    rows[:, reference] -= 1
    return rows


def pairs(values: int) -> tuple[tuple[int, int], ...]:
    """All pairs of positions, later value first: each is compared with those before it."""
    return tuple((late, early) for late in range(values) for early in range(late))


def pair_contrasts(
    chosen: Sequence[tuple[int, int]], values: int
) -> Float64[np.ndarray, "contrast value"]:
    """One value minus another, for each pair."""
    rows = np.zeros((len(chosen), values))
    for row, (one, other) in zip(rows, chosen, strict=True):
        row[one], row[other] = 1.0, -1.0
    return rows
