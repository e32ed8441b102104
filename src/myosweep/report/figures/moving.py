"""Does the best value move? Mean score against the value, a panel per level of the circumstance."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from myosweep.analysis.axes import Axis
from myosweep.analysis.points import Point
from myosweep.analysis.topics.moving_best import MovingBest
from myosweep.report.figures.style import (
    FACE,
    INK,
    METRIC_WORDS,
    MUTED,
    Drawing,
    finish,
    new_figure,
    styled,
    value_colour,
    value_legend,
)
from myosweep.report.figures.value_axis import ValueAxis, draw_value_axis, value_axis
from myosweep.statistics.answer import ValueMean

_PANEL_HEIGHT_IN = 2.1
_MOST_COLUMNS = 3
_DASHES = (0, (3, 2))


@dataclass(frozen=True)
class MovingPanel:
    """One level: its values' means in the axis's order, and the members of both sets."""

    title: str
    scores: tuple[ValueMean, ...]
    may_be_best: tuple[str, ...]
    good_enough: tuple[str, ...]


@dataclass(frozen=True)
class MovingFigure:
    """What the figure shows.

    Attributes:
        values: the hyperparameter's values as points of an axis of their own.
        base: the means at the base level, repeated in every panel.
    """

    score: str
    field: str
    axis: ValueAxis
    values: tuple[Point, ...]
    base: str
    base_means: tuple[float, ...]
    panels: tuple[MovingPanel, ...]
    y_range: tuple[float, float]


def moving_figure(found: MovingBest, chosen: Axis, metric: str) -> MovingFigure:
    """Panels with common axes, the base level first."""
    values = axis_points(chosen)
    ordered = sorted(found.levels, key=lambda one: not one.is_base)
    panels = tuple(
        MovingPanel(
            f"{found.circumstance[:1].upper()}{found.circumstance[1:]}: {one.level}",
            one.shown.values,
            one.shown.may_be_best,
            one.shown.good_enough,
        )
        for one in ordered
    )
    base_means = tuple(one.mean for one in found.at_base.shown.values)
    axis = value_axis(values)
    return MovingFigure(
        METRIC_WORDS[metric], found.field, axis, values, found.base, base_means, panels,
        _y_range(panels),
    )  # fmt: skip


def axis_points(axis: Axis) -> tuple[Point, ...]:
    """The levels of an axis as points, so that they get a place and a colour."""
    return tuple(
        Point(
            number,
            len(axis.levels),
            tuple(zip(axis.paths, level, strict=True)),
            label,
            (),
            (),
        )
        for number, (level, label) in enumerate(zip(axis.levels, axis.labels, strict=True))
    )


def draw_moving(record: MovingFigure) -> Drawing:
    """Draw the figure: panels side by side, with one legend."""
    count = len(record.panels)
    most = 2 if record.axis.crowded or count == 4 else _MOST_COLUMNS
    columns = min(count, most)
    rows = -(-count // columns)
    with styled():
        figure = new_figure(0.95 + rows * _PANEL_HEIGHT_IN)
        grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
        for axes in grid.flat[count:]:
            axes.remove()
        for axes, panel in zip(grid.flat, record.panels, strict=False):
            draw_moving_panel(panel, record, axes)
        for axes in grid[:, 0]:
            axes.set_ylabel(record.score)
        figure.supxlabel(record.axis.words(record.field), fontsize=8, color=MUTED)
        value_legend(figure, "", *_legend(record))
        return finish(figure, "figure-moving-best", _alt(record))


def draw_moving_panel(panel: MovingPanel, record: MovingFigure, axes: Axes) -> None:
    """Draw one level; filled marks are shown good enough, triangles below may be the best."""
    axes.set_title(panel.title.replace(": ", ":\n", 1))  # in one line neighbours would meet
    axes.set_xlim(record.axis.limits)
    axes.set_ylim(record.y_range)
    _draw_course(record, [one.mean for one in panel.scores], INK, "-", axes)
    if panel is not record.panels[0]:
        _draw_course(record, record.base_means, MUTED, _DASHES, axes)
        axes.plot(record.axis.places, record.base_means, "_", ms=9, color=MUTED, mew=1, zorder=1)
    for point, x, one in zip(record.values, record.axis.places, panel.scores, strict=True):
        if not math.isfinite(one.mean):
            continue
        if math.isfinite(one.low):
            axes.vlines(x, one.low, one.high, color=INK, lw=1.2, zorder=3)
        colour = value_colour(point)
        face = colour if one.value in panel.good_enough else FACE
        axes.plot(x, one.mean, "o", ms=5.6, mfc=face, mec=colour, mew=1.5, zorder=4)
        if one.value in panel.may_be_best:
            axes.plot(
                x, 0.035, "^", ms=5, color=INK, transform=axes.get_xaxis_transform(), zorder=4
            )
    draw_value_axis(record.axis, axes)


def _draw_course(
    record: MovingFigure,
    means: Sequence[float],
    colour: str,
    style: str | tuple[int, tuple[int, int]],
    axes: Axes,
) -> None:
    """Lines from value to value; none over the axis break, nor between categories."""
    if record.axis.scale == "categories":
        return
    ordered = sorted(zip(record.axis.places, means, strict=True))
    for before, after in itertools.pairwise(ordered):
        break_at = record.axis.break_at
        if break_at is not None and before[0] < break_at < after[0]:
            continue
        ends = [before[0], after[0]], [before[1], after[1]]
        axes.plot(*ends, color=colour, lw=0.9, linestyle=style, zorder=1)


def _y_range(panels: Sequence[MovingPanel]) -> tuple[float, float]:
    ends = [
        min(max(end, 0.0), 1.0)
        for panel in panels
        for one in panel.scores
        for end in (one.mean, one.low, one.high)
        if math.isfinite(end)
    ]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    room = max(high - low, 0.01)
    return low - 0.16 * room, high + 0.06 * room  # triangles need space below


def _legend(record: MovingFigure) -> tuple[list[str], list[Artist]]:
    handles: list[Artist] = [
        Line2D([], [], marker="o", ls="", mfc=INK, mec=INK, ms=6),
        Line2D([], [], marker="o", ls="", mfc=FACE, mec=INK, mew=1.5, ms=6),
        Line2D([], [], marker="^", ls="", color=INK, ms=5.5),
        Line2D([], [], marker="|", ls="", color=INK, ms=9, mew=1.3),
        Line2D([], [], marker="_", ms=9, color=MUTED, lw=0.9, linestyle=_DASHES),
    ]
    labels = [
        "shown good enough",
        "not shown good enough",
        "may be the best",
        "95 % interval",
        f"as at {record.base}",
    ]
    return labels, handles


def _alt(record: MovingFigure) -> str:
    sentences = [f"Mean {record.score} by {record.field}, a panel per level."]
    for panel in record.panels:
        means = "; ".join(f"{one.value} {one.mean:.3f}" for one in panel.scores)
        sentences.append(
            f"{panel.title}: {means}. May be the best: {', '.join(panel.may_be_best)}. Shown good "
            f"enough: {', '.join(panel.good_enough) or 'none'}."
        )
    return " ".join(sentences)
