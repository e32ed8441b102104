"""Early against final score: do the first epochs of a trial tell how it ends?"""

import math
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from myosweep.analysis.number_words import number
from myosweep.analysis.tuning.early_scores import Told, early_scores, measured_trials, told_so_far
from myosweep.analysis.tuning.found import Tuned
from myosweep.config import Tune
from myosweep.report.figures.style import (
    FACE,
    INK,
    METRIC_WORDS,
    MUTED,
    Drawing,
    finish,
    new_figure,
    styled,
)


@dataclass(frozen=True)
class EarlyPoint:
    """A trial that was trained to its end.

    Attributes:
        early: IoU of the region on the validation part at the moment shown.
        final: validation score at the end.
        measured: whether the correlation was measured on it; later ones are a selection.
    """

    number: int
    early: float
    final: float
    measured: bool


@dataclass(frozen=True)
class EarlyFigure:
    """What the figure shows: scores at one moment against final ones.

    Attributes:
        told: the moment, and how well its scores tell the final ones.
        used: whether trials were ended from that moment on.
        region, score: in words.
    """

    told: Told
    used: bool
    region: str
    score: str
    points: tuple[EarlyPoint, ...]


def early_figure(found: Tuned, tune: Tune, region: str, metric: str) -> EarlyFigure | None:
    """Scores at the moment that the rule uses, or at the last measured one without a rule.

    None if nothing was measured yet.
    """
    told, rule = told_so_far(found.trials, tune, found.measured)
    if not told:
        return None
    moment = next((one for one in told if rule and one.percent == rule.percent), told[-1])
    whole = [
        (one, early_scores(one.run.history, one.run.epochs, (moment.percent,)))
        for one in found.trials
        if one.score is not None
    ]
    measured = found.measured or measured_trials(found.trials, tune)
    points = tuple(
        EarlyPoint(
            one.number, early[moment.percent], float(one.score or 0.0), one.number in measured
        )
        for one, early in whole
        if early
    )
    return EarlyFigure(
        moment,
        rule is not None and tune.pruner != "none",
        region,
        METRIC_WORDS[metric],
        points,
    )


def draw_early(record: EarlyFigure) -> Drawing:
    """Draw early against final scores, with the correlation in words."""
    with styled():
        figure = new_figure(3.3)
        axes = figure.subplots()
        draw_early_points(record, axes)
        _legend(figure)
        return finish(figure, "figure-early-scores", _alt(record))


def draw_early_points(record: EarlyFigure, axes: Axes) -> None:
    """Draw a point per trial."""
    axes.grid(visible=True, axis="both")
    for point in record.points:
        face = INK if point.measured else FACE
        axes.plot(
            point.early, point.final, "o", mfc=face, mec=INK if point.measured else MUTED, mew=1.1,
            ms=5.5, clip_on=False,
        )  # fmt: skip
    axes.set_xlabel(
        f"IoU of the {record.region} after {record.told.percent} % of a trial's epochs, validation"
    )
    axes.set_ylabel(f"{record.score} at the end, validation")
    axes.margins(0.05)
    axes.set_title(_correlation(record.told), weight="normal", size=8)


def _correlation(told: Told) -> str:
    if not math.isfinite(told.correlation):
        return f"Rank correlation undefined ({told.trials} trials)"
    return (
        f"Rank correlation {number(told.correlation, 2)}, at least {number(told.low, 2)} "
        f"({told.trials} trials)"
    )


def _legend(figure: Figure) -> None:
    figure.legend(
        [
            Line2D([], [], marker="o", ls="", color=INK, ms=5.5),
            Line2D([], [], marker="o", ls="", mfc=FACE, mec=MUTED, mew=1.1, ms=5.5),
        ],
        ["measured on these trials", "later trials, a selection"],
        loc="outside lower left",
        ncols=2,
        handlelength=1.2,
        borderaxespad=0,
    )


def _alt(record: EarlyFigure) -> str:
    return (
        f"Scores of {len(record.points)} trials after {record.told.percent} % of their epochs "
        f"against their final scores. {_correlation(record.told)}."
    )
