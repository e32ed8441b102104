"""One judged difference in plain English, one wording per verdict.

Which of two values is better is the verdict's word; whether its score is higher or lower is the
difference's sign, so that the sentences also serve scores of which less is better
(``any_table.mirrored``).
"""

import math
from dataclasses import dataclass

from myosweep.analysis.number_words import decimals_of, margin_words, number, p_words, percent
from myosweep.statistics.answer import Answer
from myosweep.statistics.verdicts import Comparison


@dataclass(frozen=True)
class _Found:
    """One comparison's numbers in words."""

    comparison: Comparison
    answer: Answer
    metric: str

    def number(self, x: float, *, sign: bool = False) -> str:
        return number(x, decimals_of(self.answer), sign=sign)

    @property
    def margin(self) -> str:
        return f"the margin of {margin_words(self.answer)}"

    @property
    def direction(self) -> str:
        return "lower" if self.comparison.difference < 0 else "higher"

    def sized(self) -> str:
        """``Dice lower by 0.151 (95 % interval 0.120 to 0.182; p < 0.001)``: its side is known."""
        one = self.comparison
        low, high = sorted((abs(one.low), abs(one.high)))
        between = interval_words(self.number(low), self.number(high), self.answer)
        inside = "; ".join(filter(None, (between, p_words(one.p))))
        return f"{self.metric} {self.direction} by {self.number(abs(one.difference))} ({inside})"

    def signed(self) -> str:
        """``Dice differs by −0.010 (95 % interval −0.040 to +0.020)``: its side is not known."""
        one = self.comparison
        low, high = (self.number(x, sign=True) for x in (one.low, one.high))
        between = interval_words(low, high, self.answer)
        return f"{self.metric} differs by {self.number(one.difference, sign=True)} ({between})"

    def as_shift(self) -> str:
        """``; that is like moving the contour by 1.8 pixels (2.5 mm)``; empty if not known."""
        px, mm = self.comparison.shift_px, self.comparison.shift_mm
        if px is None or not math.isfinite(px):
            return ""
        in_mm = "" if mm is None or not math.isfinite(mm) else f" ({_length(mm)} mm)"
        moved = _length(px)
        unit = "pixel" if moved == "1" else "pixels"
        return f"; that is like moving the contour by {moved} {unit}{in_mm}"


def interval_words(low: str, high: str, answer: Answer) -> str:
    """An interval with its level: ``95 % together`` where it holds for all comparisons at once."""
    level = percent(1 - answer.level)
    if len(answer.comparisons) > 1:
        return f"interval {low} to {high}, {level} together"
    return f"{level} interval {low} to {high}"


def comparison_sentence(
    comparison: Comparison,
    answer: Answer,
    metric_words: str = "score",
    value_words: str = "",
) -> str:
    """One judged difference.

    Args:
        metric_words: what the scores are, such as ``Dice of the myocardium``.
        value_words: what stands before the first value, such as ``L2 strength``.
    """
    name = f"{value_words} {comparison.value}".strip()
    other = comparison.other
    found = _Found(comparison, answer, metric_words)
    if not math.isfinite(comparison.difference):
        return (
            f"{name} cannot be compared with {other}: no network was scored on the same patient "
            "with both."
        )
    if comparison.verdict == "not known":
        difference = found.number(comparison.difference, sign=True)
        return (
            f"{name} against {other}: {metric_words} differs by {difference}, but without an "
            "interval nothing can be concluded from that."
        )
    if answer.family == "best":
        return _against_best(name, found)
    return f"{name} {_judged(comparison, other, found)}{found.as_shift()}."


def _judged(one: Comparison, other: str, found: _Found) -> str:
    match one.verdict:
        case "better" | "worse":
            return f"is {one.verdict} than {other}: {found.sized()}, more than {found.margin}"
        case "better, size uncertain" | "worse, size uncertain":
            return (
                f"is {one.verdict.split(',')[0]} than {other}, but by how much is uncertain: "
                f"{found.sized()}, which may be less or more than {found.margin}"
            )
        case "practically equivalent" if one.negligible_but_real:
            return (
                f"and {other} are practically equivalent: a real but negligible difference, "
                f"{found.sized()}, less than {found.margin}"
            )
        case "practically equivalent":
            return (
                f"and {other} are practically equivalent: {found.signed()}, all within "
                f"{found.margin}"
            )
        case "not worse" | "not better":
            side = one.verdict.removeprefix("not ")
            opposite = "better" if side == "worse" else "worse"
            return (
                f"is not {side} than {other} by {found.margin} or more; whether it is "
                f"{opposite} is undecided: {found.signed()}"
            )
        case _:
            return (
                f"against {other} is undecided: {found.signed()}; it may be better or worse by "
                f"more than {found.margin}"
            )


def _against_best(name: str, found: _Found) -> str:
    """A value beside the best of the others, whose interval reaches to 0 at most."""
    one, level = found.comparison, percent(1 - found.answer.level)
    farthest = found.number(max(abs(one.low), abs(one.high)))
    gap = (
        f"{found.metric} {found.direction} than with {one.other} by "
        f"{found.number(abs(one.difference))}, at most by {farthest} ({level} together)"
    )
    if one.verdict in ("better", "better, size uncertain"):
        return f"{name} is the best: {gap}{found.as_shift()}."
    if one.verdict in ("worse", "worse, size uncertain"):
        enough = max(abs(one.low), abs(one.high)) < found.answer.margin
        small = f", which is less than {found.margin}" if enough else ""
        return f"{name} is not the best: {gap}{small}{found.as_shift()}."
    if one.verdict == "practically equivalent":
        return (
            f"{name} may or may not be the best, and is practically as good: {found.signed()}, "
            f"all within {found.margin}."
        )
    return f"Whether {name} is the best is undecided: {found.signed()}."


def _length(x: float) -> str:
    return (
        "less than 0.01" if abs(x) < 0.01 else f"{abs(x):.2g}" if abs(x) < 10 else f"{abs(x):.0f}"
    )
