"""Agreement of networks with the reference, value by value, in a clinical measure.

Bias is judged by the verdict engine as a contrast against the reference, over networks and
patients; limits of agreement are those of a single network on a single patient (Bland and Altman,
Stat Methods Med Res 1999;8:135, with networks as a second source of spread). Concordance is Lin's
(Biometrics 1989;45:255), per network over patients, its interval by the jackknife over patients
within the engine.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64
from scipy import special

from myosweep.analysis.any_table import mirrored
from myosweep.statistics.answer import Answer, Family, answer, judged
from myosweep.statistics.contrasts import Components, Estimates, estimate_differences
from myosweep.statistics.intervals import LEVEL, mean_interval, simultaneous_level
from myosweep.statistics.score_table import ScoreTable
from myosweep.statistics.verdicts import Comparison

LIMITS = 1.96
"""Standard deviations on both sides of the bias between which 95 % of differences lie."""


@dataclass(frozen=True)
class ValueAgreement:
    """How one value's networks agree with the reference.

    Attributes:
        bias: network minus reference, judged against the margin; the intervals of all values hold
            together. Without a margin its verdict is ``not known``.
        sd: of the difference of one network on one patient; ``lower`` and ``upper`` are the limits
            of agreement, ``limit_error`` half the 95 % interval of each, which covers what the
            bias' interval covers.
        concordance, concordance_low, concordance_high: Lin's; NaN where nothing varies.
        mean: of what the networks measure.
        networks, patients: how many take part.
    """

    value: str
    bias: Comparison
    sd: float
    lower: float
    upper: float
    limit_error: float
    concordance: float
    concordance_low: float
    concordance_high: float
    mean: float
    networks: int
    patients: int


@dataclass(frozen=True)
class Agreement:
    """A measure, with every value's agreement.

    Attributes:
        reference_mean: over the patients.
        margin: smallest difference that matters, in the measure's unit; None where there is none,
            and then nothing is judged.
        sizes: what the networks measure, value against value: does the value change the measure?
        errors: the size of their error, value against value; more is worse.
    """

    reference_mean: float
    margin: float | None
    values: tuple[ValueAgreement, ...]
    sizes: Answer | None
    errors: Answer | None


def agreement(
    table: ScoreTable,
    reference: Float64[np.ndarray, " patient"],
    margin: float | None,
    *,
    family: Family = "pairs",
    base: str | None = None,
) -> Agreement:
    """Agreement of a measure.

    Args:
        table: what each network measures in each patient.
        reference: the same by the reference.
        margin: smallest difference that matters; None judges nothing.
        family, base: which values are compared, and with which; ``best`` has no meaning for sizes,
            where all pairs are compared instead.
    """
    differences = table.scores - reference
    found = estimate_differences(differences)
    each = simultaneous_level(found.correlation, found.df, LEVEL)
    names = [(value, "the reference") for value in table.values]
    biases = judged(names, found, each, np.inf if margin is None else margin)
    if margin is None:
        biases = tuple(replace(bias, verdict="not known") for bias in biases)
    values = tuple(
        _of_value(bias, differences[v], table.scores[v], reference, found, v)
        for v, bias in enumerate(biases)
    )
    sizes = errors = None
    if margin is not None and len(table.values) > 1:
        of_sizes: Family = "pairs" if family == "best" else family
        sizes = answer(table, margin, family=of_sizes, reference=base, thorough=False)
        off = replace(table, scores=-np.abs(differences))
        errors = mirrored(answer(off, margin, family=family, reference=base, thorough=False))
    return Agreement(float(reference.mean()), margin, values, sizes, errors)


def _of_value(
    bias: Comparison,
    differences: Float64[np.ndarray, "network patient"],
    measured: Float64[np.ndarray, "network patient"],
    reference: Float64[np.ndarray, " patient"],
    found: Estimates,
    position: int,
) -> ValueAgreement:
    there = np.isfinite(differences)
    sd, df = single_sd(differences, found.components[position])
    error = limit_error(sd, df, float(found.se[position]), float(found.df[position]))
    return ValueAgreement(
        bias.value,
        bias,
        sd,
        bias.difference - LIMITS * sd,
        bias.difference + LIMITS * sd,
        error,
        *concordance_interval(measured, reference),
        float(measured[there].mean()) if there.any() else np.nan,
        int(there.any(1).sum()),
        int(there.any(0).sum()),
    )


def single_sd(
    differences: Float64[np.ndarray, "network patient"], components: Components
) -> tuple[float, float]:
    """Standard deviation of the difference of one network on one patient, and its freedom.

    In a complete table the root of the sum of the variances between networks, between patients, and
    of what is left, with Satterthwaite's degrees of freedom; else that of all differences about
    their mean, with patients - 1 of them. NaN with fewer than two patients.
    """
    there = np.isfinite(differences)
    networks, patients = (int(there.any(axis).sum()) for axis in (1, 0))
    if patients < 2:
        return np.nan, np.nan
    total = components.network + components.patient + components.residual
    if not (there.all() and np.isfinite(total)):
        spread = differences[there].var() * patients / (patients - 1)
        return float(np.sqrt(spread)), patients - 1.0
    rest = components.residual
    parts = (
        (components.network + rest / patients, networks - 1),
        (components.patient + rest / networks, patients - 1),
        (rest * (1 - 1 / networks - 1 / patients), (networks - 1) * (patients - 1)),
    )
    below = sum(part**2 / df for part, df in parts)
    return float(np.sqrt(total)), total**2 / below if below else patients - 1.0


def limit_error(sd: float, df: float, bias_se: float, bias_df: float) -> float:
    """Half the 95 % interval of a limit of agreement; NaN where one of the numbers is.

    The limit is the bias plus or minus 1.96 SD. Its variance is that of the bias, and 1.96 squared
    times that of the SD, SD^2 / (2 df); t has the smaller of both degrees of freedom.
    """
    variance = bias_se**2 + LIMITS**2 * sd**2 / (2 * df)
    return float(special.stdtrit(min(df, bias_df), 0.975) * np.sqrt(variance))


def concordance(
    one: Float64[np.ndarray, " patient"], other: Float64[np.ndarray, " patient"]
) -> float:
    """Lin's concordance correlation coefficient; NaN where both are constant or nothing is there.

    >>> concordance(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0]))
    1.0
    >>> round(concordance(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 4.0])), 4)  # 4/3 : 4/3 + 1
    0.5714
    """
    if not len(one):
        return float("nan")
    shift = float(one.mean() - other.mean())
    below = float(one.var() + other.var()) + shift**2
    above = 2 * float(((one - one.mean()) * (other - other.mean())).mean())
    return above / below if below > 0 else float("nan")


def concordance_interval(
    measured: Float64[np.ndarray, "network patient"], reference: Float64[np.ndarray, " patient"]
) -> tuple[float, float, float]:
    """Mean concordance over networks, and its 95 % interval over networks and patients.

    Each network's jackknife pseudo-values over its patients average to its concordance, its bias of
    few patients removed; their spread over networks and patients gives the interval, which ends at
    -1 and 1. NaN where fewer than three patients are there, or the reference is the same in all;
    no interval where it is the same in all but one.
    """
    values = np.full(measured.shape, np.nan)
    whole = []
    for network, row in enumerate(measured):
        there = np.flatnonzero(np.isfinite(row))
        one, other = row[there], reference[there]
        if len(there) < 3 or not np.ptp(other):
            continue
        all_in = concordance(one, other)
        left_out = [concordance(np.delete(one, k), np.delete(other, k)) for k in range(len(there))]
        whole.append(all_in)
        in_order = np.sort(other)
        if in_order[0] < in_order[-2] and in_order[1] < in_order[-1]:
            values[network, there] = len(there) * all_in - (len(there) - 1) * np.array(left_out)
    if not whole:
        return np.nan, np.nan, np.nan
    if not np.isfinite(values).any():
        return float(np.mean(whole)), np.nan, np.nan
    low, high = mean_interval(estimate_differences(values[None]))
    return float(np.mean(whole)), max(low, -1.0), min(high, 1.0)


def patient_means(table: ScoreTable) -> Float64[np.ndarray, "value patient"]:
    """What each value's networks measure in each patient, on average; NaN where none does."""
    cells = np.isfinite(table.scores)
    sums, counts = np.where(cells, table.scores, 0.0).sum(1), cells.sum(1)
    undefined = np.full(sums.shape, np.nan)
    return np.divide(sums, counts, out=undefined, where=counts > 0)


def patient_errors(
    table: ScoreTable, reference: Float64[np.ndarray, " patient"], most: int = 10
) -> tuple[tuple[str, float, tuple[float, ...]], ...]:
    """The worst patients: name, reference, and each value's mean; largest error first."""
    means = patient_means(table)
    worst = np.where(np.isfinite(means), np.abs(means - reference), -1.0).max(0, initial=-1.0)
    order: Sequence[int] = np.argsort(-worst, kind="stable")[:most].tolist()
    return tuple(
        (table.patients[p], float(reference[p]), tuple(map(float, means[:, p])))
        for p in order
        if worst[p] >= 0
    )
