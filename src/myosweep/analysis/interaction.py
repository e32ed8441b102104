"""Two swept axes: does the effect of one depend on the other?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from myosweep.analysis.axes import Axis, axes_of
from myosweep.analysis.points import Point
from myosweep.statistics.answer import judged
from myosweep.statistics.contrasts import estimate
from myosweep.statistics.intervals import LEVEL, simultaneous_level
from myosweep.statistics.score_table import ScoreTable
from myosweep.statistics.verdicts import Comparison


@dataclass(frozen=True)
class Interaction:
    """Effects of the first field at different values of the second.

    Attributes:
        fields: both, in words.
        rows, columns: values of the first and of the second field, in words.
        means: mean score at each point, row by row; NaN where it was not tested.
        good_enough, may_be_best: whether the point is in that set, row by row.
        base: the point from which effects are taken, (row, column).
        comparisons: differences of differences, each judged like any difference.
        sentence: what they show.
    """

    fields: tuple[str, str]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    means: tuple[tuple[float, ...], ...]
    good_enough: tuple[tuple[bool, ...], ...]
    may_be_best: tuple[tuple[bool, ...], ...]
    base: tuple[str, str]
    comparisons: tuple[Comparison, ...]
    sentence: str


def interaction(
    table: ScoreTable,
    found: tuple[Point, ...],
    reference: str | None,
    means: dict[str, float],
    sets: tuple[tuple[str, ...], tuple[str, ...]],
    margin: float,
    axes: Sequence[Axis] = (),
) -> Interaction | None:
    """Interaction contrasts of a grid of two axes; None unless exactly two were swept.

    The effect of the first axis is its step from the base row; each contrast asks how much that
    step changes from the base column to another. The base is the reference point, or the first.

    Args:
        sets: labels of the values that are good enough, and of those that may be best.
        axes: of rows and of columns; default: each swept field is one.
    """
    if not found:
        return None
    axes = axes or axes_of(found, [(path,) for path, _ in found[0].values], {})
    if len(axes) != 2:
        return None
    row_axis, column_axis = axes
    place = {(row_axis.level_of(one), column_axis.level_of(one)): one.label for one in found}
    grid = [[place.get((row, column)) for column in column_axis.levels] for row in row_axis.levels]
    base = _base(grid, reference)
    chosen = _contrasts(table.values, grid, base)
    names = row_axis.labels, column_axis.labels
    comparisons = _judged(table, chosen, names, base, margin)
    good, may = ([[label in group for label in row] for row in grid] for group in sets)
    words = row_axis.words, column_axis.words
    return Interaction(
        words,
        names[0],
        names[1],
        tuple(tuple(means.get(label or "", np.nan) for label in row) for row in grid),
        tuple(map(tuple, good)),
        tuple(map(tuple, may)),
        (names[0][base[0]], names[1][base[1]]),
        comparisons,
        _sentence(words, comparisons, margin),
    )


def _base(grid: list[list[str | None]], reference: str | None) -> tuple[int, int]:
    for i, row in enumerate(grid):
        for j, label in enumerate(row):
            if label is not None and label == reference:
                return i, j
    return 0, 0


def _contrasts(
    values: tuple[str, ...], grid: list[list[str | None]], base: tuple[int, int]
) -> list[tuple[int, int, np.ndarray]]:
    """Row, column and contrast of every difference of differences that was tested."""
    i0, j0 = base
    made = []
    for i, row in enumerate(grid):
        for j in range(len(row)):
            corners = (grid[i][j], grid[i0][j], grid[i][j0], grid[i0][j0])
            if i == i0 or j == j0 or None in corners:
                continue
            contrast = np.zeros(len(values))
            for label, sign in zip(corners, (1.0, -1.0, -1.0, 1.0), strict=True):
                contrast[values.index(str(label))] += sign
            made.append((i, j, contrast))
    return made


def _judged(
    table: ScoreTable,
    chosen: list[tuple[int, int, np.ndarray]],
    names: tuple[tuple[str, ...], tuple[str, ...]],
    base: tuple[int, int],
    margin: float,
) -> tuple[Comparison, ...]:
    if not chosen:
        return ()
    found = estimate(table, np.stack([contrast for _, _, contrast in chosen]))
    each = simultaneous_level(found.correlation, found.df, LEVEL)
    rows, columns = names
    titles = [
        (
            f"{rows[i]} against {rows[base[0]]}, at {columns[j]}",
            f"the same at {columns[base[1]]}",
        )
        for i, j, _ in chosen
    ]
    return judged(titles, found, each, margin)


def _sentence(fields: tuple[str, str], comparisons: tuple[Comparison, ...], margin: float) -> str:
    first, second = fields
    if not comparisons or all(one.verdict == "not known" for one in comparisons):
        return f"Whether the effect of {first} depends on {second} is not known."
    real = [one for one in comparisons if one.low > 0 or one.high < 0]
    if any(one.verdict in ("better", "worse") for one in real):
        return f"The effect of {first} depends on {second}: choose both together."
    if real:
        return (
            f"The effect of {first} depends on {second}, but it is not shown that this matters "
            f"(margin {margin:.3f})."
        )
    if all(one.verdict == "practically equivalent" for one in comparisons):
        return f"The effect of {first} is practically the same at every {second} tested."
    return (
        f"It is undecided whether the effect of {first} depends on {second}: the intervals of the "
        "differences of differences are too wide."
    )
