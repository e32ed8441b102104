"""Which values may be the best, and which are shown to be good enough: two sets, never mixed."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from myosweep.statistics.contrasts import against, estimate
from myosweep.statistics.intervals import LEVEL, half_widths, simultaneous_level
from myosweep.statistics.score_table import ScoreTable


@dataclass(frozen=True, eq=False)
class BestSets:
    """Hsu's multiple comparisons with the best (MCB), in the form of Edwards and Hsu (1983).

    Attributes:
        low, high: simultaneous bounds of each value's mean minus the best of the others'; ``low``
            is at most 0 and ``high`` at least 0. NaN where nothing can be said.
        highest: position of the value with the highest mean; None if there is none.
        may_be_best: positions of values that may be the best (their upper bound is not below 0);
            with more noise there are more of them.
        good_enough: positions of values shown to fall short of the best by less than the margin
            (``low`` above ``-margin``); with more noise there are fewer of them.
    """

    low: Float64[np.ndarray, " value"]
    high: Float64[np.ndarray, " value"]
    highest: int | None
    may_be_best: tuple[int, ...]
    good_enough: tuple[int, ...]


def best_sets(table: ScoreTable, margin: float, level: float = LEVEL) -> BestSets:
    """Both sets, each right with probability ``1 - level`` for all values at once."""
    count = len(table.values)
    if count < 2:
        return BestSets(np.zeros(count), np.zeros(count), 0 if count else None, (0,) * count, ())
    difference, reach = _one_sided(table, level)
    if not np.isfinite(reach[~np.eye(count, dtype=bool)]).all():
        unknown = np.full(count, np.nan)
        return BestSets(unknown, unknown, _highest(difference), tuple(range(count)), ())
    others = ~np.eye(count, dtype=bool)
    above = np.where(others, difference + reach, np.inf).min(1)
    high = np.maximum(above, 0.0)
    may_be_best = above >= 0  # values that tie exactly may both be the best
    low = np.zeros(count)
    for v in range(count):
        rivals = np.flatnonzero(may_be_best & others[v])
        if len(rivals):
            # a rival's own limit decides how far it may lie above this value
            low[v] = min(0.0, (difference[v, rivals] - reach[rivals, v]).min())
    return BestSets(
        low,
        high,
        _highest(difference),
        tuple(np.flatnonzero(may_be_best).tolist()),
        tuple(np.flatnonzero(low > -margin).tolist()),
    )


def _one_sided(table: ScoreTable, level: float) -> tuple[np.ndarray, np.ndarray]:
    """``difference[v, w]``: mean of v minus w; ``reach[v, w]``: its limit when v is held fixed."""
    count = len(table.values)
    difference, reach = np.zeros((count, count)), np.zeros((count, count))
    for v in range(count):
        found = estimate(table, against(v, count))
        each = simultaneous_level(found.correlation, found.df, level, sides=1)
        others = [w for w in range(count) if w != v]
        difference[v, others] = -found.mean
        reach[v, others] = half_widths(found, each, sides=1)
    return difference, reach


def _highest(difference: np.ndarray) -> int | None:
    means = difference.mean(1)
    return int(means.argmax()) if np.isfinite(means).all() else None
