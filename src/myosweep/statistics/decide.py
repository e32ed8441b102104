"""What it would cost to decide: networks (or patients) until a verdict can be expected."""

from dataclasses import dataclass
from math import inf

import numpy as np
from jaxtyping import Float64
from scipy import special

from myosweep.statistics.contrasts import Components, degrees_of_freedom
from myosweep.statistics.intervals import LEVEL

EVEN, LIKELY = 0.5, 0.8
MOST_NETWORKS = 1000
_DRAWS = 100
_RANGE = (0.05, 0.95)
_SPREADS = special.ndtri(np.array([0.1, 0.3, 0.5, 0.7, 0.9]))
"""Where the distribution of a standard error is looked at."""
_INVERSE_DF = np.linspace(1e-6, 1, 400)
_NETWORKS = np.unique(np.round(np.geomspace(2, MOST_NETWORKS, 60)))


@dataclass(frozen=True)
class Cost:
    """Networks per value until a decision can be expected; ``inf`` where none would suffice.

    Attributes:
        even, likely: for an even chance of a decision, and for 80 %: the lower and upper end of
            what the study leaves possible (9 of 10 redrawn studies lie between).
        chance: probability of a decision with the networks that there are.
        decidable: False if these patients alone are too different from each other for it.
        expected_even, expected_likely: the same numbers if the estimates were exactly right.
    """

    value: str
    other: str
    networks: int
    even: tuple[float, float]
    likely: tuple[float, float]
    chance: float
    decidable: bool
    expected_even: float
    expected_likely: float


def chance_to_decide(
    network: Float64[np.ndarray, "*#case"] | float,
    patient: Float64[np.ndarray, "*#case"] | float,
    residual: Float64[np.ndarray, "*#case"] | float,
    difference: Float64[np.ndarray, "*#case"] | float,
    margin: float,
    networks: Float64[np.ndarray, "*#case"] | float | int,
    patients: Float64[np.ndarray, "*#case"] | float | int,
    cells_per_network: Float64[np.ndarray, "*#case"] | float | int,
    each_level: float = LEVEL,
) -> Float64[np.ndarray, "*#case"] | float:
    """Probability that an interval will show better, worse or practically equivalent.

    Args:
        network, patient, residual: variances of the paired difference.
        difference: the true difference.
        margin: the smallest difference that matters.
        networks, patients, cells_per_network: the study's size; at least 2 of each.
        each_level: two-sided level of the interval.

    Returns:
        From a normal estimate and an interval whose length varies as a standard error does;
        broadcast. Simulated studies agree within about 0.05 (tests/statistics/test_decide.py).
    """
    by_network = network / networks + residual / (networks * cells_per_network)
    variance = np.maximum(by_network + patient / patients, 1e-300)
    # with folds, networks differ by their patients, too
    others = np.where(np.less(cells_per_network, patients), patient, 0.0)
    by_network = np.minimum(by_network + others / (networks * cells_per_network), variance)
    df = degrees_of_freedom(by_network, variance - by_network, networks, patients)
    share = by_network / variance
    # one over the degrees of freedom that the standard error itself has
    wobble = share**2 / (networks - 1) + (1 - share) ** 2 / (patients - 1)
    se, limit = np.sqrt(variance), _t_limit(df, each_level)
    chances = []
    for z in _SPREADS:  # chi-squared by Wilson and Hilferty
        root = np.maximum(1 - 2 / 9 * wobble + z * np.sqrt(2 / 9 * wobble), 0.02)
        chances.append(_chance(difference, margin, se, limit * se * root**1.5))
    return np.clip(np.mean(chances, axis=0), 0.0, 1.0)


def _chance(
    difference: np.ndarray | float,
    margin: float,
    se: np.ndarray | float,
    half: np.ndarray | float,
) -> np.ndarray:
    """The chance of a decision where the interval reaches ``half`` to either side."""
    above = special.ndtr((difference - half) / se)
    below = special.ndtr((-difference - half) / se)
    inner = np.clip(margin - half, 0.0, half)  # farther out, the difference itself is shown
    within = special.ndtr((inner - difference) / se) - special.ndtr((-inner - difference) / se)
    return np.asarray(above + below + np.where(margin > half, within, 0.0))


