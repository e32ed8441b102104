"""Does the best value of a hyperparameter move with the number of patients, or with errors in
labels and images? And how much of what such errors cost does the hyperparameter mend?
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from myosweep.analysis.axes import Axis
from myosweep.analysis.points import Point
from myosweep.statistics.answer import Answer, answer, judged
from myosweep.statistics.contrasts import estimate
from myosweep.statistics.intervals import LEVEL, bounds, simultaneous_level
from myosweep.statistics.score_table import ScoreTable
from myosweep.statistics.verdicts import Comparison

_L2 = ("l2.strength",)


@dataclass(frozen=True)
class AtLevel:
    """The hyperparameter's values at one level of the circumstance.

    Attributes:
        level: in words. ``is_base``: whether the other levels are compared with it.
        shown: means, both sets and comparisons at this level. The sets of all levels hold together
            with 95 %.
        moved: whether no value may be the best both here and at the base level.
    """

    level: str
    is_base: bool
    shown: Answer
    moved: bool


@dataclass(frozen=True)
class Loss:
    """How much lower a value's mean is at a level than at the base; all intervals hold together."""

    value: str
    level: str
    loss: float
    low: float
    high: float


@dataclass(frozen=True)
class MovingBest:
    """What a grid of a hyperparameter and a circumstance shows.

    Attributes:
        field, circumstance: in words.
        values: of the hyperparameter, in words.
        base, base_is_clean: the level that others are compared with, and whether it has all
            patients and no errors.
        levels: those at which every value has networks; ``left_out`` are the others.
        losses: against the base level.
        base_value: the value against which others mend: no L2 if that was tested, else the
            reference value, else the first.
        mends: loss of ``base_value`` minus loss of each other value, level by level; above 0, the
            value loses less. All intervals hold together.
        everywhere: values shown good enough at every level.
    """

    field: str
    circumstance: str
    values: tuple[str, ...]
    base: str
    base_is_clean: bool
    levels: tuple[AtLevel, ...]
    left_out: tuple[str, ...]
    losses: tuple[Loss, ...]
    base_value: str
    mends: tuple[Comparison, ...]
    everywhere: tuple[str, ...]

    @property
    def at_base(self) -> AtLevel:
        return next(one for one in self.levels if one.is_base)

    @property
    def moves(self) -> tuple[AtLevel, ...]:
        """The levels at which the best value is shown to be another than at the base."""
        return tuple(one for one in self.levels if one.moved)

    @property
    def stays(self) -> str | None:
        """The value that is shown to be the only best one at every level; None if none is."""
        best = {one.shown.may_be_best for one in self.levels}
        only = next(iter(best))
        return only[0] if len(best) == 1 and len(only) == 1 else None


def hyperparameter_and_circumstance(swept: Sequence[Axis]) -> tuple[Axis, Axis] | None:
    """The two axes of such a grid; None unless there is one of each."""
    chosen = [axis for axis in swept if not axis.is_circumstance]
    given = [axis for axis in swept if axis.is_circumstance]
    return (chosen[0], given[0]) if len(chosen) == len(given) == 1 else None


def moving_best(
    table: ScoreTable,
    found: Sequence[Point],
    swept: Sequence[Axis],
    reference: str | None,
    margin: float,
) -> MovingBest | None:
    """Judge each level of the circumstance on its own, then the levels against each other.

    The best value moves between the base level and another if the values that may be the best
    there have none in common. Each level's set misses the best value with a probability of at most
    5 % / number of levels, so that a move is claimed in at most 5 % of studies without one.

    Args:
        found: the points, whose labels are the table's values.
        reference: label of the reference point; its hyperparameter value is the reference at every
            level.

    Returns:
        None unless one hyperparameter and one circumstance were swept, and two levels have
        networks of the same two values or more.
    """
    pair = hyperparameter_and_circumstance(swept)
    if pair is None:
        return None
    grid = _Grid(table, found, *pair)
    if len(grid.levels) < 2 or len(grid.chosen.levels) < 2:
        return None
    own = grid.value_of(reference)
    base_value = grid.value_without_l2() or own or grid.chosen.labels[0]
    answers = [grid.answer_at(level, own, margin) for level in grid.levels]
    at_base = answers[grid.base]
    levels = tuple(
        AtLevel(
            grid.given.labels[level],
            number == grid.base,
            shown,
            number != grid.base and not set(shown.may_be_best) & set(at_base.may_be_best),
        )
        for number, (level, shown) in enumerate(zip(grid.levels, answers, strict=True))
    )
    good = (set(one.good_enough) for one in answers)
    everywhere = set.intersection(*good)
    return MovingBest(
        grid.chosen.words,
        grid.given.words,
        grid.chosen.labels,
        levels[grid.base].level,
        grid.levels[grid.base] == grid.given.clean,
        levels,
        tuple(grid.given.labels[level] for level in grid.incomplete),
        grid.losses(),
        base_value,
        grid.mends(base_value, margin),
        tuple(value for value in grid.chosen.labels if value in everywhere),
    )


