"""The conclusion's four questions, answered in short sentences for somebody with ten minutes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from myosweep.analysis.answer import Answer, ValueMean
from myosweep.analysis.conclude import Conclusion
from myosweep.analysis.margin import SHIFT_PX
from myosweep.analysis.number_words import (
    counted,
    decimals_of,
    listed,
    margin_words,
    number,
    percent,
)
from myosweep.analysis.points import Point
from myosweep.analysis.score_table import Design
from myosweep.analysis.scores import ALL
from myosweep.analysis.sentences import comparison_sentence, cost_sentence, scope_sentence
from myosweep.analysis.shares import NetworkSpread
from myosweep.analysis.subgroups import Subgroup
from myosweep.analysis.verdicts import Comparison
from myosweep.report.dose_figure import answer_of, metric_in

_MOST_COSTS = 4
_SCORES = {
    "accuracy": "accuracy",
    "iou": "IoU",
    "dice": "Dice",
    "bf_strict": "strict BF score",
    "global_accuracy": "global accuracy",
    "mean_iou": "mean IoU",
    "mean_dice": "mean Dice",
    "mean_bf_strict": "mean strict BF score",
}


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
        spread: between networks of one value on the same patients.
        design: how the networks were made; None where that is not known.
    """

    conclusion: Conclusion
    found: tuple[Point, ...]
    field: str
    regions: tuple[str, ...]
    spread: NetworkSpread
    design: Design | None

    @property
    def score(self) -> str:
        """The question's score in words, such as ``Dice of the myocardium``."""
        return score_words(self.conclusion.asked.region, self.conclusion.asked.metric)

    def named(self, label: str) -> str:
        """A value with its field: ``L2 strength 0.001``."""
        return next((point.words for point in self.found if point.label == label), label)


def score_words(region: str, metric: str) -> str:
    """A score in the middle of a sentence.

    >>> score_words("myocardium", "dice"), score_words("all", "mean_iou")
    ('Dice of the myocardium', 'mean IoU over all regions')
    """
    where = "over all regions" if region == ALL else f"of the {region}"
    return f"{_SCORES[metric]} {where}"


def four_questions(told: Told) -> tuple[Part, ...]:
    """The four questions with their answers; fewer where one value only was tested."""
    if len(told.conclusion.shown.values) < 2:
        return (_only_one(told), _not_known(told))
    return (_which(told), _how_much(told), _where(told), _not_known(told))


def shift_of(shown: Answer, difference: float) -> tuple[float | None, float | None]:
    """A difference as a shift of the contour, in pixels and mm; None where that is not known."""
    for one in shown.comparisons:
        if one.shift_px is not None and one.difference != 0 and math.isfinite(one.shift_px):
            ratio = difference / one.difference
            return ratio * one.shift_px, None if one.shift_mm is None else ratio * one.shift_mm
    return None, None


def like_moving(px: float | None, mm: float | None) -> str:
    """``, as much as a contour moved by 0.45 pixels (0.67 mm) makes``; empty where not known.

    >>> like_moving(0.446, None)
    ', as much as moving the contour by 0.45 pixels makes'
    """
    if px is None or not math.isfinite(px):
        return ""
    in_mm = "" if mm is None else f" ({abs(mm):.2f} mm)"
    return f", as much as moving the contour by {abs(px):.2f} pixels{in_mm} makes"


def highest_and_lowest(shown: Answer) -> tuple[ValueMean, ValueMean] | None:
    """The values with the highest and the lowest mean; None below two."""
    known = [one for one in shown.values if math.isfinite(one.mean)]
    if len(known) < 2:
        return None
    return max(known, key=lambda one: one.mean), min(known, key=lambda one: one.mean)


def _only_one(told: Told) -> Part:
    shown = told.conclusion.shown
    mean = shown.values[0].mean if shown.values else float("nan")
    return Part(
        "Which value should I take?",
        "Not known: only one value was tested.",
        (f"There is nothing to compare it with. Its mean {told.score} is {number(mean)}.",),
    )


def _which(told: Told) -> Part:
    advice = told.conclusion.recommendation
    reason = advice.reason
    if advice.value is None:
        reason = reason.removeprefix("Not known: too little evidence. ")
        lead = "Not known: there is too little evidence."
    elif advice.value == advice.default:
        lead = f"Keep the default, {told.named(advice.value)}."
    else:
        lead = f"Take {told.named(advice.value)}."
    return Part("Which value should I take?", lead, (reason, *_selection(told)))


