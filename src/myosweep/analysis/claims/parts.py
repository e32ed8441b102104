"""The parts of a claim: differences or a ratio with intervals, and the ruling that follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

from myosweep.analysis.number_words import listed, number
from myosweep.analysis.scores import ALL
from myosweep.statistics.contrasts import estimate_differences
from myosweep.statistics.intervals import LEVEL, mean_interval
from myosweep.statistics.score_table import estimand_words

Ruling = Literal[
    "supported", "contradicted", "no practical difference", "undecided", "not applicable"
]
RATIO = "ratio"
METRIC_WORDS = {
    "accuracy": "accuracy",
    "iou": "IoU",
    "dice": "Dice",
    "bf_strict": "strict BF score",
    "global_accuracy": "share of all pixels that are right",
    "mean_accuracy": "mean accuracy",
    "mean_iou": "mean IoU",
    "mean_bf_strict": "mean strict BF score",
    "area": "differing area (px per slice)",
    "validation_accuracy": "final validation accuracy",
}


@dataclass(frozen=True)
class ClaimPart:
    """One number that a claim rests on.

    Attributes:
        region, metric: what was compared; region ``all`` stands for all regions together.
        value, other: labels of the two values, or what a ratio compares.
        difference: ``value`` minus ``other``; above 0 speaks for the claim (in B, for BF, against
            it). For the area of claim D2 it is how much it falls. For F and G it is a ratio, and
            above 1 speaks for the claim.
        low, high: plain 95 % interval: either end is a one-sided 2.5 % bound. NaN if there is none.
        low_all, high_all: the interval when all parts of the claim are judged at once.
        margin: the smallest difference that matters; NaN for ratios.
        holds_for: what the interval covers, in words.
    """

    region: str
    metric: str
    value: str
    other: str
    difference: float
    low: float
    high: float
    low_all: float
    high_all: float
    margin: float
    holds_for: str

    @property
    def equivalent(self) -> bool:
        """Whether the interval lies within the margin."""
        return -self.margin < self.low and self.high < self.margin

    @property
    def words(self) -> str:
        """The part in words, with its interval."""
        if self.metric == RATIO:
            what, between = RATIO, "over"
        else:
            place = "" if self.region == ALL else f" of the {self.region}"
            what, between = f"{METRIC_WORDS[self.metric]}{place},", "against"
        digits = {RATIO: 2, "area": 1}.get(self.metric, 4)
        size, low, high = (
            number(x, digits, sign=self.metric != RATIO)
            for x in (self.difference, self.low, self.high)
        )
        return f"{what} {self.value} {between} {self.other}: {size} (95 % interval {low} to {high})"


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, and what these data say about it.

    Attributes:
        letter: A, B, C, D1, D2, E, F or G.
        statement: the claim, with this study's regions and values.
        verdict: the ruling; ``evidence`` gives its reason in plain sentences.
        components: the differences (or the ratio) behind it, with their intervals.
    """

    letter: str
    statement: str
    verdict: Ruling
    evidence: str
    components: tuple[ClaimPart, ...] = ()


def claim_parts(
    d: Float64[np.ndarray, "pair network patient"],
    region: str,
    metric: str,
    names: Sequence[tuple[str, str]],
    margin: float,
    count: int,
) -> tuple[ClaimPart, ...]:
    """Every difference with its own interval, and that for ``count`` parts at once."""
    made = []
    for one, (value, other) in zip(d, names, strict=True):
        numbers, holds_for = (np.nan,) * 5, estimand_words("none")
        if np.isfinite(one).any():
            found = estimate_differences(one[None])
            wide = mean_interval(found, level=LEVEL / count)
            numbers = float(found.mean[0]), *mean_interval(found), *wide
            holds_for = estimand_words(found.estimand)
        made.append(ClaimPart(region, metric, value, other, *numbers, margin, holds_for))
    return tuple(made)


def all_above(letter: str, parts: tuple[ClaimPart, ...]) -> Claim:
    """The ruling on a claim whose parts must all lie above 0."""
    if parts and all(part.low > 0 for part in parts):
        nearest = min(parts, key=lambda part: part.low).words
        many = f"All {len(parts)} differences lie above 0, each" if len(parts) > 1 else "Above 0"
        evidence = f"{many} at one-sided 2.5 %. Nearest to 0: {nearest}.{_though_small(parts)}"
        return claim(letter, "supported", evidence, parts)
    return not_all_above(letter, parts, parts)


def not_all_above(letter: str, parts: tuple[ClaimPart, ...], wanted: Sequence[ClaimPart]) -> Claim:
    """The ruling on a claim that is not supported, from all parts, and those wanted above 0."""
    worse = [part for part in wanted if part.high_all < 0]
    if worse:
        lowest = min(worse, key=lambda part: part.high_all).words
        together = f", even when all {len(parts)} are judged together" if len(parts) > 1 else ""
        evidence = f"Below 0{together}: {lowest}.{_though_small(parts)}"
        return claim(letter, "contradicted", evidence, parts)
    if parts and all(part.equivalent for part in parts):
        many = f"All {len(parts)} intervals lie" if len(parts) > 1 else "The interval lies"
        return claim(letter, "no practical difference", f"{many} within the margin.", parts)
    if not any(np.isfinite(part.low) for part in parts):
        evidence = "With one network per value, or too few scores, differences have no intervals."
        return Claim(letter, "", "undecided", evidence, parts)
    above = sum(part.low > 0 for part in wanted)
    least = min(wanted, key=lambda part: part.low if np.isfinite(part.low) else -np.inf)
    evidence = f"{above} of {len(wanted)} differences are shown to lie above 0. Least clear: "
    return claim(letter, "undecided", f"{evidence}{least.words}.", parts)


def claim(letter: str, ruling: Ruling, evidence: str, parts: tuple[ClaimPart, ...]) -> Claim:
    """A claim, its evidence followed by what the intervals cover; its statement comes later."""
    covered = listed(list(dict.fromkeys(part.holds_for for part in parts)))
    return Claim(letter, "", ruling, f"{evidence} Intervals hold for {covered}.", parts)


def ratio_claim(
    letter: str,
    evidence: str,
    region: str,
    names: tuple[str, str],
    numbers: tuple[float, float, float],
    holds_for: str,
) -> Claim:
    """The ruling on a ratio with its interval: supported above 1, contradicted below 1."""
    ratio = ClaimPart(region, RATIO, *names, *numbers, *numbers[1:], np.nan, holds_for)
    if not np.isfinite(ratio.low):
        evidence += " An interval of their ratio needs more networks per value."
        return Claim(letter, "", "undecided", evidence, (ratio,))
    ruling: Ruling = "undecided"
    if ratio.low > 1:
        ruling = "supported"
    elif ratio.high < 1:
        ruling = "contradicted"
    low, high = (number(x, 2) for x in (ratio.low, ratio.high))
    evidence += f" Ratio {number(ratio.difference, 2)} (95 % interval {low} to {high})."
    return claim(letter, ruling, evidence, (ratio,))


def _though_small(parts: Sequence[ClaimPart]) -> str:
    small = all(part.equivalent for part in parts)
    return " All differences are smaller than their margin." if small else ""
