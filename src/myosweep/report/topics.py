"""What some studies can say beside their question: data size, whether the best value moves, fit.

A topic is a question with its answer, one figure and one table; studies to which it does not apply
have none.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from myosweep.analysis.axes import Axis, axes
from myosweep.analysis.cautions import question_words
from myosweep.analysis.conclude import Conclusion
from myosweep.analysis.number_words import capital, decimals_of, number, percent
from myosweep.analysis.question import score_words
from myosweep.analysis.topics.learning_curve import LearningCurve, LearningCurves
from myosweep.analysis.topics.learning_curve_words import (
    learning_curve_lead,
    learning_curve_sentences,
)
from myosweep.analysis.topics.moving_best import (
    AtLevel,
    MovingBest,
    hyperparameter_and_circumstance,
)
from myosweep.analysis.topics.moving_best_words import moving_best_lead, moving_best_sentences
from myosweep.analysis.topics.overfitting import Overfitting, OverNetworks, axis_in_question
from myosweep.analysis.topics.overfitting_words import overfitting_lead, overfitting_sentences
from myosweep.report.conclusion.tables import (
    Lettered,
    interval,
    is_long,
    plain_table,
    within_scores,
    yes,
)
from myosweep.report.figures.fitting import FittingFigure, draw_fitting, fitting_figure
from myosweep.report.figures.learning import LearningFigure, draw_learning, learning_figure
from myosweep.report.figures.moving import MovingFigure, draw_moving, moving_figure
from myosweep.report.figures.style import Drawing
from myosweep.report.tables import NONE, Heading, Row, Section, Table
from myosweep.results.read import Results
from myosweep.statistics.answer import Answer

Name = Literal["size", "moving", "fit"]
MOST_PANELS = 12
"""With more panels than these a figure would not fit on a page, and is left out."""


@dataclass(frozen=True)
class Topic:
    """A question beside the study's own, answered.

    Attributes:
        lead: the answer in one line.
        figure: what is drawn; None where nothing could be seen on it.
        caption: of the figure.
    """

    name: Name
    question: str
    lead: str
    sentences: tuple[str, ...]
    figure: LearningFigure | MovingFigure | FittingFigure | None
    caption: str
    table: Lettered


def topics(conclusion: Conclusion, results: Results, letters: Iterator[str]) -> tuple[Topic, ...]:
    """The topics that apply to a study beside ``fit_topic``, in their order."""
    swept, made = axes(results), []
    if conclusion.learning_curves is not None:
        made.append(_size(conclusion.learning_curves, conclusion, letters))
    pair = hyperparameter_and_circumstance(swept)
    if conclusion.moving_best is not None and pair is not None:
        made.append(_moving(conclusion.moving_best, conclusion, pair[0], letters))
    return tuple(made)


def fit_topic(conclusion: Conclusion, results: Results, letters: Iterator[str]) -> Topic | None:
    """Over- or underfitting, in the study's own score; None where that does not apply."""
    if conclusion.overfitting is None:
        return None
    question, chosen = results.study.question, axis_in_question(axes(results))
    score = question_words(results)
    return _fit(conclusion.overfitting, chosen, question.metric, score, letters)


def draw_topic(topic: Topic) -> Drawing | None:
    """The topic's figure, drawn."""
    match topic.figure:
        case LearningFigure():
            return draw_learning(topic.figure)
        case MovingFigure():
            return draw_moving(topic.figure)
        case FittingFigure():
            return draw_fitting(topic.figure)
    return None


def _size(found: LearningCurves, conclusion: Conclusion, letters: Iterator[str]) -> Topic:
    shown, asked = conclusion.shown, conclusion.asked
    score = score_words(asked.region, asked.metric)
    figure = learning_figure(found, asked.metric)
    drawn = len(found.curves) <= MOST_PANELS
    caption = (
        f"Mean {score} by number of training patients, with fitted curves (error = a n^−b + c, "
        "larger numbers weighing more), whose networks of all sizes took equally many training "
        "steps. Dashed: beyond the largest number, if the curve goes on."
    )
    return Topic(
        "size",
        "Would more patients help?",
        learning_curve_lead(found, shown, score),
        learning_curve_sentences(found, shown, score),
        figure if drawn else None,
        caption,
        _lettered(letters, _size_table(found, shown), _SIZE, "Every number of patients"),
    )


def _moving(
    found: MovingBest, conclusion: Conclusion, chosen: Axis, letters: Iterator[str]
) -> Topic:
    asked = conclusion.asked
    score = score_words(asked.region, asked.metric)
    caption = (
        f"Mean {score} for each {found.field}, a panel per level of {found.circumstance}, with the "
        "95 % interval of each mean. A filled mark: shown good enough at this level. A triangle "
        f"below: may be the best there. Dashed: the means at {found.base}."
    )
    return Topic(
        "moving",
        f"Does the best {found.field} move with {found.circumstance}?",
        moving_best_lead(found),
        moving_best_sentences(found, score),
        moving_figure(found, chosen, asked.metric) if len(found.levels) <= MOST_PANELS else None,
        caption,
        _lettered(letters, _moving_table(found), _moving_words(found), "Every level and value"),
    )