class _Grid:
    """The points of both axes, and contrasts between them; incomplete levels are left out."""

    def __init__(
        self, table: ScoreTable, found: Sequence[Point], chosen: Axis, given: Axis
    ) -> None:
        self.table, self.chosen, self.given = table, chosen, given
        self._found = found
        place = {(given.level_of(one), chosen.level_of(one)): one.label for one in found}
        rows = [[place.get((level, value)) for value in chosen.levels] for level in given.levels]
        whole = [None not in row for row in rows]
        self.levels = [number for number, complete in enumerate(whole) if complete]
        self.incomplete = [number for number, complete in enumerate(whole) if not complete]
        self._rows = [
            [table.values.index(label) for label in rows[number] if label is not None]
            for number in self.levels
        ]
        self.base = self.levels.index(given.clean) if given.clean in self.levels else 0

    def value_of(self, label: str | None) -> str | None:
        """The hyperparameter's value at a point, in words."""
        for point in self._found:
            if label is not None and point.label == label:
                return self.chosen.labels[self.chosen.levels.index(self.chosen.level_of(point))]
        return None

    def value_without_l2(self) -> str | None:
        if self.chosen.paths != _L2 or (0.0,) not in self.chosen.levels:
            return None
        return self.chosen.labels[self.chosen.levels.index((0.0,))]

    def answer_at(self, level: int, reference: str | None, margin: float) -> Answer:
        rows = self._rows[self.levels.index(level)]
        here = replace(self.table, values=self.chosen.labels, scores=self.table.scores[rows])
        return answer(
            here,
            margin,
            family="pairs" if reference is None else "reference",
            reference=reference,
            level=LEVEL / len(self.levels),
            thorough=False,
        )

    def losses(self) -> tuple[Loss, ...]:
        names, contrasts = [], []
        for number, value in self._others():
            contrast = np.zeros(len(self.table.values))
            contrast[self._rows[self.base][value]] += 1
            contrast[self._rows[number][value]] -= 1
            names.append((self.chosen.labels[value], self._name(number)))
            contrasts.append(contrast)
        found = estimate(self.table, np.stack(contrasts))
        each = simultaneous_level(found.correlation, found.df, LEVEL)
        numbers = np.column_stack([found.mean, *bounds(found, each)]).tolist()
        return tuple(Loss(*name, *row) for name, row in zip(names, numbers, strict=True))

    def mends(self, base_value: str, margin: float) -> tuple[Comparison, ...]:
        base = self.chosen.labels.index(base_value)
        names, contrasts = [], []
        for number, value in self._others():
            if value == base:
                continue
            names.append((f"{self.chosen.labels[value]} at {self._name(number)}", base_value))
            contrasts.append(self._mended(number, value, base))
        found = estimate(self.table, np.stack(contrasts))
        each = simultaneous_level(found.correlation, found.df, LEVEL)
        return judged(names, found, each, margin)

    def _mended(self, number: int, value: int, base: int) -> Float64[np.ndarray, " point"]:
        """What the base value loses from the base level to this one, minus what the value loses."""
        contrast = np.zeros(len(self.table.values))
        here, there = self._rows[number], self._rows[self.base]
        for row, sign in ((here, 1.0), (there, -1.0)):
            contrast[row[value]] += sign
            contrast[row[base]] -= sign
        return contrast

    def _others(self) -> list[tuple[int, int]]:
        """Every level but the base, and every value, as positions."""
        values = range(len(self.chosen.levels))
        return [(n, v) for n in range(len(self.levels)) if n != self.base for v in values]

    def _name(self, number: int) -> str:
        return self.given.labels[self.levels[number]]
