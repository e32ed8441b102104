"""The conclusion's tables as records; the template only lays them out."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from myosweep.analysis.conclude import Conclusion
from myosweep.analysis.number_words import (
    capital,
    counted,
    decimals_of,
    listed,
    number,
    p_words,
    percent,
)
from myosweep.analysis.patient_scores import OVERALL_METRICS, REGION_METRICS
from myosweep.analysis.points import Point
from myosweep.analysis.scores import ALL
from myosweep.report.figures.forest import VERDICT_WORDS, shift_words
from myosweep.report.figures.style import METRIC_WORDS, value_colour
from myosweep.report.tables import NONE, Heading, Row, Section, Table
from myosweep.statistics.answer import Answer
from myosweep.statistics.verdicts import Comparison

_FOLDED_FROM = 12  # a longer table of comparisons is folded away
_MOST_NAMED = 6  # more pairs of values than these are counted, not named


@dataclass(frozen=True)
class Lettered:
    """A table with its letter and caption; ``folded`` ones open on a click, under ``title``."""

    letter: str
    caption: str
    table: Table
    folded: bool = False
    title: str = ""


def values_table(conclusion: Conclusion, found: Sequence[Point], field: str) -> Table:
    """Every value: its mean with its own interval, its networks, and both sets."""
    shown = conclusion.shown
    places = decimals_of(shown)
    colours = colours_of(found)
    several = len(shown.values) > 1
    rows = []
    for one in shown.values:
        networks = [score for score in one.networks if math.isfinite(score)]
        between = f"{number(min(networks))} to {number(max(networks))}" if networks else NONE
        low, high = within_scores(one.low, one.high)
        cells = [number(one.mean, places), interval(low, high, places)]
        cells += [str(len(networks)), between if len(networks) > 1 else NONE]
        if several:
            cells += [yes(one.value in shown.may_be_best), yes(one.value in shown.good_enough)]
        marked = one.value == conclusion.recommendation.value
        rows.append(Row(one.value, tuple(cells), colours.get(one.value, ""), marked))
    names = [capital(field), "Mean", "95 % interval", "Networks", "Their range"]
    names += ["May be the best", "Shown good enough"] if several else []
    return plain_table(names, rows)


def comparisons_table(shown: Answer, found: Sequence[Point]) -> Table:
    """Every judged difference with its interval, p, shift and verdict."""
    places, colours = decimals_of(shown), colours_of(found)
    rows = [
        Row(
            pair_words(one, shown),
            (
                number(one.difference, places, sign=True),
                _of_difference(one, places),
                p_words(one.p) or NONE,
                both_shifts(one),
                VERDICT_WORDS[one.verdict] + (", but not 0" if one.negligible_but_real else ""),
            ),
            colours.get(one.value, ""),
        )
        for one in shown.comparisons
    ]
    together = " together" if len(rows) > 1 else ""
    names = ["Difference of", "Estimate", f"{percent(1 - shown.level)} interval{together}", "p"]
    return plain_table([*names, "As a shift of the contour", "Verdict"], rows)


def interaction_table(conclusion: Conclusion) -> Table | None:
    """Differences of differences of two swept fields; None if there are none."""
    found = conclusion.interaction
    if found is None or not found.comparisons:
        return None
    places = decimals_of(conclusion.shown)
    rows = [
        Row(
            f"{one.value}, minus {one.other}",
            (
                number(one.difference, places, sign=True),
                _of_difference(one, places),
                VERDICT_WORDS[one.verdict].replace("better", "larger").replace("worse", "smaller"),
            ),
        )
        for one in found.comparisons
    ]
    return plain_table(
        [f"Effect of {found.fields[0]}", "Estimate", "95 % interval", "Verdict"], rows
    )


def others_table(conclusion: Conclusion, regions: Sequence[str]) -> Table | None:
    """Verdicts of all other regions and metrics, by what they say; None without comparisons."""
    found = {(one.region, one.metric): one.shown for one in conclusion.others}
    if not any(shown.comparisons for shown in found.values()):
        return None
    sections = []
    for region in (*regions, ALL):
        rows = [
            Row(METRIC_WORDS[metric], _by_verdict(found[region, metric]))
            for metric in (OVERALL_METRICS if region == ALL else REGION_METRICS)
            if (region, metric) in found
        ]
        title = "All regions" if region == ALL else capital(region)
        sections.append(Section(title, tuple(rows)))
    head = [Heading("Score"), *map(Heading, ("Better", "Equivalent", "Worse", "Not decided"))]
    return Table((tuple(head),), tuple(sections), words=True)


def claims_table(conclusion: Conclusion) -> Table | None:
    """The paper's claims with what these data say of them; None if there are none."""
    rows = [
        Row(one.letter, (one.statement, one.verdict, one.evidence)) for one in conclusion.claims
    ]
    if not rows:
        return None
    return plain_table(["Claim", "The paper says", "On these data", "Evidence"], rows, words=True)


