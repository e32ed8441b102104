"""One answer: what a table of scores shows about the values, with intervals and verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from myosweep.statistics.best import BestSets, best_sets
from myosweep.statistics.contrasts import (
    Estimates,
    differences,
    estimate,
    estimate_differences,
    pair_contrasts,
    pairs,
)
from myosweep.statistics.decide import Cost, cost_to_decide
from myosweep.statistics.intervals import (
    LEVEL,
    adjusted_p,
    bounds,
    mean_interval,
    nadeau_bengio,
    sign_flip_p,
    simultaneous_level,
    two_way_bootstrap,
)
from myosweep.statistics.score_table import Estimand, ScoreTable
from myosweep.statistics.verdicts import Comparison, Verdict, is_negligible_but_real, judge

Family = Literal["reference", "best", "pairs"]
FEWEST_FOR_BOOTSTRAP = 7


@dataclass(frozen=True)
class ValueMean:
    """A value's mean score, its plain 95 % interval, and the mean of each of its networks."""

    value: str
    mean: float
    low: float
    high: float
    networks: tuple[float, ...]


@dataclass(frozen=True)
class SecondLook:
    """What other methods say of a compared pair, beside the interval that the verdict rests on.

    Attributes:
        sign_flip_p, smallest_p: exact test over networks, for these patients only, and the
            smallest p that so many networks can give; None with one network.
        cautious: with folds, the Nadeau-Bengio interval; else None.
        bootstrap: two-way bootstrap interval, from 7 networks on; else None.
    """

    value: str
    other: str
    sign_flip_p: float | None
    smallest_p: float | None
    cautious: tuple[float, float] | None
    bootstrap: tuple[float, float] | None


@dataclass(frozen=True)
class Answer:
    """What a table shows.

    Attributes:
        values: every value with its mean, in order.
        family: which differences are judged together, and ``reference`` the value that the others
            are compared with, if one is.
        comparisons: the judged differences.
        second_looks: the same pairs by other methods (not for the family ``best``).
        costs: of those that are not decided, where the table can tell.
        margin: the smallest difference that matters.
        level: share of errors that the family is allowed; ``each_level`` that of each interval.
        estimand, networks, patients: what the intervals cover, and from how many.
        may_be_best, good_enough: the two sets, by value.
        shortfalls: how far each value, in order, may lie below the best of the others at most
            (one-sided, for all values at once); NaN where that is not known.
        highest: the value with the highest mean.
        identical: pairs whose scores are equal in every cell.
    """

    values: tuple[ValueMean, ...]
    family: Family
    reference: str | None
    comparisons: tuple[Comparison, ...]
    second_looks: tuple[SecondLook, ...]
    costs: tuple[Cost, ...]
    margin: float
    level: float
    each_level: float
    estimand: Estimand
    networks: int
    patients: int
    may_be_best: tuple[str, ...]
    good_enough: tuple[str, ...]
    shortfalls: tuple[float, ...]
    highest: str | None
    identical: tuple[tuple[str, str], ...]

    def mean(self, value: str) -> ValueMean:
        """The mean of one value."""
        return next(one for one in self.values if one.value == value)

    def comparison(self, value: str, other: str) -> Comparison | None:
        """The judged difference of two values, in this order, if it was asked for."""
        found = (one for one in self.comparisons if (one.value, one.other) == (value, other))
        return next(found, None)


def answer(
    table: ScoreTable,
    margin: float,
    *,
    family: Family = "pairs",
    reference: str | None = None,
    level: float = LEVEL,
    thorough: bool = True,
) -> Answer:
    """Judge the values of a table.

    Args:
        margin: the smallest difference that matters, above 0.
        family: ``reference`` compares every value with ``reference``; ``best`` every value with
            the best of the others; ``pairs`` all with each other.
        level: share of families that may hold an error.
        thorough: also compute second looks and costs.
    """
    means = _means(table)
    sets = best_sets(table, margin, level)
    chosen = _chosen_pairs(table, family, reference)
    contrasts = pair_contrasts(chosen, len(table.values))
    d = differences(table, contrasts)
    found = estimate_differences(d) if len(chosen) else estimate(table, contrasts)
    each = simultaneous_level(found.correlation, found.df, level) if len(chosen) else level
    names = [(table.values[one], table.values[other]) for one, other in chosen]
    if family == "best":
        comparisons = _against_best(sets, means, margin)
    else:
        comparisons = judged(names, found, each, margin)
    extra = thorough and family != "best"
    return Answer(
        means,
        family,
        reference if family == "reference" else None,
        comparisons,
        _second_looks(names, d, table) if extra else (),
        _costs(names, comparisons, found, margin) if extra else (),
        margin,
        level,
        each,
        found.estimand if len(chosen) else table.estimand,
        found.networks if len(chosen) else table.network_count,
        found.patients if len(chosen) else table.patient_count,
        _named(table, sets.may_be_best),
        _named(table, sets.good_enough),
        tuple((-sets.low).tolist()),
        None if sets.highest is None else table.values[sets.highest],
        tuple(name for name, one in zip(names, d, strict=True) if _is_zero(one)),
    )


