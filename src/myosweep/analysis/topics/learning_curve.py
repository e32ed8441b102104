"""What more patients to learn from would bring: the score against their number, and beyond it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from myosweep.analysis.axes import Axis, axes
from myosweep.analysis.points import Point, points
from myosweep.analysis.remember import remembered
from myosweep.randomness import stream
from myosweep.results.read import Results
from myosweep.statistics.answer import Answer, ValueMean
from myosweep.statistics.intervals import LEVEL
from myosweep.statistics.power_law import FEWEST_SIZES, fit_power_laws, redrawn_means
from myosweep.statistics.score_table import Design, Estimand, ScoreTable

FARTHEST = 4
"""Nothing is said beyond this many times the largest number of patients."""
AHEAD = (2, FARTHEST)
_DRAWS, _LINE_POINTS = 2000, 25
_LEAST_OFF = 1e-3  # below this, a list of exponents that is not endless would show
_ENDS = (LEVEL / 2, 1 - LEVEL / 2)


@dataclass(frozen=True)
class SizePoint:
    """One number of training patients (the mean over networks), with its score."""

    fraction: float
    patients: float
    score: ValueMean


@dataclass(frozen=True)
class Law:
    """The fitted curve: score(n) = 1 - (a n^-b + c); ``1 - c`` is where it would end."""

    a: float
    b: float
    c: float


@dataclass(frozen=True)
class LinePoint:
    """The fitted curve at a number of patients, with its 95 % interval."""

    patients: float
    score: float
    low: float
    high: float


@dataclass(frozen=True)
class Ahead:
    """What ``factor`` times the largest number of patients would bring, if the curve goes on.

    ``gain`` is the curve there minus the curve at the largest number, with its 95 % interval.
    """

    factor: int
    patients: float
    score: float
    low: float
    high: float
    gain: float
    gain_low: float
    gain_high: float


@dataclass(frozen=True)
class Misfit:
    """A size whose mean lies off the fitted curve by more than chance: ``off`` is mean - curve."""

    patients: float
    off: float


@dataclass(frozen=True)
class Check:
    """The largest size, predicted from the others.

    Attributes:
        patients: the largest size.
        predicted: what the curve through the others gives there; ``low`` to ``high`` is where the
            observed mean would lie in 95 % of studies if the curve were right, given that the same
            networks' seeds and patients serve all sizes.
        observed: the mean there. ``miss`` is observed minus predicted.
    """

    patients: float
    predicted: float
    low: float
    high: float
    observed: float
    miss: float

    @property
    def inside(self) -> bool:
        return self.low <= self.observed <= self.high

    @property
    def width(self) -> float:
        return min(self.high, 1.0) - max(self.low, 0.0)


@dataclass(frozen=True)
class LearningCurve:
    """Scores by number of training patients, for one value of the other swept field.

    Attributes:
        value: the other field's value; empty if the number of patients alone was swept.
        law, line, ahead: the fitted curve, drawn out and beyond the largest size; None and empty
            where ``problem`` says why.
        check: None with fewer than four sizes, or without a law.
        misfit: the size farthest off the curve, if that is shown to be more than chance (5 % for
            all sizes together).
    """

    value: str
    points: tuple[SizePoint, ...]
    law: Law | None
    line: tuple[LinePoint, ...]
    ahead: tuple[Ahead, ...]
    check: Check | None
    misfit: Misfit | None
    problem: str = ""

    @property
    def reliable(self) -> bool:
        """Whether there is a law that neither its check nor its own points speak against."""
        fits = self.law is not None and self.misfit is None
        return fits and (self.check is None or self.check.inside)


@dataclass(frozen=True)
class LearningCurves:
    """All learning curves of a study.

    Attributes:
        field: the other swept field in words; empty if there is none.
        estimand: what the intervals cover, the least of all curves.
        design: of the networks.
    """

    field: str
    curves: tuple[LearningCurve, ...]
    estimand: Estimand
    design: Design = "seeds"


def learning_curves(results: Results, table: ScoreTable, shown: Answer) -> LearningCurves | None:
    """The learning curves of a study that sweeps ``data.fraction``, alone or with one other axis.

    Args:
        table: the question's scores; ``shown`` the answer from them.

    Returns:
        One curve per level of the other axis; None if the number of patients is not swept, if
        fewer than two numbers have networks, or if more than two axes are swept.
    """
    swept = axes(results)
    size = next((axis for axis in swept if axis.is_size), None)
    if size is None or len(swept) > 2 or len(size.levels) < 2:
        return None
    other = next((axis for axis in swept if axis is not size), None)
    patients = training_patients(results)
    made = []
    for number, (label, here) in enumerate(_by_level(points(results), other)):
        sizes = [
            SizePoint(_fraction(point, size), patients[point.label], shown.mean(point.label))
            for point in here
            if math.isfinite(patients.get(point.label, math.nan))
        ]
        sizes.sort(key=lambda one: one.patients)
        made.append(learning_curve(label, sizes, table, number))
    words = "" if other is None else other.words
    return LearningCurves(words, tuple(made), shown.estimand, results.study.replicates.design)


@remembered
def training_patients(results: Results) -> dict[str, float]:
    """How many patients a network of each point learned from: the mean over its networks."""
    rows = results.counts[results.counts["part"] == "training"]
    learned = rows[["run", "patient"]].drop_duplicates()
    of_run = learned["run"].astype(str).value_counts().to_dict()
    found = {}
    for point in points(results):
        counts = [of_run[run] for run in point.runs if run in of_run]
        found[point.label] = float(np.mean(counts)) if counts else math.nan
    return found


def learning_curve(
    value: str, sizes: Sequence[SizePoint], table: ScoreTable, number: int = 0
) -> LearningCurve:
    """One curve: fitted, checked on its largest size, and followed beyond it.

    Args:
        sizes: in ascending order of patients; their scores' values are rows of ``table``.
        number: which curve of the study it is; addresses the bootstrap's random stream.
    """
    rows = [table.values.index(one.score.value) for one in sizes]
    scores = np.asarray(table.scores[rows], float)
    patients = np.array([one.patients for one in sizes], float)
    tested = tuple(sizes)
    if problem := _problem(patients, scores):
        return LearningCurve(value, tested, None, (), (), None, None, problem)
    rng = stream(0, "bootstrap", number + 1)
    drawn = redrawn_means(scores, rng, _DRAWS)
    cells = np.isfinite(scores).all(0)
    observed = 1 - scores[:, cells].mean(1)
    laws, law = fit_power_laws(patients, 1 - drawn), fit_power_laws(patients, observed[None])
    places = np.geomspace(patients[0], FARTHEST * patients[-1], _LINE_POINTS)
    ahead = np.array([factor * patients[-1] for factor in (1, *AHEAD)])
    fitted, spread = law.errors(ahead)[0], laws.errors(ahead)
    return LearningCurve(
        value,
        tested,
        Law(float(law.a[0]), float(law.b[0]), float(law.c[0])),
        _line(places, law.errors(places)[0], laws.errors(places)),
        tuple(
            _ahead(factor, ahead[k], fitted[[0, k]], spread[:, [0, k]])
            for k, factor in enumerate(AHEAD, start=1)
        ),
        _check(patients, observed, 1 - drawn),
        _misfit(patients, law.errors(patients)[0] - observed, laws.errors(patients) - (1 - drawn)),
    )


def _by_level(found: Sequence[Point], other: Axis | None) -> list[tuple[str, list[Point]]]:
    """The points of each level of the other axis, with the level's name."""
    if other is None:
        return [("", list(found))]
    return [
        (label, [point for point in found if other.level_of(point) == level])
        for level, label in zip(other.levels, other.labels, strict=True)
    ]


