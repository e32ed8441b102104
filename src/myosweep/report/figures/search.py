"""The search as a figure: the validation score of each trial, against what was spent so far."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from myosweep.analysis.tuning.found import DEFAULT, Trial, Tuned, name_of
from myosweep.report.figures.style import (
    FACE,
    INK,
    METRIC_WORDS,
    MUTED,
    Drawing,
    contender_colours,
    finish,
    new_figure,
    styled,
    tell,
)

State = Literal["whole", "ended early", "failed"]
_DEPTH = 4.0
"""The axis goes down from the best score by so many times its distance to the median."""


@dataclass(frozen=True)
class TrialMark:
    """One trial.

    Attributes:
        spent: default runs that it and all trials before it have cost.
        score: validation score; of a trial that was ended early, that of the last epoch trained;
            NaN where it is not known in the figure's score.
        colour: of a contender in the race; empty for others.
    """

    number: int
    spent: float
    score: float
    state: State
    colour: str


@dataclass(frozen=True)
class SearchFigure:
    """What the figure shows.

    Attributes:
        score: in words.
        marks: by number.
        default: the default's score; NaN if it has none.
        best: cost spent and highest score so far, where it rises.
        low, high: ends of the axis; what lies below is marked at its foot.
        contenders: colours of those who raced, by name.
    """

    score: str
    marks: tuple[TrialMark, ...]
    default: float
    best: tuple[tuple[float, float], ...]
    low: float
    high: float
    contenders: tuple[tuple[str, str], ...]


def search_figure(found: Tuned, metric: str) -> SearchFigure | None:
    """The search so far; None before a trial has its score.

    Args:
        metric: the metric that verdicts use.
    """
    names = found.race.contenders if found.race else ()
    colours = contender_colours(names)
    marks, spent = [], 0.0
    for one in found.trials:
        if one.run.status is None:
            continue
        spent += one.run.spent
        score, state = _score(one, metric)
        marks.append(TrialMark(one.number, spent, score, state, colours.get(one.name, "")))
    whole = [mark for mark in marks if mark.state == "whole"]
    if not whole:
        return None
    default = next((mark.score for mark in whole if mark.number == DEFAULT), math.nan)
    low, high = _limits([mark.score for mark in whole], default)
    return SearchFigure(
        METRIC_WORDS[metric],
        tuple(marks),
        default,
        _best_so_far(whole),
        low,
        high,
        tuple(colours.items()),
    )


def _score(one: Trial, metric: str) -> tuple[float, State]:
    if one.score is not None:
        return one.score, "whole"
    status = one.run.status
    stopped = status is not None and status.status == "stopped"
    iou = one.run.history[-1] if stopped and one.run.history else math.nan
    return early_score(iou, metric), "ended early" if stopped else "failed"


def early_score(iou: float, metric: str) -> float:
    """The IoU after an epoch as the figure's score; NaN where that is another kind of score.

    >>> early_score(0.5, "iou"), round(early_score(0.5, "dice"), 3), early_score(0.5, "accuracy")
    (0.5, 0.667, nan)
    """
    match metric:
        case "iou":
            return iou
        case "dice":
            return 2 * iou / (1 + iou)
        case _:
            return math.nan


def _best_so_far(whole: Sequence[TrialMark]) -> tuple[tuple[float, float], ...]:
    best: list[tuple[float, float]] = []
    for mark in whole:
        if not best or mark.score > best[-1][1]:
            best.append((mark.spent, mark.score))
    return tuple(best)


def _limits(scores: Sequence[float], default: float) -> tuple[float, float]:
    """From the best score down to where most are; far lower ones would squeeze the others."""
    best, lowest = max(scores), min(scores)
    shown = min(float(np.median(scores)), default if math.isfinite(default) else best)
    floor = max(lowest, best - _DEPTH * max(best - shown, 0.005))
    room = 0.08 * max(best - floor, 0.01)
    return floor - room, best + room


def draw_search(record: SearchFigure) -> Drawing:
    """Draw the search: marks, the best so far as a step line, the default's score across."""
    with styled():
        figure = new_figure(3.1)
        axes = figure.subplots()
        draw_trials(record, axes)
        axes.set_xlabel("Spent on the search so far, in runs of the default")
        axes.set_ylabel(f"{record.score}, validation patients")
        _legend(record, figure)
        return finish(figure, "figure-search", _alt(record))