def _selection(told: Told) -> tuple[str, ...]:
    """What choosing by validation would have given, and how far that is from the best."""
    chosen = told.conclusion.selection
    if chosen is None:
        return ("There are no validation scores of all values, so none was chosen by them.",)
    places = decimals_of(told.conclusion.shown)
    text = (
        f"Choosing by validation scores alone, as one does in practice, gives {chosen.value}, with "
        f"{number(chosen.test.mean, places)} {told.score} on the test part."
    )
    if chosen.regret > 0:
        text += f" That is {number(chosen.regret, places)} below the best test mean"
    else:
        text += " No value has a higher test mean"
    if math.isfinite(chosen.regret_at_most):
        text += f"; it costs at most {number(chosen.regret_at_most, places)} (95\u00a0%)"
    return (f"{text}.",)


def _how_much(told: Told) -> Part:
    shown = told.conclusion.shown
    question = "How much does it matter?"
    ends = highest_and_lowest(shown)
    if ends is None:
        return Part(question, "Not known: fewer than two values have scores.", ())
    high, low = ends
    places = decimals_of(shown)
    largest = high.mean - low.mean
    lead = (
        f"The means differ by {number(largest, places)} at most"
        f"{like_moving(*shift_of(shown, largest))}."
    )
    said = [
        f"Mean {told.score}: from {number(low.mean, places)} with {low.value} to "
        f"{number(high.mean, places)} with {high.value}.",
        _beside_chance(told, largest, places),
        *_largest_judged(told),
        _margin(told),
    ]
    return Part(question, lead, tuple(said))


def _beside_chance(told: Told, largest: float, places: int) -> str:
    """The largest difference beside what another seed makes."""
    sd = told.spread.sd
    if not math.isfinite(sd):
        return (
            "How far networks of one value differ by chance on the same patients is not known: "
            "that needs several networks per value."
        )
    other = "another seed" if told.design == "seeds" else "another training run"
    text = (
        f"Chance makes differences, too: with the same value and the same patients, {other} "
        f"changes the mean by a standard deviation of {number(sd, places)}"
    )
    low, high = told.spread.interval()
    if math.isfinite(low) and low < high:
        text += f" (95\u00a0% interval {number(low, places)} to {number(high, places)})"
    if sd > 0:
        text += f"; the largest difference is {largest / sd:.1f} times that"
    return f"{text}."


def _largest_judged(told: Told) -> tuple[str, ...]:
    shown = told.conclusion.shown
    one = _largest(shown)
    return () if one is None else (comparison_sentence(one, shown, told.score, told.field),)


def _largest(shown: Answer) -> Comparison | None:
    judged = [one for one in shown.comparisons if math.isfinite(one.difference)]
    return max(judged, key=lambda one: abs(one.difference), default=None)


def _margin(told: Told) -> str:
    margin = margin_words(told.conclusion.shown)
    text = f"The smallest difference that matters, the margin, is {margin}"
    if not told.conclusion.margin_by_default:
        return f"{text}, as chosen beforehand."
    return (
        f"{text}: what moving the manual contour outward by {_quarter()} of a pixel does to this "
        "score in these patients."
    )


def _quarter() -> str:
    return "a quarter" if SHIFT_PX == 0.25 else f"{SHIFT_PX:g}"


def _where(told: Told) -> Part:
    question = "Where do the segmentations differ?"
    metric = told.conclusion.asked.metric
    ranges = [(region, *found) for region in told.regions if (found := _range(told, region))]
    ranges.sort(key=lambda row: -row[1])
    if not ranges:
        return Part(question, "Not known: no region has scores of two values.", ())
    lead = f"Most in the {ranges[0][0]}"
    lead += f", least in the {ranges[-1][0]}." if len(ranges) > 1 else "."
    each = [
        f"{region} {number(size)}" + (f" ({px:.2f} px)" if px is not None else "")
        for region, size, px in ranges
    ]
    shift = ", and the same as a shift of its contour" if ranges[0][2] is not None else ""
    said = f"From the lowest to the highest mean {_SCORES[metric_in('', metric)]}{shift}: "
    return Part(question, lead, (f"{said}{listed(each)}.", *_levels(told)))