def _fraction(point: Point, size: Axis) -> float:
    (fraction,) = size.level_of(point)
    return float(fraction) if isinstance(fraction, int | float) else math.nan


def _problem(patients: np.ndarray, scores: np.ndarray) -> str:
    """Why no curve can be fitted; empty if it can."""
    sizes = len(np.unique(patients))
    if sizes < FEWEST_SIZES:
        how_many = {0: "No number", 1: "Only one number", 2: "Only two numbers"}[sizes]
        return (
            f"{how_many} of training patients {'were' if sizes == 2 else 'was'} tested; a curve "
            "needs three, and a check of it four, so nothing is extrapolated"
        )
    cells = np.isfinite(scores).all(0)
    if not cells.any():
        return "No network was scored on the same patient at every size, so no curve is fitted"
    if int(cells.any(1).sum()) < 2 and int(cells.any(0).sum()) < 2:
        return (
            "With one network and one test patient the curve's uncertainty is not known, so "
            "nothing is extrapolated"
        )
    return ""


def _line(
    places: np.ndarray, fitted: np.ndarray, spread: Float64[np.ndarray, "draw place"]
) -> tuple[LinePoint, ...]:
    low, high = np.quantile(1 - spread, _ENDS, axis=0)
    rows = np.column_stack([places, 1 - fitted, low, high]).tolist()
    return tuple(LinePoint(*row) for row in rows)


def _ahead(
    factor: int,
    patients: float,
    fitted: Float64[np.ndarray, "2"],
    spread: Float64[np.ndarray, "draw 2"],
) -> Ahead:
    """From errors at the largest size and beyond it."""
    low, high = np.quantile(1 - spread[:, 1], _ENDS)
    gain_low, gain_high = np.quantile(spread[:, 0] - spread[:, 1], _ENDS)
    gain = float(fitted[0] - fitted[1])
    score = float(1 - fitted[1])
    numbers = map(float, (low, high, gain, gain_low, gain_high))
    return Ahead(factor, float(patients), score, *numbers)


def _misfit(
    patients: np.ndarray, off: np.ndarray, drawn: Float64[np.ndarray, "draw size"]
) -> Misfit | None:
    """From what means lie above the curve; shared out over sizes by Bonferroni."""
    level = LEVEL / len(patients)
    low, high = np.quantile(drawn, (level / 2, 1 - level / 2), axis=0)
    shown = ((low > 0) | (high < 0)) & (np.abs(off) > _LEAST_OFF)
    if not shown.any():
        return None
    worst = int(np.where(shown, np.abs(off), -1.0).argmax())
    return Misfit(float(patients[worst]), float(off[worst]))


def _check(
    patients: np.ndarray, errors: np.ndarray, drawn: Float64[np.ndarray, "draw size"]
) -> Check | None:
    if len(np.unique(patients[:-1])) < FEWEST_SIZES:
        return None
    largest = patients[-1:]
    predicted = fit_power_laws(patients[:-1], errors[None, :-1]).errors(largest)[0, 0]
    each = fit_power_laws(patients[:-1], drawn[:, :-1]).errors(largest)[:, 0]
    observed = 1 - errors[-1]
    # in each redrawn study: its prediction minus its own mean at the largest size
    low, high = observed + np.quantile(drawn[:, -1] - each, _ENDS)
    numbers = map(float, (low, high, observed, observed - (1 - predicted)))
    return Check(float(patients[-1]), float(1 - predicted), *numbers)