def _is_zero(d: np.ndarray) -> bool:
    there = d[np.isfinite(d)]
    return bool(len(there)) and not there.any()


def _named(table: ScoreTable, positions: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(table.values[position] for position in positions)


def _chosen_pairs(
    table: ScoreTable, family: Family, reference: str | None
) -> tuple[tuple[int, int], ...]:
    """The pairs to compare, as positions (value, other)."""
    count = len(table.values)
    if family == "reference" and reference is not None:
        base = table.values.index(reference)
        return tuple((v, base) for v in range(count) if v != base)
    return pairs(count)


def _means(table: ScoreTable) -> tuple[ValueMean, ...]:
    by_network = table.network_means()
    there = table.scores[table.cells]
    shares = bool(len(there)) and there.min() >= 0 and there.max() <= 1
    made = []
    for position, value in enumerate(table.values):
        cells = table.scores[position : position + 1]
        networks = tuple(map(float, by_network[position]))
        if not np.isfinite(cells).any():
            made.append(ValueMean(value, np.nan, np.nan, np.nan, networks))
            continue
        found = estimate_differences(cells)
        low, high = mean_interval(found)
        if shares:  # no mean of shares lies outside 0 to 1
            low, high = max(low, 0.0), min(high, 1.0)
        made.append(ValueMean(value, float(found.mean[0]), low, high, networks))
    return tuple(made)


def judged(
    names: Sequence[tuple[str, str]], found: Estimates, each: float, margin: float
) -> tuple[Comparison, ...]:
    """Estimated contrasts with their intervals, p values and verdicts, under their names."""
    if not names:
        return ()
    rows = (found.mean, *bounds(found, each), adjusted_p(found))
    made = []
    for (value, other), *numbers in zip(names, *rows, strict=True):
        difference, low, high, p = map(float, numbers)
        made.append(
            Comparison(
                value,
                other,
                difference,
                low,
                high,
                p,
                judge(low, high, margin),
                is_negligible_but_real(low, high, margin),
            )
        )
    return tuple(made)


def _against_best(
    sets: BestSets, means: tuple[ValueMean, ...], margin: float
) -> tuple[Comparison, ...]:
    """Each value against the best of the others; MCB has no p values."""
    made = []
    for v, one in enumerate(means):
        others = [other for w, other in enumerate(means) if w != v]
        best = max(others, key=lambda other: other.mean, default=None)
        if best is None:
            continue
        low, high = float(sets.low[v]), float(sets.high[v])
        made.append(
            Comparison(
                one.value,
                "the best of the others",
                one.mean - best.mean,
                low,
                high,
                np.nan,
                _verdict_on_best(low, high, margin),
            )
        )
    return tuple(made)


def _verdict_on_best(low: float, high: float, margin: float) -> Verdict:
    """MCB bounds reach to 0 at most: a bound of 0 says which side the difference is on."""
    if high == 0 < -low:
        return "worse, size uncertain"
    if low == 0 < high:
        return "better, size uncertain"
    return judge(low, high, margin)


def _second_looks(
    names: list[tuple[str, str]], d: np.ndarray, table: ScoreTable
) -> tuple[SecondLook, ...]:
    made = []
    for (value, other), one in zip(names, d, strict=True):
        cells = np.isfinite(one)
        one = one[cells.any(1)][:, cells.any(0)]
        cells = np.isfinite(one)
        count, patients = one.shape
        several = count > 1
        by_network = np.where(cells, one, 0.0).sum(1) / np.maximum(cells.sum(1), 1)
        cautious = several and table.design == "folds" and table.test_to_training
        bootstrap = count >= FEWEST_FOR_BOOTSTRAP and patients > 1
        made.append(
            SecondLook(
                value,
                other,
                sign_flip_p(by_network) if several else None,
                2 / 2**count if several else None,
                nadeau_bengio(by_network, cautious) if cautious else None,
                two_way_bootstrap(one) if bootstrap else None,
            )
        )
    return tuple(made)


def _costs(
    names: list[tuple[str, str]],
    comparisons: tuple[Comparison, ...],
    found: Estimates,
    margin: float,
) -> tuple[Cost, ...]:
    if found.estimand != "networks and patients":
        return ()
    # what is still to come may spend all errors that are left, so costs are those of a last look
    each = simultaneous_level(found.correlation, found.df, LEVEL)
    return tuple(
        cost_to_decide(
            value, other, one.difference, float(found.se[k]), found.components[k], margin, each
        )
        for k, ((value, other), one) in enumerate(zip(names, comparisons, strict=True))
        if not one.decided and one.verdict != "not known"
    )
