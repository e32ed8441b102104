"""Figure A: mean score against value, region by region, with intervals, margin and both sets."""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from myosweep.analysis.conclude import Conclusion
from myosweep.analysis.points import Point, points, swept_in_words
from myosweep.analysis.scores import ALL, NO_IMAGE
from myosweep.report.figures.style import (
    FACE,
    GRID,
    INK,
    METRIC_WORDS,
    MOST_AS_VECTORS,
    MUTED,
    Drawing,
    finish,
    new_figure,
    styled,
    tell,
    value_colour,
    value_legend,
)
from myosweep.report.figures.value_axis import ValueAxis, draw_value_axis, value_axis
from myosweep.results.read import Results
from myosweep.statistics.answer import Answer, ValueMean

_PANEL_HEIGHT_IN, _LOW_PANEL_IN = 2.3, 1.75
_DASHES = (0, (3, 2))
_FAR = 0.6  # a no-image predictor farther below than this share of the range is named, not drawn


@dataclass(frozen=True)
class DosePoint:
    """One value in one panel: its place, its scores, and the sets that it belongs to."""

    point: Point
    x: float
    scores: ValueMean
    may_be_best: bool
    good_enough: bool


@dataclass(frozen=True)
class DosePanel:
    """One region, or all.

    Attributes:
        metric: which score.
        points: the values, in order of ``x``; those without any score are left out.
        band: where a score differs from the reference value's mean (without a reference, from the
            highest mean) by less than the margin; None if that is not known.
        no_image: mean score of the no-image predictor, patient by patient as all others here.
        y_range: what the axis shows; ``no_image`` may lie below it.
    """

    title: str
    metric: str
    points: tuple[DosePoint, ...]
    band: tuple[float, float] | None
    no_image: float | None
    y_range: tuple[float, float]


@dataclass(frozen=True)
class DoseFigure:
    """What Figure A shows.

    Attributes:
        field: what was swept, in words.
        axis: where the values lie.
        middle: what the band lies around, in words.
    """

    field: str
    points: tuple[Point, ...]
    axis: ValueAxis
    middle: str
    panels: tuple[DosePanel, ...]


def dose_figure(conclusion: Conclusion, results: Results) -> DoseFigure:
    """The question's metric in every region and over all, value by value.

    Over all regions it is the mean over regions; for accuracy, global accuracy.
    """
    found = points(results)
    axis = value_axis(found)
    titles = [(name, f"Region {k}: {name}") for k, name in enumerate(results.scheme.names, start=1)]
    panels = []
    for region, title in (*titles, (ALL, "All regions")):
        metric = metric_in(region, conclusion.asked.metric)
        shown = answer_of(conclusion, region, metric)
        if shown is None:
            continue
        floor = _baselines_of(conclusion, region, metric).get(NO_IMAGE)
        panels.append(_panel(title, metric, shown, found, axis.places, floor))
    reference = conclusion.shown.reference
    return DoseFigure(
        swept_in_words(results.study, results.fields),
        found,
        axis,
        f"the mean with {reference}" if reference is not None else "the highest mean",
        tuple(panels),
    )


def metric_in(region: str, metric: str) -> str:
    """The metric that asks in another region what ``metric`` asks in its own.

    >>> metric_in("all", "dice"), metric_in("blood pool", "mean_iou"), metric_in("all", "accuracy")
    ('mean_dice', 'iou', 'global_accuracy')
    """
    own = metric.removeprefix("mean_").removeprefix("global_")
    if region != ALL:
        return own
    return "global_accuracy" if own == "accuracy" else f"mean_{own}"


def answer_of(conclusion: Conclusion, region: str, metric: str) -> Answer | None:
    """The answer for a region and metric, primary or exploratory; None if there is none."""
    asked = conclusion.asked
    if (region, metric) == (asked.region, asked.metric):
        return conclusion.shown
    others = (
        one.shown for one in conclusion.others if (one.region, one.metric) == (region, metric)
    )
    return next(others, None)


