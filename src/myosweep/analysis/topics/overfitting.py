"""Over- or underfitting: what a value does to training and validation scores, and to the weights.

A value that helps may do so by less overfitting (training and validation scores come closer, and
validation rises) or by better learning; one that hurts, by underfitting (both fall) or by more
overfitting. All intervals here are over networks: for these very patients.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from myosweep.analysis.axes import Axis, axes
from myosweep.analysis.compare import PartScores, training_gap
from myosweep.analysis.points import Point
from myosweep.config import LEARNED
from myosweep.results.read import Results, read_history
from myosweep.statistics.contrasts import estimate_differences
from myosweep.statistics.intervals import LEVEL, bounds, mean_interval, simultaneous_level

Reading = Literal[
    "helps by less overfitting",
    "helps by better learning",
    "helps",
    "hurts by underfitting",
    "hurts by more overfitting",
    "hurts",
    "less overfitting, no better",
    "more overfitting, no worse",
    "not known",
]


_MOST_JOINT = 100
"""A larger family gets Bonferroni's level, which then loses little."""


@dataclass(frozen=True)
class OverNetworks:
    """A mean over networks with its 95 % interval; NaN where there is none.

    ``known`` is how many networks have the number, of ``networks``.
    """

    mean: float
    low: float
    high: float
    known: int
    networks: int


@dataclass(frozen=True)
class Fitting:
    """One point's scores and weights.

    Attributes:
        point: its label. ``group`` and ``value``: its levels on the other axis (empty without one)
            and on the axis in question.
        gap: training minus validation score, network by network.
        weight_norm: root of the sum of all squared weights (biases apart), mean over the steps of
            the last epoch.
        share: norm of the L2 gradient, divided by this and the norm of the data gradient; mean over
            all epochs. Not known with decoupled decay, which is no gradient.
    """

    point: str
    group: str
    value: str
    training: OverNetworks
    validation: OverNetworks
    gap: OverNetworks
    weight_norm: OverNetworks
    share: OverNetworks


@dataclass(frozen=True)
class Change:
    """What a value does to three scores, compared with the base value by networks' seeds.

    All intervals of a study's changes hold together, for new networks and these patients.
    """

    group: str
    value: str
    training: tuple[float, float, float]
    validation: tuple[float, float, float]
    gap: tuple[float, float, float]

    @property
    def reading(self) -> Reading:
        """What the intervals say together."""
        training, validation, gap = map(_side, (self.training, self.validation, self.gap))
        if validation > 0:
            if gap < 0:
                return "helps by less overfitting"
            return "helps by better learning" if training > 0 else "helps"
        if validation < 0:
            if gap > 0:
                return "hurts by more overfitting"
            return "hurts by underfitting" if training < 0 else "hurts"
        if gap < 0:
            return "less overfitting, no better"
        return "more overfitting, no worse" if gap > 0 else "not known"


@dataclass(frozen=True)
class Overfitting:
    """Over- and underfitting of a study's points.

    Attributes:
        field, other: the axis in question and the other one in words; ``other`` may be empty.
        base: the value that others are compared with: no L2 if tested, else the reference, else
            the first.
        rows: every point with training scores.
        changes: every other value against ``base``, within each level of the other axis.
        without_norm: networks whose weight norm is not known.
    """

    field: str
    other: str
    base: str
    rows: tuple[Fitting, ...]
    changes: tuple[Change, ...]
    without_norm: int


def overfitting(results: Results, reference: str | None) -> Overfitting | None:
    """How each value's networks fit; None without training scores, or unless one or two axes vary.

    Args:
        reference: label of the study's reference point.
    """
    swept = axes(results)
    scores = [one for one in training_gap(results) if math.isfinite(one.training.mean)]
    if results.study.source != "training" or not 1 <= len(swept) <= 2 or len(scores) < 2:
        return None
    chosen = axis_in_question(swept)
    other = next((axis for axis in swept if axis is not chosen), None)
    base = _base(chosen, [one.point for one in scores], reference)
    groups = _groups(scores, chosen, other)
    histories = _Histories(results)
    rows = [
        _fitting(one, group, value, histories)
        for group, members in groups.items()
        for value, one in members.items()
    ]
    missing = sum(row.weight_norm.networks - row.weight_norm.known for row in rows)
    return Overfitting(
        chosen.words,
        "" if other is None else other.words,
        base,
        tuple(rows),
        changes_against(groups, base),
        missing,
    )


def axis_in_question(swept: Sequence[Axis]) -> Axis:
    """L2 where it is swept, else a hyperparameter, else what there is."""

    def rank(axis: Axis) -> tuple[bool, bool]:
        return not any(path.startswith("l2.") for path in axis.paths), axis.is_circumstance

    return min(swept, key=rank)


def _base(chosen: Axis, found: Sequence[Point], reference: str | None) -> str:
    tested = {chosen.level_of(point) for point in found}
    if chosen.paths == ("l2.strength",) and (0.0,) in tested:
        return chosen.labels[chosen.levels.index((0.0,))]
    own = [chosen.level_of(point) for point in found if point.label == reference]
    level = own[0] if own else next(level for level in chosen.levels if level in tested)
    return chosen.labels[chosen.levels.index(level)]


