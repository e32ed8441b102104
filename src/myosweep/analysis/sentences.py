"""What an answer says, in plain English: the same sentences for the terminal and for the report.

Pure functions of records. The sentences on one comparison are made in ``comparison_words``, those
on what a table lacks in ``degenerate``; both are imported from here.
"""

import math
from collections.abc import Sequence

from myosweep.analysis.comparison_words import comparison_sentence as comparison_sentence
from myosweep.analysis.degenerate import degenerate_sentences as degenerate_sentences
from myosweep.analysis.number_words import (
    counted,
    decimals_of,
    listed,
    margin_words,
    number,
    p_words,
    percent,
)
from myosweep.statistics.answer import Answer, SecondLook
from myosweep.statistics.decide import LIKELY, MOST_NETWORKS, Cost
from myosweep.statistics.intervals import LEVEL
from myosweep.statistics.score_table import Design, Estimand, ScoreTable
from myosweep.statistics.verdicts import Comparison, Verdict

_MOST_NAMED = 3
"""A headline names so many pairs; with more, it counts them."""
_MOST_QUOTED = 6
"""A paragraph to quote repeats so many comparisons in full; with more, the heading stands there."""

_SCOPES: dict[Estimand, str] = {
    "networks and patients": "The verdicts hold for new networks and new patients: the intervals "
    "cover the spread between {networks} per value and between {patients}",
    "patients": "The verdicts hold for new patients, but for these very networks only: another "
    "training run could turn them round. The intervals cover the spread between {patients}",
    "networks": "The verdicts hold for new networks, but for these very patients only: other "
    "patients could turn them round. The intervals cover the spread between {networks} per value",
    "none": "The scores hold for these very networks and patients only: there are too few of both "
    "for an interval, and nothing is concluded about new networks or new patients",
}


def verdict_heading(answer: Answer) -> str:
    """One headline, without a full stop."""
    judged = [one for one in answer.comparisons if one.verdict != "not known"]
    if not judged:
        return "Nothing can be concluded from these scores"
    if len(judged) == len(answer.comparisons) and all(
        one.verdict == "practically equivalent" for one in judged
    ):
        return f"Practically equivalent: {listed([one.value for one in answer.values])}"
    if answer.family == "reference":
        return _reference_heading(answer, judged)
    best = _best_values(answer)
    if len(best) == 1:
        return f"{best[0]} is the best of the values tested"
    if answer.family == "best":
        return f"The best is one of {listed(best, 'or')}"
    shown = [one for one in judged if _direction(one.verdict)]
    if not shown:
        return "No value is shown to be better than another"
    if len(shown) <= _MOST_NAMED:
        return "; ".join(f"{o.value} is {_direction(o.verdict)} than {o.other}" for o in shown)
    return f"In {len(shown)} of {len(answer.comparisons)} pairs of values, one is better"


def _best_values(answer: Answer) -> list[str]:
    """The values that the judged differences leave as possibly the best."""
    names = [one.value for one in answer.values]
    if answer.family == "best":
        above = [one.value for one in answer.comparisons if _direction(one.verdict) == "better"]
        below = {one.value for one in answer.comparisons if _direction(one.verdict) == "worse"}
        return above or [name for name in names if name not in below]
    beaten: dict[str, set[str]] = {name: set() for name in names}
    for one in answer.comparisons:
        side = _direction(one.verdict)
        if side:
            pair = (one.value, one.other) if side == "better" else (one.other, one.value)
            beaten[pair[0]].add(pair[1])
    winners = [name for name in names if len(beaten[name]) == len(names) - 1]
    return winners or names


def _reference_heading(answer: Answer, judged: Sequence[Comparison]) -> str:
    """The values by verdict; those that are shown to differ first."""
    groups: dict[str, list[str]] = {"better": [], "worse": [], "equivalent": [], "undecided": []}
    for one in judged:
        kind = "equivalent" if one.verdict == "practically equivalent" else "undecided"
        groups[_direction(one.verdict) or kind].append(one.value)
    named = {
        "better": f"better than {answer.reference}",
        "worse": f"worse than {answer.reference}",
        "equivalent": f"practically equivalent to {answer.reference}",
        "undecided": "undecided",
    }
    if len(groups["undecided"]) == len(judged):
        return f"No value is shown to differ from {answer.reference}, or to be equivalent to it"
    text = "; ".join(f"{named[kind]}: {listed(names)}" for kind, names in groups.items() if names)
    return text[:1].upper() + text[1:]


def _direction(verdict: Verdict) -> str:
    return verdict.split(",")[0] if verdict.startswith(("better", "worse")) else ""


def scope_sentence(answer: Answer, design: Design | None) -> str:
    """What the verdicts hold for: the estimand, in every case.

    Args:
        design: how the networks were made; None where that is not known.
    """
    text = _SCOPES[answer.estimand].format(
        networks=counted(answer.networks, "network"),
        patients=counted(answer.patients, "patient"),
    )
    covers_networks = answer.estimand in ("networks and patients", "networks")
    if covers_networks and design == "seeds":
        return (
            f"{text}. All networks learned from the same patients: what others to learn from would "
            "change is not covered."
        )
    if covers_networks and design == "folds":
        return (
            f"{text}. The networks learned from overlapping parts of the same patients, whose "
            "effect one pool of patients cannot show in full; the cautious intervals allow for it."
        )
    return f"{text}."


