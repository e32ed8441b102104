"""What the conclusion's sentences are made of: its records, and differences as contour shifts."""

import math
from dataclasses import dataclass

from myosweep.analysis.conclude import Conclusion
from myosweep.analysis.points import Point
from myosweep.analysis.question import SCORE_NAMES as SCORE_NAMES
from myosweep.analysis.question import score_words as score_words
from myosweep.statistics.answer import Answer, ValueMean
from myosweep.statistics.score_table import Design
from myosweep.statistics.verdicts import Comparison


@dataclass(frozen=True)
class Part:
    """A question, its answer in one line, and what there is to say to it."""

    question: str
    lead: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Told:
    """What all four answers need.

    Attributes:
        field: what was swept, in words.
        regions: names of the dataset's regions.
        design: how the networks were made; None where that is not known.
    """

    conclusion: Conclusion
    found: tuple[Point, ...]
    field: str
    regions: tuple[str, ...]
    design: Design | None

    @property
    def score(self) -> str:
        """The question's score in words, such as ``Dice of the myocardium``."""
        return score_words(self.conclusion.asked.region, self.conclusion.asked.metric)

    def named(self, label: str) -> str:
        """A value with its field: ``L2 strength 0.001``."""
        return next((point.words for point in self.found if point.label == label), label)


def shift_of(shown: Answer, difference: float) -> tuple[float | None, float | None]:
    """A difference as a shift of the contour, in pixels and mm; None where that is not known."""
    for one in shown.comparisons:
        if one.shift_px is not None and one.difference != 0 and math.isfinite(one.shift_px):
            ratio = difference / one.difference
            return ratio * one.shift_px, None if one.shift_mm is None else ratio * one.shift_mm
    return None, None


def like_moving(px: float | None, mm: float | None) -> str:
    """``, like a contour that is off by 0.45 pixels (0.67 mm)``; empty where not known.

    >>> like_moving(0.446, None)
    ', like a contour that is off by 0.45 pixels'
    """
    if px is None or not math.isfinite(px):
        return ""
    in_mm = "" if mm is None else f" ({abs(mm):.2f} mm)"
    return f", like a contour that is off by {abs(px):.2f} pixels{in_mm}"


def highest_and_lowest(shown: Answer) -> tuple[ValueMean, ValueMean] | None:
    """The values with the highest and the lowest mean; None below two."""
    known = [one for one in shown.values if math.isfinite(one.mean)]
    if len(known) < 2:
        return None
    return max(known, key=lambda one: one.mean), min(known, key=lambda one: one.mean)


def largest_judged(shown: Answer) -> Comparison | None:
    """The comparison with the largest difference; None if there is none."""
    judged = [one for one in shown.comparisons if math.isfinite(one.difference)]
    return max(judged, key=lambda one: abs(one.difference), default=None)
