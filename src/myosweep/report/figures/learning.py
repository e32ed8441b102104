"""The learning curve: score against number of training patients, fitted, checked, extrapolated."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator

from myosweep.analysis.topics.learning_curve import (
    LearningCurve,
    LearningCurves,
    LinePoint,
    SizePoint,
)
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
    tell,
    value_legend,
)

_PANEL_HEIGHT_IN, _SINGLE_HEIGHT_IN = 2.2, 2.9
_MOST_COLUMNS = 3
_DASHES = (0, (3, 2))
_BESIDE = 1.06  # marks beside a mean stand at so many times its number of patients
_LEAST_STEP = 1.12  # neighbouring ticks closer than this would be written over each other


@dataclass(frozen=True)
class LearningFigure:
    """What the figure shows: a panel per curve, all on the same scales.

    Attributes:
        score: the metric in words.
        field: the other swept field; empty with one curve.
        y_range, ticks: of all panels.
    """

    score: str
    field: str
    curves: tuple[LearningCurve, ...]
    y_range: tuple[float, float]
    ticks: tuple[int, ...]


def learning_figure(found: LearningCurves, metric: str) -> LearningFigure:
    """Curves with common axes."""
    seen = [end for curve in found.curves for end in _ends(curve)]
    low, high = (min(seen), max(seen)) if seen else (0.0, 1.0)
    room = max(0.06 * (high - low), 0.005)
    places = {
        round(factor * one.patients)
        for curve in found.curves
        for one in curve.points
        for factor in (
            (1, *(ahead.factor for ahead in curve.ahead)) if one is curve.points[-1] else (1,)
        )
    }
    y_range = max(low - room, -0.02), min(high + room, 1.02)
    return LearningFigure(METRIC_WORDS[metric], found.field, found.curves, y_range, _apart(places))


def draw_learning(record: LearningFigure) -> Drawing:
    """Draw the figure: panels side by side, with one legend."""
    count = len(record.curves)
    columns = min(count, _MOST_COLUMNS)
    rows = -(-count // columns)
    with styled():
        each = _SINGLE_HEIGHT_IN if count == 1 else _PANEL_HEIGHT_IN
        figure = new_figure(0.75 + rows * each)
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for axes in grid.flat[count:]:
            axes.remove()
        for number, (axes, curve) in enumerate(zip(grid.flat, record.curves, strict=False)):
            draw_learning_panel(curve, record, colour_at(number, count), axes)
            if number >= count - columns:
                axes.set_xlabel("Training patients (logarithmic)")
                axes.tick_params(labelbottom=True)
        for axes in grid[:, 0]:
            axes.set_ylabel(record.score)
        value_legend(figure, "", *_legend(record))
        return finish(figure, "figure-learning-curve", _alt(record))


def draw_learning_panel(
    curve: LearningCurve, record: LearningFigure, colour: str, axes: Axes
) -> None:
    """Draw one curve: networks, means with intervals, the fitted line and its check."""
    if record.field:
        axes.set_title(f"{record.field[:1].upper()}{record.field[1:]} {curve.value}")
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(record.ticks, [str(tick) for tick in record.ticks], size=7)
    axes.set_ylim(record.y_range)
    for one in curve.points:
        known = [score for score in one.score.networks if math.isfinite(score)]
        beside = [_BESIDE * one.patients] * len(known)
        axes.plot(beside, known, "o", ms=2.4, color=MUTED, alpha=0.6, mew=0)
        if math.isfinite(one.score.low):
            axes.vlines(one.patients, one.score.low, one.score.high, color=INK, lw=1.3, zorder=3)
        (mean,) = axes.plot(
            one.patients, one.score.mean, "o", ms=5.5, mfc=colour, mec=FACE, zorder=4
        )
        tell(mean, _tip(one))
    _draw_line(curve, colour, axes)
    if curve.check is not None:
        place, check = curve.check.patients / _BESIDE, curve.check
        ends = max(check.low, 0.0), min(check.high, 1.0)
        axes.vlines(place, *ends, color=INK, lw=0.9, linestyle=(0, (1, 1)), zorder=3)
        axes.plot(place, check.predicted, "D", ms=4.2, mfc=FACE, mec=INK, mew=1, zorder=4)
    if curve.problem:
        _write(f"{curve.problem.split(';')[0]}.", axes)


def _tip(one: SizePoint) -> str:
    """A mean in lines: patients, score with its interval, networks."""
    known = math.isfinite(one.score.low) and math.isfinite(one.score.high)
    interval = f" ({one.score.low:.3f} to {one.score.high:.3f})" if known else ""
    networks = sum(math.isfinite(score) for score in one.score.networks)
    count = f"{networks} network{'s' if networks != 1 else ''}"
    return f"{one.patients} training patients\nmean {one.score.mean:.3f}{interval}\n{count}"


def _draw_line(curve: LearningCurve, colour: str, axes: Axes) -> None:
    if not curve.line:
        return
    rows = np.array([(one.patients, one.score, one.low, one.high) for one in curve.line])
    patients, score, low, high = rows.T
    axes.fill_between(patients, low, high, color=colour, alpha=0.16, linewidth=0, zorder=0)
    largest = curve.points[-1].patients
    at_largest = np.interp(np.log(largest), np.log(patients), score)
    before, after = patients < largest, patients > largest
    axes.plot([*patients[before], largest], [*score[before], at_largest], color=colour, lw=1.4)
    beyond = [largest, *patients[after]], [at_largest, *score[after]]
    axes.plot(*beyond, color=colour, lw=1.4, linestyle=_DASHES)


def _write(text: str, axes: Axes) -> None:
    axes.text(
        0.5, 0.04, text, transform=axes.transAxes, ha="center", fontsize=6.5, color=MUTED, wrap=True
    )


def _ends(curve: LearningCurve) -> list[float]:
    """Everything that must be within the axes; the band as far as it is drawn."""
    ends = [end for one in curve.points for end in (*one.score.networks, one.score.mean)]
    ends += [end for one in curve.points for end in (one.score.low, one.score.high)]
    ends += [end for one in curve.line for end in (one.score, one.low, one.high)]
    if curve.check is not None:
        ends += [curve.check.low, curve.check.high, curve.check.predicted]
    return [min(max(end, 0.0), 1.0) for end in ends if math.isfinite(end)]


def _apart(places: set[int]) -> tuple[int, ...]:
    """The places whose names have room on a logarithmic axis."""
    kept: list[int] = []
    for place in sorted(places):
        if place > 0 and (not kept or place / kept[-1] >= _LEAST_STEP):
            kept.append(place)
    return tuple(kept)


def _legend(record: LearningFigure) -> tuple[list[str], list[Artist]]:
    handles: list[Artist] = [
        Line2D([], [], marker="o", ls="", mfc=INK, mec=FACE, ms=6),
        Line2D([], [], marker="|", ls="", color=INK, ms=9, mew=1.3),
        Line2D([], [], marker="o", ls="", color=MUTED, ms=2.6, alpha=0.55),
    ]
    labels = ["mean", "95 % interval", "one network"]
    if any(curve.line for curve in record.curves):
        handles += [
            Line2D([], [], color=INK, lw=1.4),
            Line2D([], [], color=INK, lw=1.4, linestyle=_DASHES),
            Patch(facecolor=INK, alpha=0.16),
        ]
        labels += ["fitted", "if it goes on", "its 95 % interval"]
    if any(curve.check is not None for curve in record.curves):
        handles.append(Line2D([], [], marker="D", ls="", mfc=FACE, mec=INK, ms=4.5))
        labels.append("predicted from the smaller ones")
    return labels, handles


def _alt(record: LearningFigure) -> str:
    sentences = [f"Mean {record.score} against the number of training patients."]
    for curve in record.curves:
        name = f"{record.field} {curve.value}: " if record.field else ""
        means = "; ".join(
            f"{one.patients:.0f} patients {one.score.mean:.3f}" for one in curve.points
        )
        sentences.append(f"{name}{means}.")
        sentences += [_ahead_words(one) for one in itertools.islice(_after(curve), 1)]
    return " ".join(sentences)


def _after(curve: LearningCurve) -> list[LinePoint]:
    return [LinePoint(one.patients, one.score, one.low, one.high) for one in curve.ahead]


def _ahead_words(one: LinePoint) -> str:
    return (
        f"If the curve goes on, {one.patients:.0f} patients give {one.score:.3f} "
        f"({one.low:.3f} to {one.high:.3f})."
    )