def sets_sentences(answer: Answer) -> tuple[str, ...]:
    """The two sets, in words: which values may be the best, and which are shown good enough."""
    if len(answer.values) < 2 or answer.highest is None:
        return ()
    level, margin = percent(1 - answer.level), margin_words(answer)
    if answer.estimand == "none":
        return ("Any of the values may be the best, and none is shown to be good enough.",)
    if len(answer.may_be_best) == len(answer.values):
        first = "May be the best: every value; the scores rule none out."
    else:
        first = (
            f"May be the best: {listed(answer.may_be_best)}. The others are ruled out "
            f"({level} for all values at once); more networks or patients make this list shorter."
        )
    if not answer.good_enough:
        return first, (
            f"Shown to be good enough: none. For no value do the scores show that it falls short "
            f"of the best by less than the margin of {margin}."
        )
    return first, (
        f"Shown to be good enough: {listed(answer.good_enough)}, short of the best value by less "
        f"than the margin of {margin}, whichever value that is ({level} for all values at once)."
    )


def cost_sentence(cost: Cost) -> str:
    """What it would take to decide between two values."""
    pair = f"between {cost.value} and {cost.other}"
    if not cost.decidable and math.isinf(cost.even[1]):
        at_best = ""
        if math.isfinite(cost.even[0]):
            at_best = f" At the very best, {cost.even[0]:.0f} networks per value would be enough."
        return (
            f"Not decidable with these patients {pair}: they differ too much from each other; more "
            f"patients are needed.{at_best}"
        )
    return (
        f"To decide {pair}, {_needed(cost.expected_even, cost.even)} networks per value would be "
        f"needed for an even chance, {_needed(cost.expected_likely, cost.likely)} for "
        f"{percent(LIKELY)}; with the {cost.networks} that there are the chance was about "
        f"{percent(round(cost.chance, 2))}."
    )


def _needed(expected: float, between: tuple[float, float]) -> str:
    """``about 20 (12 to 40)``: as estimated, and what the estimates leave possible."""
    low, high = between
    if math.isinf(low):
        return f"more than {MOST_NETWORKS}"
    most = f"more than {MOST_NETWORKS}" if math.isinf(high) else f"{high:.0f}"
    if math.isinf(expected):
        return f"{low:.0f} to {most}"
    return f"about {expected:.0f}" if low == high else f"about {expected:.0f} ({low:.0f} to {most})"


def second_look_sentences(answer: Answer) -> tuple[str, ...]:
    """The compared pairs by other methods; a first sentence says what these are worth."""
    looks = tuple(filter(None, (_look_words(look, answer) for look in answer.second_looks)))
    if not looks:
        return ()
    opening = "By other methods, one pair at a time and not adjusted for the number of comparisons."
    fewest = max((look.smallest_p or 0.0 for look in answer.second_looks), default=0.0)
    if fewest > LEVEL:
        opening += (
            f" So few networks cannot give a sign-flip test below p = {fewest:.2g}, whatever the "
            "difference."
        )
    return opening, *looks


def _look_words(look: SecondLook, answer: Answer) -> str:
    decimals = decimals_of(answer)

    def between(bounds: tuple[float, float]) -> str:
        return " to ".join(number(x, decimals, sign=True) for x in bounds)

    level = percent(1 - LEVEL)
    said = []
    if look.sign_flip_p is not None and look.smallest_p is not None:
        least = f"{look.smallest_p:.2g}" if look.smallest_p >= 0.001 else "below 0.001"
        said.append(
            f"exact sign-flip test over networks, for these patients only: "
            f"{p_words(look.sign_flip_p)} (smallest possible: {least})"
        )
    if look.cautious is not None:
        said.append(
            f"cautious {level} interval for networks that learned from overlapping patients: "
            f"{between(look.cautious)}"
        )
    if look.bootstrap is not None:
        said.append(f"two-way bootstrap {level} interval: {between(look.bootstrap)}")
    return f"{look.value} against {look.other}: {'; '.join(said)}." if said else ""


def quotable(
    table: ScoreTable,
    answer: Answer,
    metric_words: str = "score",
    value_words: str = "",
    design: Design | None = None,
    *,
    margin_assumed: bool = False,
) -> str:
    """One paragraph that a reviewer or an author can quote.

    Args:
        margin_assumed: whether nobody chose the margin.
    """
    names = [one.value for one in answer.values]
    counts = (
        *([f"{counted(answer.networks, 'network')} per value"] if table.networks_known else []),
        *([counted(answer.patients, "patient")] if table.patients_known else []),
    )
    said = [f"{verdict_heading(answer)}."]
    if len(answer.comparisons) <= _MOST_QUOTED:
        said = [
            comparison_sentence(one, answer, metric_words, value_words)
            for one in answer.comparisons
        ]
    return (
        f"Comparison of {metric_words} between {len(names)} values of "
        f"{value_words or 'the setting'} ({', '.join(names)})"
        f"{', from ' + listed(counts) if counts else ''}. {_method(answer, margin_assumed)} "
        f"{' '.join(said)} {scope_sentence(answer, design)}"
    )


def _method(answer: Answer, margin_assumed: bool) -> str:
    if answer.estimand == "none":
        return "No interval can be given."
    at_once = " hold for all comparisons together and" if len(answer.comparisons) > 1 else ""
    margin = "assumed to be" if margin_assumed else "set to"
    return (
        f"The {percent(1 - answer.level)} intervals{at_once} come from paired differences, "
        f"{_FACTORS[answer.estimand]}; the smallest difference that matters (margin) was {margin} "
        f"{margin_words(answer)}."
    )


_FACTORS: dict[Estimand, str] = {
    "networks and patients": "with networks and patients as two crossed random factors",
    "patients": "with patients as a random factor",
    "networks": "with networks as a random factor",
    "none": "without a random factor",
}