def _groups(
    scores: Sequence[PartScores], chosen: Axis, other: Axis | None
) -> dict[str, dict[str, PartScores]]:
    """The points by level of the other axis and by value, in the order of both."""
    found: dict[str, dict[str, PartScores]] = {
        name: {} for name in (("",) if other is None else other.labels)
    }
    name_of = dict(zip(chosen.levels, chosen.labels, strict=True))
    group_of = {} if other is None else dict(zip(other.levels, other.labels, strict=True))
    ordered = sorted(scores, key=lambda one: chosen.levels.index(chosen.level_of(one.point)))
    for one in ordered:
        group = "" if other is None else group_of[other.level_of(one.point)]
        found[group][name_of[chosen.level_of(one.point)]] = one
    return {group: members for group, members in found.items() if members}


def _fitting(one: PartScores, group: str, value: str, histories: "_Histories") -> Fitting:
    return Fitting(
        one.point.label,
        group,
        value,
        over_networks(one.training.scores),
        over_networks(one.validation.scores),
        over_networks(one.gap.scores),
        over_networks([histories.weight_norm(run) for run in one.point.runs]),
        over_networks([histories.l2_share(run) for run in one.point.runs]),
    )


def over_networks(numbers: Iterable[float]) -> OverNetworks:
    """Mean and Student's interval over the networks that have the number.

    >>> over_networks([1.0, 3.0]).mean, over_networks([float("nan")]).known
    (2.0, 0)
    """
    every = np.array(list(numbers), float)
    known = every[np.isfinite(every)]
    if not len(known):
        return OverNetworks(math.nan, math.nan, math.nan, 0, len(every))
    found = estimate_differences(known[None, :, None])
    low, high = mean_interval(found)
    return OverNetworks(float(found.mean[0]), low, high, len(known), len(every))


def changes_against(groups: dict[str, dict[str, PartScores]], base: str) -> tuple[Change, ...]:
    """Every value against the base value of its group, one family of three contrasts each."""
    pairs = [
        (group, value, one, members[base])
        for group, members in groups.items()
        if base in members
        for value, one in members.items()
        if value != base
    ]
    seeds = sorted({seed for _, _, one, _ in pairs for seed in one.point.seeds})
    kinds: tuple[Callable[[PartScores], tuple[float, ...]], ...] = (
        lambda one: one.training.scores,
        lambda one: one.validation.scores,
        lambda one: one.gap.scores,
    )
    d = np.full((3 * len(pairs), len(seeds)), np.nan)
    for k, (_, _, one, against) in enumerate(pairs):
        for kind, scores in enumerate(kinds):
            before = dict(zip(against.point.seeds, scores(against), strict=True))
            for seed, score in zip(one.point.seeds, scores(one), strict=True):
                d[3 * k + kind, seeds.index(seed)] = score - before.get(seed, math.nan)
    if not np.isfinite(d).any():
        return ()
    found = estimate_differences(d[:, :, None])
    joint = len(d) <= _MOST_JOINT
    each = simultaneous_level(found.correlation, found.df, LEVEL) if joint else LEVEL / len(d)
    numbers = np.column_stack([found.mean, *bounds(found, each)]).tolist()
    triples = [tuple(row) for row in numbers]
    return tuple(
        Change(group, value, *triples[3 * k : 3 * k + 3])
        for k, (group, value, _, _) in enumerate(pairs)
    )


def _side(bounds_: tuple[float, float, float]) -> int:
    """1 or -1 where the whole interval lies above or below 0, else 0."""
    _, low, high = bounds_
    return 1 if low > 0 else -1 if high < 0 else 0


class _Histories:
    """Weight norms and gradients of trained networks, from their histories."""

    def __init__(self, results: Results) -> None:
        self._results = results
        columns = ["l2.kind", "l2.strength", "l2.learned.per"]
        known = results.networks.set_index("run").reindex(columns=columns)
        self._settings = {str(run): row for run, row in known.iterrows()}
        self._read: dict[str, pd.DataFrame] = {}

    def weight_norm(self, run: str) -> float:
        """As recorded; for older runs from the L2 term, where there is one.

        With strength s, the term s/2 |w|^2 over the gradient norm s |w| gives |w| / 2. NaN where
        that cannot be told: no L2, L1, or a strength per layer.
        """
        last = self._last(run)
        if last is None:
            return math.nan
        recorded = float(last.get("weight_norm", math.nan))
        if math.isfinite(recorded):
            return recorded
        term, pull = float(last.get("l2_term", math.nan)), float(last.get("l2_gradient_norm", 0.0))
        settings = self._settings[run]
        per_layer = settings["l2.strength"] == LEARNED and settings["l2.learned.per"] == "layer"
        if settings["l2.kind"] not in ("penalty", "decoupled") or per_layer or not pull > 0:
            return math.nan
        return 2 * term / pull

    def l2_share(self, run: str) -> float:
        """Norm of the L2 gradient over both norms together, mean over epochs.

        NaN if unknown, and with decoupled decay: Adam scales a gradient, and decay passes it by, so
        their norms cannot be compared.
        """
        if self._settings[run]["l2.kind"] == "decoupled":
            return math.nan
        history = self._history(run)
        if not {"l2_gradient_norm", "data_gradient_norm"} <= set(history.columns):
            return math.nan
        pull = history["l2_gradient_norm"].to_numpy(float)
        both = pull + history["data_gradient_norm"].to_numpy(float)
        shares = np.divide(pull, both, out=np.full_like(both, np.nan), where=both > 0)
        there = shares[np.isfinite(shares)]
        return float(there.mean()) if len(there) else math.nan

    def _history(self, run: str) -> pd.DataFrame:
        if run not in self._read:
            self._read[run] = read_history(self._results.folder.run(run))
        return self._read[run]

    def _last(self, run: str) -> pd.Series | None:
        history = self._history(run)
        return None if history.empty else history.iloc[-1]