def _range(told: Told, region: str) -> tuple[float, float | None] | None:
    """How far a region's means lie apart, and the same as a shift in pixels."""
    metric = metric_in(region, told.conclusion.asked.metric)
    shown = answer_of(told.conclusion, region, metric)
    ends = None if shown is None else highest_and_lowest(shown)
    if shown is None or ends is None:
        return None
    size = ends[0].mean - ends[1].mean
    if shown is told.conclusion.shown:
        return size, shift_of(shown, size)[0]
    # margins of other regions are the effect of the default shift
    return size, SHIFT_PX * size / shown.margin if shown.margin > 0 else None


def _levels(told: Told) -> tuple[str, ...]:
    """The largest judged difference at base, middle and apex."""
    found = next((one for one in told.conclusion.subgroups if one.factor == "level"), None)
    largest = _largest(told.conclusion.shown)
    if found is None or largest is None:
        return ("Base, middle and apex of the heart are not told apart in these data.",)
    places = decimals_of(told.conclusion.shown)
    pair = {largest.value, largest.other}
    here = [one for one in found.differences if {one.value, one.other} == pair]
    if not here:
        return ()
    each = [f"{one.group} {number(one.difference, places, sign=True)}" for one in here]
    text = f"{here[0].value} minus {here[0].other}: {listed(each)}."
    return (text, _between_levels(found, pair))


def _between_levels(found: Subgroup, pair: set[str]) -> str:
    crossed = [one for one in found.interactions if {one.value, one.other} == pair]
    real = [one for one in crossed if one.low > 0 or one.high < 0]
    if not real:
        return "That this difference depends on the level of the slice is not shown (exploratory)."
    words = [f"{one.group} and {one.other_group}" for one in real]
    return f"This difference is not the same at {listed(words)} (exploratory)."


def _not_known(told: Told) -> Part:
    shown = told.conclusion.shown
    undecided = [one for one in shown.comparisons if not one.decided]
    total = len(shown.comparisons)
    if not total:
        lead = "Everything that needs a second value."
    elif not undecided:
        lead = f"{'The comparison is' if total == 1 else f'All {total} comparisons are'} decided."
    else:
        lead = f"{len(undecided)} of {counted(total, 'comparison')} {_is(undecided)} not decided."
    said = [*_costs(shown, bool(undecided)), scope_sentence(shown, told.design)]
    if any(isinstance(value, float) for point in told.found for _, value in point.values):
        said.append("Values between and beyond those tested were not tried; nothing is claimed.")
    return Part("What is not known, and what would it cost to decide?", lead, tuple(said))


def _is(some: Sequence[Comparison]) -> str:
    return "is" if len(some) == 1 else "are"


def _costs(shown: Answer, undecided: bool) -> list[str]:
    """The cheapest decisions first; the rest are counted."""
    if not undecided:
        return []
    if not shown.costs:
        if shown.family == "best":
            return ["For comparisons with the best value, no cost is computed."]
        return [
            "What it would cost to decide cannot be told from these scores: that needs several "
            "networks per value and several patients."
        ]
    ordered = sorted(shown.costs, key=lambda cost: cost.expected_even)
    said = [cost_sentence(cost) for cost in ordered[:_MOST_COSTS]]
    if len(ordered) > _MOST_COSTS:
        said.append(f"To decide the other {len(ordered) - _MOST_COSTS} would cost as much or more.")
    return said


def failures(told: Told) -> tuple[str, ...]:
    """Networks that collapsed, and failures that these patients cannot rule out."""
    conclusion = told.conclusion
    said = [
        f"With {one.value}, {one.collapsed} of {counted(one.networks, 'network')} collapsed: "
        "training ran out of bounds, or the network found nothing of the region in any patient. "
        f"The probability that this happens lies between {percent(one.low)} and "
        f"{percent(one.high)} (exact 95\u00a0% interval). Such networks are scored as they predict."
        for one in conclusion.collapse
        if one.collapsed
    ]
    if conclusion.collapse and not said:
        said = ["No network collapsed."]
    patients = counted(conclusion.shown.patients, "patient")
    said.append(
        f"Rare failures cannot be ruled out: even if a network never fails in {patients}, it may "
        f"fail in up to {percent(conclusion.rare_failures)} of all patients (exact 95\u00a0% bound)."
    )
    return tuple(said)