def _fit(
    found: Overfitting, chosen: Axis, metric: str, score: str, letters: Iterator[str]
) -> Topic:
    caption = (
        f"{capital(score)} on the training and the validation part, from pooled pixels; the size "
        "of all weights together (biases apart) in the last epoch; and L2’s share: norm of the L2 "
        "gradient, divided by this and the norm of the data gradient, mean over epochs (none with "
        "decoupled decay, which is no gradient). Vertical "
        "lines are 95 % intervals over networks, one by one."
    )
    return Topic(
        "fit",
        "Overfitting or underfitting?",
        overfitting_lead(found),
        overfitting_sentences(found, score),
        fitting_figure(found, chosen, metric),
        caption,
        _lettered(letters, _fit_table(found), _FIT, "Every value"),
    )


_SIZE = (
    "Scores by number of training patients, and what the fitted curve gives beyond the largest. "
    "The gain is against the curve at the largest number."
)
_FIT = (
    "How networks fit: training minus validation score (large means overfitting), the size of all "
    "weights, and L2’s share of both gradients (none with decoupled decay); means over "
    "networks with 95 % intervals, one by one."
)


def _moving_words(found: MovingBest) -> str:
    return (
        f"Each level of {found.circumstance} judged on its own. Loss: how much lower the mean is "
        f"than at {found.base}. Mends: the loss of {found.base_value} minus the loss of the value; "
        "above 0 the value loses less. Intervals of losses hold together, those of what is mended "
        "hold together."
    )


def _size_table(found: LearningCurves, shown: Answer) -> Table:
    places = decimals_of(shown)
    sections = tuple(
        Section(
            f"{capital(found.field)} {curve.value}" if found.field else "",
            tuple(_size_rows(curve, places)),
        )
        for curve in found.curves
    )
    names = ["Training patients", "Mean", "95 % interval", "Gain", "95 % interval"]
    return Table((tuple(map(Heading, names)),), sections)


def _size_rows(curve: LearningCurve, places: int) -> Iterator[Row]:
    for one in curve.points:
        low, high = within_scores(one.score.low, one.score.high)
        cells = number(one.score.mean, places), interval(low, high, places), NONE, NONE
        yield Row(f"{one.patients:.3g}", cells)
    for ahead in curve.ahead:
        low, high = within_scores(ahead.low, ahead.high)
        cells = (
            number(ahead.score, places),
            interval(low, high, places),
            number(ahead.gain, places, sign=True),
            interval(ahead.gain_low, ahead.gain_high, places, sign=True),
        )
        yield Row(f"{ahead.patients:.0f}, if the curve goes on", cells)


def _moving_table(found: MovingBest) -> Table:
    sections = tuple(
        Section(
            f"{capital(found.circumstance)}: {level.level}",
            tuple(_moving_rows(found, level)),
        )
        for level in found.levels
    )
    names = [capital(found.field), "Mean", "95 % interval", "May be the best"]
    names += ["Shown good enough", "Loss", f"Mends, against {found.base_value}"]
    return Table((tuple(map(Heading, names)),), sections)


def _moving_rows(found: MovingBest, level: AtLevel) -> Iterator[Row]:
    places = decimals_of(level.shown)
    losses = {one.value: one for one in found.losses if one.level == level.level}
    mends = {one.value: one for one in found.mends}
    for one in level.shown.values:
        loss, mended = losses.get(one.value), mends.get(f"{one.value} at {level.level}")
        low, high = within_scores(one.low, one.high)
        cells = (
            number(one.mean, places),
            interval(low, high, places),
            yes(one.value in level.shown.may_be_best),
            yes(one.value in level.shown.good_enough),
            NONE if loss is None else _with(loss.loss, loss.low, loss.high, places),
            NONE if mended is None else _with(mended.difference, mended.low, mended.high, places),
        )
        yield Row(one.value, cells)


def _with(mean: float, low: float, high: float, places: int) -> str:
    """``+0.021 (+0.004 to +0.038)``; the mean alone without an interval."""
    text = number(mean, places, sign=True)
    return f"{text} ({interval(low, high, places, sign=True)})" if math.isfinite(low) else text


def _fit_table(found: Overfitting) -> Table:
    rows = [
        Row(
            f"{row.value}, {found.other} {row.group}" if row.group else row.value,
            (
                _with(row.gap.mean, row.gap.low, row.gap.high, 3) if row.gap.known else NONE,
                _size_of(row.weight_norm),
                _share_of(row.share),
            ),
        )
        for row in found.rows
    ]
    names = [capital(found.field), "Training − validation", "Weight norm", "L2’s share"]
    return plain_table(names, rows)


def _size_of(one: OverNetworks) -> str:
    if not one.known:
        return NONE
    text = f"{one.mean:.3g}"
    if math.isfinite(one.low):
        text += f" ({one.low:.3g} to {one.high:.3g})"
    return text if one.known == one.networks else f"{text}, {one.known} of {one.networks} networks"


def _share_of(one: OverNetworks) -> str:
    if not one.known:
        return NONE
    text = percent(one.mean)
    if math.isfinite(one.low) and one.low < one.high:
        text += f" ({percent(max(one.low, 0.0))} to {percent(min(one.high, 1.0))})"
    return text


def _lettered(letters: Iterator[str], table: Table, caption: str, title: str) -> Lettered:
    return Lettered(next(letters), caption, table, is_long(table), title)