def failures_table(conclusion: Conclusion, found: Sequence[Point]) -> Table | None:
    """Networks that collapsed, patients whose region was missed, and false alarms, by value."""
    colours = colours_of(found)
    missed = {one.value: one for one in conclusion.missed}
    alarms = {one.value: one for one in conclusion.false_alarms}
    rows = []
    for one in conclusion.collapse:
        cells = [f"{one.collapsed} of {one.networks} ({percent(one.low)} to {percent(one.high)})"]
        if (patients := missed.get(one.value)) is not None and patients.patients:
            cells.append(
                f"{patients.missed} of {patients.patients} (at most {percent(patients.bound)})"
            )
        else:
            cells.append(NONE)
        slices = alarms.get(one.value)
        absent = slices is not None and slices.absent > 0
        cells.append(f"{slices.alarms} of {slices.absent}" if slices and absent else NONE)
        rows.append(Row(one.value, tuple(cells), colours.get(one.value, "")))
    if not rows:
        return None
    return plain_table(
        ["Value", "Networks that collapsed", "Patients missed", "False alarms"], rows
    )


def is_long(table: Table) -> bool:
    """Whether a table would push everything else off the page."""
    return sum(len(section.rows) for section in table.sections) > _FOLDED_FROM


def pair_words(one: Comparison, shown: Answer) -> str:
    """What is compared: ``0.005 − 0.0001``, or ``0.005 against the best of the others``."""
    if shown.family == "best":
        return f"{one.value} against {one.other}"
    return f"{one.value} − {one.other}"


def both_shifts(one: Comparison) -> str:
    """``−0.35 px, −0.55 mm``; millimetres where they are known."""
    px = shift_words(one.shift_px, None)
    mm = shift_words(None, one.shift_mm) if one.shift_mm is not None else ""
    return ", ".join(filter(None, (px, mm))) or NONE


def interval(
    low: float, high: float, places: int = 3, *, sign: bool = False, note: str = ""
) -> str:
    """``0.702 to 0.815``; a note, or a dash, where there is none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return note or NONE
    return f"{number(low, places, sign=sign)} to {number(high, places, sign=sign)}"


def within_scores(low: float, high: float) -> tuple[float, float]:
    """An interval cut where scores end, at 0 and 1; NaN stays."""
    return (max(low, 0.0), min(high, 1.0)) if low <= high else (low, high)


def colours_of(found: Sequence[Point]) -> dict[str, str]:
    """Colours by label."""
    return {point.label: value_colour(point) for point in found}


def yes(there: bool) -> str:
    """A check mark, or a dash: read at a glance, and aloud."""
    return "✓ yes" if there else "no"


def _of_difference(one: Comparison, places: int) -> str:
    """The interval of a difference; in words where it is wider than all differences of scores."""
    if one.low < -1 and one.high > 1:
        return "wider than the scale"
    return interval(one.low, one.high, places, sign=True)


def _by_verdict(shown: Answer) -> tuple[str, str, str, str]:
    """Values (or pairs) that are better, equivalent, worse, and not decided."""
    groups: dict[str, list[str]] = {"better": [], "equivalent": [], "worse": [], "open": []}
    for one in shown.comparisons:
        first = one.verdict.split(",")[0]
        kind = "equivalent" if first == "practically equivalent" else first
        name = one.value if shown.family != "pairs" else pair_words(one, shown)
        groups[kind if kind in groups else "open"].append(name)
    better, equivalent, worse, undecided = (_named(names, shown) for names in groups.values())
    return better, equivalent, worse, undecided


def _named(names: Sequence[str], shown: Answer) -> str:
    if not names:
        return NONE
    if len(names) == len(shown.comparisons) > 1:
        return "all"
    if shown.family == "pairs" and len(shown.comparisons) > _MOST_NAMED:
        return f"{len(names)} of {counted(len(shown.comparisons), 'pair')}"
    return listed(names)


def plain_table(names: Iterable[str], rows: Sequence[Row], *, words: bool = False) -> Table:
    """Rows under one line of headings."""
    return Table((tuple(map(Heading, names)),), (Section("", tuple(rows)),), words)