def draw_trials(record: SearchFigure, axes: Axes) -> None:
    """Draw the trials over the axis; what has no place on it stands at its foot."""
    last = max(mark.spent for mark in record.marks)
    axes.set(ylim=(record.low, record.high), xlim=(0, 1.03 * last))
    if math.isfinite(record.default):
        axes.axhline(record.default, color=INK, lw=1, ls=(0, (3, 2)), zorder=1)
    steps = [*record.best, (last, record.best[-1][1])]
    axes.step(*zip(*steps, strict=True), where="post", color=MUTED, lw=1.2, zorder=1)
    for mark in record.marks:
        _draw_mark(mark, record.low, axes)


def _draw_mark(mark: TrialMark, low: float, axes: Axes) -> None:
    colour = mark.colour or (INK if mark.number == DEFAULT else MUTED)
    filled = bool(mark.colour) or mark.number == DEFAULT
    below = not mark.score >= low
    place = low if below else mark.score
    if mark.state == "whole":
        shape, face, size = "v" if below else "o", colour if filled else FACE, 5.5
    else:
        shape, face, size = "x" if mark.state == "ended early" else "+", colour, 5.0
    (drawn,) = axes.plot(
        mark.spent, place, shape, mfc=face, mec=colour, mew=1.2, ms=size, clip_on=False, zorder=3
    )
    score = f"score {mark.score:.3f}" if math.isfinite(mark.score) else "no score"
    tell(drawn, f"{name_of(mark.number)}, {mark.state}\n{score}\nafter {mark.spent:.1f} runs")


def _legend(record: SearchFigure, figure: Figure) -> None:
    handles: list[Artist] = [
        Line2D([], [], marker="o", ls="", mfc=FACE, mec=MUTED, mew=1.2, ms=5.5)
    ]
    labels = ["trial"]
    for name, colour in record.contenders:
        handles.append(Line2D([], [], marker="o", ls="", mfc=colour, mec=colour, ms=5.5))
        labels.append(f"{name}, raced")
    if any(mark.state == "ended early" for mark in record.marks):
        handles.append(Line2D([], [], marker="x", ls="", mec=MUTED, mew=1.2, ms=5))
        labels.append("ended early")
    if any(mark.state == "failed" for mark in record.marks):
        handles.append(Line2D([], [], marker="+", ls="", mec=MUTED, mew=1.2, ms=5))
        labels.append("failed")
    if any(mark.state == "whole" and mark.score < record.low for mark in record.marks):
        handles.append(Line2D([], [], marker="v", ls="", mfc=FACE, mec=MUTED, mew=1.2, ms=5.5))
        labels.append("far below")
    handles.append(Line2D([], [], color=MUTED, lw=1.2))
    labels.append("best so far")
    if math.isfinite(record.default):
        handles.append(Line2D([], [], color=INK, lw=1, ls=(0, (3, 2)), marker="o", ms=5))
        labels.append("default")
    figure.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=min(len(labels), 7),
        handlelength=1.6,
        columnspacing=1.4,
        borderaxespad=0,
    )


def _alt(record: SearchFigure) -> str:
    whole = [mark for mark in record.marks if mark.state == "whole"]
    early = sum(mark.state == "ended early" for mark in record.marks)
    spent, best = record.best[-1]
    number = next(mark.number for mark in whole if mark.score == best)
    default = f"; the default has {record.default:.3f}" if math.isfinite(record.default) else ""
    return (
        f"Validation scores ({record.score}) of {len(record.marks)} trials, {early} of them ended "
        f"early, against what was spent: the highest is {best:.3f} of trial {number}, reached "
        f"after {spent:.1f} default runs{default}."
    )
