"""The conclusion's four questions, answered in short sentences for somebody with ten minutes."""

import math
from collections.abc import Sequence

from myosweep.analysis.margin import SHIFT_PX
from myosweep.analysis.number_words import (
    counted,
    decimals_of,
    listed,
    margin_words,
    number,
    percent,
)
from myosweep.analysis.sentences import comparison_sentence, cost_sentence, scope_sentence
from myosweep.analysis.subgroups import Subgroup
from myosweep.report.conclusion.told import (
    SCORE_NAMES,
    Part,
    Told,
    highest_and_lowest,
    largest_judged,
    like_moving,
    shift_of,
)
from myosweep.report.figures.dose import answer_of, metric_in
from myosweep.statistics.answer import Answer
from myosweep.statistics.verdicts import Comparison

_MOST_COSTS = 4


def four_questions(told: Told) -> tuple[Part, ...]:
    """The four questions with their answers; fewer where one value only was tested."""
    if len(told.conclusion.shown.values) < 2:
        return (_only_one(told), _not_known(told))
    return (_which(told), _how_much(told), _where(told), _not_known(told))


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
        start, _, reason = reason.partition(". ")
        lead = f"{start}."
    elif advice.value == advice.default:
        lead = f"Keep the default, {told.named(advice.value)}."
    else:
        lead = f"Take {told.named(advice.value)}."
    chosen = () if told.conclusion.nothing_learned else _selection(told)
    return Part("Which value should I take?", lead, (reason, *chosen))


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
    if chosen.regret_at_most < 1 - chosen.test.mean:
        text += (
            f"; against the best value, this choice costs at most "
            f"{number(chosen.regret_at_most, places)} (95\u00a0%)"
        )
    elif math.isfinite(chosen.regret_at_most):
        text += "; these scores set no limit to what this choice costs against the best value"
    return (f"{text}.",)


def _how_much(told: Told) -> Part:
    shown = told.conclusion.shown
    question = "How much does it matter?"
    ends = highest_and_lowest(shown)
    if ends is None:
        return Part(question, "Not known: fewer than two values have scores.", ())
    high, low = ends
    places = decimals_of(shown)
    if told.conclusion.nothing_learned:
        best = f"The highest mean {told.score} is {number(high.mean, places)}, with {high.value}."
        return Part(question, "Not known, because nothing was learned.", (best,))
    largest = high.mean - low.mean
    lead = "Not at all: the means are the same with every value."
    if largest > 0:
        shift = like_moving(*shift_of(shown, largest))
        lead = f"The means differ by at most {number(largest, places)}{shift}."
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
    sd = told.conclusion.spread.sd
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
    low, high = told.conclusion.spread.interval()
    if math.isfinite(low) and low < high:
        text += f" (95\u00a0% interval {number(low, places)} to {number(high, places)})"
    if sd > 0:
        text += f"; the largest difference is {largest / sd:.1f} times that"
    return f"{text}."


def _largest_judged(told: Told) -> tuple[str, ...]:
    shown = told.conclusion.shown
    one = largest_judged(shown)
    if one is None:
        return ()
    if one.low < -1 and one.high > 1:
        return (
            f"Whether {one.value} and {one.other} differ is undecided: with so few networks, the "
            "interval of their difference is wider than the whole scale from 0 to 1.",
        )
    several = ", " in told.field  # then the values tell more than the fields' names before them
    sentence = comparison_sentence(one, shown, told.score, "" if several else told.field)
    return (sentence[:1].upper() + sentence[1:] if several else sentence,)


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
    if not ranges[0][1] > 0:
        return Part(question, "Nowhere: the means of every region are the same.", ())
    lead = f"Most in the {ranges[0][0]}"
    lead += f", least in the {ranges[-1][0]}." if len(ranges) > 1 else "."
    each = [
        f"{region} {number(size)}" + (f" ({px:.2f} px)" if px is not None else "")
        for region, size, px in ranges
    ]
    shift = ", and the same as a shift of its contour" if ranges[0][2] is not None else ""
    said = f"From the lowest to the highest mean {SCORE_NAMES[metric_in('', metric)]}{shift}: "
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
    largest = largest_judged(told.conclusion.shown)
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
    if told.conclusion.nothing_learned:
        lead = "Everything: verdicts on networks that have learned nothing tell nothing."
    elif not total:
        lead = "Everything that needs a second value."
    elif not undecided:
        lead = f"{'The comparison is' if total == 1 else f'All {total} comparisons are'} decided."
    elif len(undecided) == total:
        lead = f"{'The comparison is not' if total == 1 else 'No comparison is'} decided."
    else:
        lead = f"{len(undecided)} of {total} comparisons {_is(undecided)} not decided."
    costly = bool(undecided) and not told.conclusion.nothing_learned
    said = [*_costs(shown, costly), scope_sentence(shown, told.design)]
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
    fallen = [one for one in conclusion.collapse if one.collapsed]
    said = ["No network collapsed."] if conclusion.collapse and not fallen else []
    if fallen:
        named = [
            f"{one.collapsed} of {counted(one.networks, 'network')} collapsed with {one.value}"
            for one in fallen
        ]
        said.append(
            f"{listed(named)}. Their training ran out of bounds, or they found nothing of the "
            "region in any patient. They are not dropped: all verdicts score them as they predict."
        )
        said.append(_without_collapsed(told))
    patients = counted(conclusion.shown.patients, "patient")
    said.append(
        f"Rare failures cannot be ruled out: a network that never fails in {patients} may still "
        f"fail in up to {percent(conclusion.rare_failures)} of all patients (95\u00a0% bound)."
    )
    return tuple(said)


def _without_collapsed(told: Told) -> str:
    """Which verdicts change where pairs with a collapsed network are left out."""
    shown, left = told.conclusion.shown, told.conclusion.sensitivity
    if not left:
        return "Without them there are too few networks to compare values again."
    changed = [
        f"{one.value} against {one.other}: {one.verdict} "
        f"({number(one.difference, decimals_of(shown), sign=True)})"
        for one in left
        if (before := shown.comparison(one.value, one.other)) is None
        or before.verdict != one.verdict
    ]
    if not changed:
        return "Without them the verdicts are the same."
    return f"Without them these verdicts change: {listed(changed)}."
