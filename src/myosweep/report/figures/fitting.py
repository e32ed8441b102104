"""Over- or underfitting: training and validation scores, weights and L2's share, by value."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from myosweep.analysis.axes import Axis
from myosweep.analysis.topics.overfitting import Fitting, Overfitting, OverNetworks
from myosweep.report.figures.moving import axis_points
from myosweep.report.figures.style import (
    FACE,
    INK,
    METRIC_WORDS,
    MUTED,
    Drawing,
    colour_at,
    finish,
    new_figure,
    styled,
    value_legend,
)
from myosweep.report.figures.value_axis import ValueAxis, draw_value_axis, value_axis

_HEIGHT_IN = 2.7
_PARTS_APART = 0.035
_APART = 0.16  # of the distance between values, from group to group
_LOGARITHMIC_FROM = 20.0


@dataclass(frozen=True)
class FittingMark:
    """One mean with its interval: its place, and whether it is of the training part."""

    x: float
    group: str
    numbers: OverNetworks
    training: bool = False


@dataclass(frozen=True)
class FittingPanel:
    """One quantity by value and group; it lies between 0 and ``most``."""

    title: str
    marks: tuple[FittingMark, ...]
    logarithmic: bool = False
    most: float = math.inf


@dataclass(frozen=True)
class FittingFigure:
    """What the figure shows; ``groups`` are the other axis's levels, one empty name without it."""

    field: str
    other: str
    axis: ValueAxis
    groups: tuple[str, ...]
    panels: tuple[FittingPanel, ...]


def fitting_figure(found: Overfitting, chosen: Axis, metric: str) -> FittingFigure:
    """Scores of both parts, and what is known of the weights."""
    axis = value_axis(axis_points(chosen))
    groups = tuple(dict.fromkeys(row.group for row in found.rows))
    x_of = dict(zip(axis.labels, axis.places, strict=True))

    def marks(
        of: Callable[[Fitting], OverNetworks], training: bool = False, paired: bool = False
    ) -> tuple[FittingMark, ...]:
        shift = _APART * axis.spacing
        middle = (len(groups) - 1) / 2
        aside = (-1 if training else 1) * _PARTS_APART * axis.spacing if paired else 0.0
        return tuple(
            FittingMark(
                x_of[row.value] + shift * (groups.index(row.group) - middle) + aside,
                row.group,
                of(row),
                training,
            )
            for row in found.rows
            if math.isfinite(of(row).mean)
        )

    both = (
        *marks(lambda row: row.training, True, True),
        *marks(lambda row: row.validation, False, True),
    )
    share = marks(lambda row: row.share)
    panels = (
        FittingPanel(METRIC_WORDS[metric], both, most=1.0),
        FittingPanel("Weight norm, last epoch", marks(lambda row: row.weight_norm)),
        FittingPanel("L2’s share of both gradients", share, _spans_much(share)),
    )
    kept = tuple(panel for panel in panels if panel.marks)
    return FittingFigure(found.field, found.other, axis, groups, kept)


def draw_fitting(record: FittingFigure) -> Drawing:
    """Draw the figure: panels side by side; below each other where labels need the width."""
    count = len(record.panels)
    columns = 1 if record.axis.crowded else count
    rows = count // columns
    with styled():
        figure = new_figure(0.75 + rows * (_HEIGHT_IN - 0.75) + record.axis.labels_in)
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes, panel in zip(grid.flat, record.panels, strict=True):
            draw_fitting_panel(panel, record, axes)
        for axes in grid[:-1].flat:  # below each other all have the same axis
            axes.tick_params(labelbottom=False)
        figure.supxlabel(record.axis.words(record.field), fontsize=8, color=MUTED)
        value_legend(figure, record.other, *_legend(record))
        return finish(figure, "figure-overfitting", _alt(record))


def draw_fitting_panel(panel: FittingPanel, record: FittingFigure, axes: Axes) -> None:
    """Draw one quantity; open marks and dashed lines are of the training part."""
    axes.set_title(panel.title)
    axes.set_xlim(record.axis.limits)
    if panel.logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator())
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_locator(NullLocator())
    for training, group in itertools.product((True, False), record.groups):
        here = [one for one in panel.marks if (one.training, one.group) == (training, group)]
        if panel.logarithmic:
            here = [one for one in here if one.numbers.mean > 0]
        _draw_marks(here, panel, _colour(group, record), record, axes)
    draw_value_axis(record.axis, axes)


def _draw_marks(
    marks: list[FittingMark],
    panel: FittingPanel,
    colour: str,
    record: FittingFigure,
    axes: Axes,
) -> None:
    marks = sorted(marks, key=lambda one: one.x)
    for before, after in itertools.pairwise(marks):
        gap = record.axis.break_at
        if record.axis.scale == "categories" or (gap is not None and before.x < gap < after.x):
            continue
        ends = [before.x, after.x], [before.numbers.mean, after.numbers.mean]
        style = (0, (3, 2)) if before.training else "-"
        axes.plot(*ends, color=colour, lw=1, linestyle=style, zorder=2)
    for one in marks:
        low, high = one.numbers.low, one.numbers.high
        if math.isfinite(low):
            within = max(low, 0.0), min(high, panel.most)
            if not panel.logarithmic or low > 0:
                axes.vlines(one.x, *within, color=colour, lw=1.1, zorder=2)
        face = FACE if one.training else colour
        axes.plot(one.x, one.numbers.mean, "o", ms=5, mfc=face, mec=colour, mew=1.3, zorder=3)


def _colour(group: str, record: FittingFigure) -> str:
    return INK if not group else colour_at(record.groups.index(group), len(record.groups))


def _spans_much(marks: tuple[FittingMark, ...]) -> bool:
    above = [one.numbers.mean for one in marks if one.numbers.mean > 0]
    return bool(above) and max(above) / min(above) >= _LOGARITHMIC_FROM


def _legend(record: FittingFigure) -> tuple[list[str], list[Artist]]:
    handles: list[Artist] = [
        Line2D([], [], marker="o", color=INK, mfc=FACE, ms=5, lw=1, linestyle=(0, (3, 2))),
        Line2D([], [], marker="o", color=INK, ms=5, lw=1),
        Line2D([], [], marker="|", ls="", color=INK, ms=9, mew=1.1),
    ]
    labels = ["training part", "validation part", "95 % interval"]
    for group in record.groups if record.other else ():
        handles.append(Line2D([], [], marker="o", ls="", color=_colour(group, record), ms=5))
        labels.append(group)
    return labels, handles


def _alt(record: FittingFigure) -> str:
    sentences = [f"Training and validation scores and weights by {record.field}."]
    for panel in record.panels:
        parts = [
            f"{record.axis.labels[_nearest(one.x, record)]}"
            f"{' at ' + one.group if one.group else ''}"
            f"{' (training)' if one.training else ''} {one.numbers.mean:.3g}"
            for one in panel.marks
        ]
        sentences.append(f"{panel.title}: {'; '.join(parts)}.")
    return " ".join(sentences)


def _nearest(x: float, record: FittingFigure) -> int:
    distances = [abs(x - place) for place in record.axis.places]
    return distances.index(min(distances))
