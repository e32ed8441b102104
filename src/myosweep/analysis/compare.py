"""What the scores of a study look like beside each other; whether by chance is not judged here."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from myosweep.analysis.points import Point, points
from myosweep.analysis.scores import (
    NO_IMAGE,
    baseline_scores,
    network_scores,
    overall_scores,
)
from myosweep.config import RunSettings, flatten
from myosweep.data.split import PARTS
from myosweep.results.read import Results
from myosweep.results.rows import ENSEMBLE

PAPER_VALIDATION_ACCURACY = {5e-3: 0.9599, 5e-4: 0.9723, 5e-5: 0.9843}
"""Final validation accuracy by L2 strength, as the paper gives it."""

_L2 = "l2.strength"


@dataclass(frozen=True)
class Spread:
    """A score over the networks of one point; NaN where it is undefined.

    Attributes:
        mean, sd: over the networks whose score is defined; ``sd`` is None below two.
        scores: of each network, in the order of the point's seeds.
    """

    mean: float
    sd: float | None
    scores: tuple[float, ...]

    @property
    def defined(self) -> int:
        """How many networks have a defined score."""
        return int(np.isfinite(self.scores).sum())


def spread_of(scores: tuple[float, ...]) -> Spread:
    """Mean and standard deviation of the defined scores.

    >>> spread_of((0.5, 0.7, float("nan"))).mean
    0.6
    """
    defined = [score for score in scores if np.isfinite(score)]
    mean = float(np.mean(defined)) if defined else float("nan")
    sd = float(np.std(defined, ddof=1)) if len(defined) > 1 else None
    return Spread(mean, sd, scores)


@dataclass(frozen=True)
class ValidationAccuracy:
    """Final validation accuracy at one point, and the paper's where it has that value."""

    point: Point
    accuracy: Spread
    paper: float | None


@dataclass(frozen=True)
class PartScores:
    """Score of the study's question at one point: training, validation and test part."""

    point: Point
    training: Spread
    validation: Spread
    test: Spread

    @property
    def gap(self) -> Spread:
        """Training minus validation, network by network: large means overfitting."""
        pairs = zip(self.training.scores, self.validation.scores, strict=True)
        return spread_of(tuple(training - validation for training, validation in pairs))


@dataclass(frozen=True)
class QuestionScores:
    """Test scores of the study's question, and what a predictor without the image reaches.

    Attributes:
        by_point: points and their scores, in order.
        no_image: the no-image predictor's score; None if it was not scored.
    """

    by_point: tuple[tuple[Point, Spread], ...]
    no_image: float | None

    @property
    def highest(self) -> tuple[Point, Spread] | None:
        """The point with the highest mean; the first of equals; None if none is defined."""
        return max(self._defined(), key=lambda pair: pair[1].mean, default=None)

    @property
    def lowest(self) -> tuple[Point, Spread] | None:
        """The point with the lowest mean; None if none is defined."""
        return min(self._defined(), key=lambda pair: pair[1].mean, default=None)

    @property
    def largest_sd(self) -> float | None:
        """The largest spread between networks of one point; None if every point has one only."""
        return max((s.sd for _, s in self.by_point if s.sd is not None), default=None)

    def _defined(self) -> list[tuple[Point, Spread]]:
        return [pair for pair in self.by_point if np.isfinite(pair[1].mean)]


def question_scores(results: Results) -> QuestionScores:
    """Test scores of the study's question, point by point."""
    question = results.study.question
    baselines = baseline_scores(results).set_index(["baseline", "region", "metric"])["score"]
    no_image = baselines.get((NO_IMAGE, question.region, question.metric))
    spreads = _question_spreads(results, "test")
    pairs = tuple(zip(points(results), spreads, strict=True))
    return QuestionScores(pairs, None if no_image is None else float(no_image))


def validation_accuracies(results: Results) -> tuple[ValidationAccuracy, ...]:
    """Final validation accuracy of each point: the share of labelled pixels that are right.

    The paper's value stands beside it where the point has one of the paper's L2 strengths, and
    every other swept field its default, which is the paper's.
    """
    scores = overall_scores(results, "validation").set_index("run")["global_accuracy"]
    return tuple(
        ValidationAccuracy(point, _spread_at(point, scores), _paper_accuracy(point, results))
        for point in points(results)
    )


def training_gap(results: Results) -> tuple[PartScores, ...]:
    """The question's score on the training, validation and test part, point by point.

    All three are scored alike, without augmentation.
    """
    by_part = [_question_spreads(results, part) for part in PARTS]
    return tuple(
        PartScores(point, *spreads)
        for point, *spreads in zip(points(results), *by_part, strict=True)
    )


def _question_spreads(results: Results, part: str) -> tuple[Spread, ...]:
    question = results.study.question
    scores = network_scores(results, part)
    asked = scores[(scores["region"] == question.region) & (scores["metric"] == question.metric)]
    by_run = asked.set_index("run")["score"]
    return tuple(_spread_at(point, by_run) for point in points(results))


def _spread_at(point: Point, scores: pd.Series) -> Spread:
    return spread_of(tuple(float(scores.get(run, np.nan)) for run in point.runs))


def _paper_accuracy(point: Point, results: Results) -> float | None:
    neutral = {**flatten(RunSettings().model_dump()), ENSEMBLE: 1}
    values = dict(point.values)
    others = [path for path in results.fields if path != _L2]
    if any(values[path] != neutral.get(path, values[path]) for path in others):
        return None
    strength = values.get(_L2)
    return PAPER_VALIDATION_ACCURACY.get(strength) if isinstance(strength, float) else None