def draw_dose(record: DoseFigure) -> Drawing:
    """Draw Figure A: panels in two columns, or below each other where labels need the width."""
    narrow = not record.axis.crowded
    columns = min(2 if narrow else 1, max(len(record.panels), 1))
    rows = -(-len(record.panels) // columns)
    with styled():
        each = _PANEL_HEIGHT_IN if narrow else _LOW_PANEL_IN
        figure = new_figure(0.75 + rows * each + record.axis.labels_in)
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat[len(record.panels) :]:
            axes.remove()
        for axes, panel in zip(grid.flat, record.panels, strict=False):
            draw_dose_panel(panel, record, axes)
        for axes in grid[-1]:
            axes.set_xlabel(record.axis.words(record.field))
        for axes in grid[:-1].flat if not narrow else ():
            axes.tick_params(labelbottom=False)
        _legend(record, figure)
        return finish(figure, "figure-a-dose-response", _alt(record))


def draw_dose_panel(panel: DosePanel, record: DoseFigure, axes: Axes) -> None:
    """Draw one panel; filled marks are shown good enough, ticks below may be the best."""
    axes.set_title(panel.title)
    axes.set_ylabel(METRIC_WORDS[panel.metric])
    low, high = panel.y_range
    axes.set_ylim(low, high)
    axes.set_xlim(record.axis.limits)
    if panel.band is not None:
        axes.axhspan(*panel.band, facecolor=GRID, edgecolor="none", alpha=0.65, zorder=0)
    _draw_no_image(panel, axes)
    left, right = record.axis.limits
    width = min(0.5 * record.axis.spacing, 0.06 * (right - left))
    _draw_course(panel, record, axes)
    for one in panel.points:
        _draw_point(one, panel, width, axes)
        if one.may_be_best:
            axes.plot(
                one.x, 0.025, "^", ms=5.5, color=INK, transform=axes.get_xaxis_transform(), zorder=4
            )
    draw_value_axis(record.axis, axes)


def _panel(
    title: str,
    metric: str,
    shown: Answer,
    found: Sequence[Point],
    x: Sequence[float],
    no_image: float | None,
) -> DosePanel:
    by_label = {one.value: one for one in shown.values}
    made = [
        DosePoint(
            point, place, scores, point.label in shown.may_be_best, point.label in shown.good_enough
        )
        for point, place in zip(found, x, strict=True)
        if (scores := by_label.get(point.label)) is not None and math.isfinite(scores.mean)
    ]
    made.sort(key=lambda one: one.x)
    band = _band(shown)
    return DosePanel(title, metric, tuple(made), band, no_image, _y_range(made, band, no_image))


def _band(shown: Answer) -> tuple[float, float] | None:
    middle = shown.reference or shown.highest
    if middle is None:
        return None
    mean = shown.mean(middle).mean
    if not (math.isfinite(mean) and math.isfinite(shown.margin)):
        return None
    return mean - shown.margin, mean + shown.margin


def _y_range(
    made: Sequence[DosePoint], band: tuple[float, float] | None, no_image: float | None
) -> tuple[float, float]:
    """All scores, intervals as far as scores can go, the band, and a predictor that is near."""
    seen = [score for one in made for score in (one.scores.mean, *one.scores.networks)]
    ends = [min(max(end, 0.0), 1.0) for one in made for end in (one.scores.low, one.scores.high)]
    shown = [value for value in (*seen, *ends, *(band or ())) if math.isfinite(value)]
    if not shown:
        return 0.0, 1.0
    low, high = min(shown), max(shown)
    if no_image is not None and low - no_image < _FAR * (high - low):
        low, high = min(low, no_image), max(high, no_image)
    room = max(high - low, 0.002)
    # below, ticks of the set need space
    return low - 0.14 * room, high + 0.06 * room


def _baselines_of(conclusion: Conclusion, region: str, metric: str) -> dict[str, float]:
    asked = conclusion.asked
    if (region, metric) == (asked.region, asked.metric):
        return dict(conclusion.baselines)
    here = (one for one in conclusion.others if (one.region, one.metric) == (region, metric))
    return dict(next((one.baselines for one in here), ()))


def _draw_point(one: DosePoint, panel: DosePanel, width: float, axes: Axes) -> None:
    scores, colour = one.scores, value_colour(one.point)
    networks = [score for score in scores.networks if math.isfinite(score)]
    if len(networks) > 1:
        offsets = np.linspace(-0.5, 0.5, len(networks)) * width
        marks = axes.scatter(
            one.x + offsets, networks, 6, color=MUTED, alpha=0.55, linewidths=0, zorder=2
        )
        marks.set_rasterized(len(networks) > MOST_AS_VECTORS)
    if math.isfinite(scores.low) and math.isfinite(scores.high):
        ends = max(scores.low, 0.0), min(scores.high, 1.0)
        axes.vlines(one.x, *ends, color=INK, linewidth=1.3, zorder=3)
    face = colour if one.good_enough else FACE
    (mean,) = axes.plot(one.x, scores.mean, "o", ms=5.8, mfc=face, mec=colour, mew=1.6, zorder=4)
    tell(mean, _tip(one, panel, networks))


def _tip(one: DosePoint, panel: DosePanel, networks: Sequence[float]) -> str:
    """A value's score in lines: mean and interval, networks, the sets that it belongs to."""
    count = f"{len(networks)} network{'s' if len(networks) != 1 else ''}"
    spread = f": {min(networks):.3f} to {max(networks):.3f}" if len(networks) > 1 else ""
    sets = ((one.good_enough, "shown good enough"), (one.may_be_best, "may be the best"))
    lines = [
        one.point.words,
        panel.title,
        f"mean {METRIC_WORDS[panel.metric]} {one.scores.mean:.3f}{_interval(one.scores)}",
        f"{count}{spread}",
        ", ".join(words for holds, words in sets if holds),
    ]
    return "\n".join(line for line in lines if line)


def _draw_course(panel: DosePanel, record: DoseFigure, axes: Axes) -> None:
    """Thin lines from value to value; none over the axis break, nor between categories."""
    if record.axis.scale == "categories":
        return
    for before, after in itertools.pairwise(panel.points):
        if record.axis.break_at is not None and before.x < record.axis.break_at < after.x:
            continue
        ends = [before.x, after.x], [before.scores.mean, after.scores.mean]
        axes.plot(*ends, color=MUTED, lw=0.8, zorder=1)


def _draw_no_image(panel: DosePanel, axes: Axes) -> None:
    if panel.no_image is None:
        return
    low, high = panel.y_range
    if low <= panel.no_image <= high:
        axes.axhline(panel.no_image, color=INK, linestyle=_DASHES, linewidth=1, zorder=1)
        return
    below = panel.no_image < low
    axes.annotate(
        f"{NO_IMAGE}: {panel.no_image:.3f} {'↓' if below else '↑'}",
        (0.985, 0.03 if below else 0.97),
        xycoords="axes fraction",
        ha="right",
        va="bottom" if below else "top",
        fontsize=6.5,
        color=MUTED,
    )


def _legend(record: DoseFigure, figure: Figure) -> None:
    handles: list[Artist] = [
        Line2D([], [], marker="o", ls="", mfc=INK, mec=INK, ms=6),
        Line2D([], [], marker="o", ls="", mfc=FACE, mec=INK, mew=1.5, ms=6),
        Line2D([], [], marker="^", ls="", color=INK, ms=5.5),
        Line2D([], [], marker="|", ls="", color=INK, ms=9, mew=1.3),
        Line2D([], [], marker="o", ls="", color=MUTED, ms=2.6, alpha=0.55),
        Patch(facecolor=GRID, alpha=0.65),
    ]
    labels = [
        "shown good enough",
        "not shown good enough",
        "may be the best",
        "95 % interval",
        "one network",
        "within the margin",
    ]
    if any(panel.no_image is not None for panel in record.panels):
        handles.append(Line2D([], [], color=INK, linestyle=_DASHES, linewidth=1))
        labels.append(NO_IMAGE)
    value_legend(figure, "", labels, handles)


def _alt(record: DoseFigure) -> str:
    sentences = [f"Mean scores by {record.field}, a panel per region."]
    for panel in record.panels:
        means = "; ".join(
            f"{one.point.label}: {one.scores.mean:.3f}{_interval(one.scores)}"
            for one in panel.points
        )
        sentences.append(f"{panel.title}, {METRIC_WORDS[panel.metric]}: {means or 'no scores'}.")
        sentences.append(
            f"Shown good enough: {_named(one for one in panel.points if one.good_enough)}. "
            f"May be the best: {_named(one for one in panel.points if one.may_be_best)}."
        )
    return " ".join(sentences)


def _interval(scores: ValueMean) -> str:
    if not (math.isfinite(scores.low) and math.isfinite(scores.high)):
        return ""
    return f" ({scores.low:.3f} to {scores.high:.3f})"


def _named(some: Iterable[DosePoint]) -> str:
    return ", ".join(one.point.label for one in some) or "none"
