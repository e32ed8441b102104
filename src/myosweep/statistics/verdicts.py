"""From an interval and a margin to one of nine plain verdicts."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal[
    "better",
    "better, size uncertain",
    "not worse",
    "practically equivalent",
    "undecided",
    "not better",
    "worse, size uncertain",
    "worse",
    "not known",
]

DECIDED: tuple[Verdict, ...] = (
    "better",
    "better, size uncertain",
    "practically equivalent",
    "worse, size uncertain",
    "worse",
)
"""Verdicts after which more networks are not needed to know the direction, or that none matters."""


@dataclass(frozen=True)
class Comparison:
    """One difference, judged.

    Attributes:
        value, other: what is compared: ``value`` minus ``other``.
        difference: the estimate, in units of the score.
        low, high: the simultaneous interval; NaN where there is none.
        p: adjusted for the family, two-sided; NaN where there is none.
        verdict: from the interval and the margin.
        negligible_but_real: equivalent, with an interval that leaves 0 out.
        shift_px, shift_mm: the difference as a shift of the reference outline; None if not known.
    """

    value: str
    other: str
    difference: float
    low: float
    high: float
    p: float
    verdict: Verdict
    negligible_but_real: bool = False
    shift_px: float | None = None
    shift_mm: float | None = None

    @property
    def decided(self) -> bool:
        return self.verdict in DECIDED


def judge(low: float, high: float, margin: float) -> Verdict:
    """The verdict on a difference whose interval is ``[low, high]``.

    >>> judge(0.03, 0.05, 0.02), judge(-0.01, 0.015, 0.02), judge(0.01, 0.05, 0.02)
    ('better', 'practically equivalent', 'better, size uncertain')
    >>> judge(-0.015, 0.05, 0.02), judge(-0.05, 0.05, 0.02), judge(float("nan"), 0.1, 0.02)
    ('not worse', 'undecided', 'not known')
    """
    if not low <= high:
        return "not known"
    if low > margin:
        return "better"
    if high < -margin:
        return "worse"
    if -margin < low and high < margin:
        return "practically equivalent"
    if low > 0:
        return "better, size uncertain"
    if high < 0:
        return "worse, size uncertain"
    if low > -margin:
        return "not worse"
    return "not better" if high < margin else "undecided"


def is_negligible_but_real(low: float, high: float, margin: float) -> bool:
    """Whether a difference is practically nothing, and yet not 0."""
    return judge(low, high, margin) == "practically equivalent" and (low > 0 or high < 0)