def networks_needed(
    components: Components,
    difference: float,
    margin: float,
    chance: float,
    each_level: float = LEVEL,
) -> float:
    """Smallest number of networks per value with at least this chance; ``inf`` if none has."""
    parts = np.array([[components.network, components.patient, components.residual, difference]])
    return float(_first(_chances(parts, margin, components, each_level), chance)[0])


def cost_to_decide(
    value: str,
    other: str,
    difference: float,
    se: float,
    components: Components,
    margin: float,
    each_level: float = LEVEL,
) -> Cost:
    """The cost of a verdict on one difference, as a range over redrawn studies.

    Each redrawn study has components drawn by their chi-squared distributions and a difference
    drawn around the estimate, since neither is known better than that.
    """
    now = (components.network, components.patient, components.residual)
    drawn = _redrawn(components, difference, se)
    counts = components.networks, components.patients, components.cells_per_network
    chance = chance_to_decide(*now, difference, margin, *counts, each_level)
    chances = _chances(drawn, margin, components, each_level)
    even, likely = (_range(_first(chances, wanted)) for wanted in (EVEN, LIKELY))
    expected = [
        networks_needed(components, difference, margin, wanted, each_level)
        for wanted in (EVEN, LIKELY)
    ]
    decidable = expected[0] < inf
    return Cost(
        value, other, components.networks, even, likely, float(chance), decidable, *expected
    )


def _redrawn(components: Components, difference: float, se: float) -> np.ndarray:
    """Rows of network, patient, residual variance and difference, each drawn anew."""
    rng = np.random.default_rng(0)
    n, p = components.networks, components.patients
    cells = components.cells_per_network
    freedom = np.array([n - 1, p - 1, max((n - 1) * (cells - 1), 1)])
    chi = rng.chisquare(freedom, (_DRAWS, 3)) / freedom
    # mean squares vary by chi-squared, so redraw these and take them apart again
    repeats = max(n * cells / p, 1.0)  # networks that test a patient
    residual = components.residual * chi[:, 2]
    ms_n = (components.residual + cells * components.network) * chi[:, 0]
    ms_p = (components.residual + repeats * components.patient) * chi[:, 1]
    network = np.maximum(ms_n - residual, 0) / cells
    patient = np.maximum(ms_p - residual, 0) / repeats
    shift = difference + se * rng.standard_normal(_DRAWS)
    return np.column_stack([network, patient, residual, shift])


def _chances(
    parts: np.ndarray, margin: float, components: Components, each_level: float
) -> np.ndarray:
    """The chance of a decision, a row for each row of parts, a column for each of _NETWORKS."""
    network, patient, residual, difference = (column[:, None] for column in parts.T)
    found = chance_to_decide(
        network,
        patient,
        residual,
        difference,
        margin,
        _NETWORKS[None, :],
        components.patients,
        components.cells_per_network,
        each_level,
    )
    return np.asarray(found)


def _first(chances: np.ndarray, wanted: float) -> np.ndarray:
    """The first of _NETWORKS with this chance, in each row; ``inf`` where there is none."""
    enough = chances >= wanted
    return np.where(enough.any(1), _NETWORKS[enough.argmax(1)], inf)


def _t_limit(df: np.ndarray, each_level: float) -> np.ndarray:
    """Student's t limit, two-sided; for many numbers read from a table, to four digits."""
    if df.size < len(_INVERSE_DF):
        return np.asarray(special.stdtrit(df, 1 - each_level / 2))
    limits = special.stdtrit(1 / _INVERSE_DF, 1 - each_level / 2)
    return np.exp(np.interp(1 / df, _INVERSE_DF, np.log(limits)))


def _range(needed: np.ndarray) -> tuple[float, float]:
    ordered = np.sort(needed)
    low, high = (ordered[int(share * (len(ordered) - 1))] for share in _RANGE)
    return float(low), float(high)
