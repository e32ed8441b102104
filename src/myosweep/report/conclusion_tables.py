"""The conclusion's tables as records; the template only lays them out."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from myosweep.analysis.answer import Answer
from myosweep.analysis.conclude import Conclusion
from myosweep.analysis.movers import Mover, PatientRow
from myosweep.analysis.number_words import counted, decimals_of, listed, number, p_words, percent
from myosweep.analysis.patient_scores import OVERALL_METRICS, REGION_METRICS
from myosweep.analysis.points import Point
from myosweep.analysis.scores import ALL
from myosweep.analysis.subgroups import Subgroup
from myosweep.analysis.verdicts import Comparison
from myosweep.report.forest_figure import VERDICT_WORDS, shift_words
from myosweep.report.style import METRIC_WORDS, value_colour
from myosweep.report.tables import MOST_COLUMNS, NONE, Heading, Row, Section, Table

_FOLDED_FROM = 12  # a longer table of comparisons is folded away
_MOST_NAMED = 6  # more pairs of values than these are counted, not named
_SOURCES = {
    "value": "values",
    "network": "networks",
    "patient": "patients",
    "residual": "what is left",
}


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
        cells = [number(one.mean, places), interval(one.low, one.high, places)]
        cells += [str(len(networks)), between if len(networks) > 1 else NONE]
        if several:
            cells += [yes(one.value in shown.may_be_best), yes(one.value in shown.good_enough)]
        marked = one.value == conclusion.recommendation.value
        rows.append(Row(one.value, tuple(cells), colours.get(one.value, ""), marked))
    names = [_capital(field), "Mean", "95 % interval", "Networks", "Their range"]
    names += ["May be the best", "Shown good enough"] if several else []
    return _table(names, rows)


def comparisons_table(shown: Answer, found: Sequence[Point]) -> Table:
    """Every judged difference with its interval, p, shift and verdict."""
    places, colours = decimals_of(shown), colours_of(found)
    rows = [
        Row(
            pair_words(one, shown),
            (
                number(one.difference, places, sign=True),
                interval(one.low, one.high, places, sign=True),
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
    return _table([*names, "As a shift of the contour", "Verdict"], rows)


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
                interval(one.low, one.high, places, sign=True),
                VERDICT_WORDS[one.verdict].replace("better", "larger").replace("worse", "smaller"),
            ),
        )
        for one in found.comparisons
    ]
    return _table([f"Effect of {found.fields[0]}", "Estimate", "95 % interval", "Verdict"], rows)


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
        title = "All regions" if region == ALL else _capital(region)
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
    return _table(["Claim", "The paper says", "On these data", "Evidence"], rows, words=True)


def movers_table(movers: Sequence[Mover]) -> Table | None:
    """The slices whose score depends most on the value."""
    if not movers:
        return None
    levels = any(one.level is not None for one in movers)
    rows = []
    for one in movers:
        cells = [one.patient, *([one.level or NONE] if levels else [])]
        cells += [f"{number(one.lowest)} with {one.lowest_value}"]
        cells += [f"{number(one.highest)} with {one.highest_value}"]
        cells += [number(one.range), number(one.between_networks)]
        rows.append(Row(one.slice, tuple(cells)))
    names = ["Slice", "Patient", *(["Level"] if levels else []), "Lowest mean", "Highest mean"]
    return _table([*names, "Range", "SD between networks"], rows)


def patients_rows(patients: Sequence[PatientRow], found: Sequence[Point]) -> Table | None:
    """Each patient's mean score for each value; many values leave only the lowest and highest."""
    if not patients:
        return None
    ordered = sorted(patients, key=lambda row: -_or_less(row.best_minus_worst))
    wide = len(found) <= MOST_COLUMNS
    rows = []
    for one in ordered:
        cells = [number(mean) for mean in one.means] if wide else _ends(one, found)
        rows.append(Row(one.patient, (*cells, number(one.best_minus_worst))))
    values = [Heading(point.label, colour=value_colour(point)) for point in found]
    middle = values if wide else [Heading("Lowest mean"), Heading("Highest mean")]
    head = (Heading("Patient"), *middle, Heading("Highest minus lowest"))
    return Table((head,), (Section("", tuple(rows)),))


def shares_table(conclusion: Conclusion) -> Table | None:
    """Where scores vary: standard deviations with their intervals."""
    if not conclusion.shares:
        return None
    rows = [
        Row(_source(one.name), (number(one.sd, 4), interval(one.low, one.high, 4)))
        for one in conclusion.shares
    ]
    return _table(["Scores differ between", "Standard deviation", "95 % interval"], rows)


def second_looks_table(shown: Answer) -> Table | None:
    """The compared pairs by other methods; None if no other method can be used."""
    rows = []
    places = decimals_of(shown)
    looks = shown.second_looks
    cautious = any(one.cautious is not None for one in looks)
    bootstrap = any(one.bootstrap is not None for one in looks)
    for one in looks:
        if one.sign_flip_p is None or one.smallest_p is None:
            continue
        cells = [_bare(p_words(one.sign_flip_p)), _bare(p_words(one.smallest_p))]
        cells += [_bounds(one.cautious, places)] if cautious else []
        cells += [_bounds(one.bootstrap, places)] if bootstrap else []
        rows.append(Row(f"{one.value} − {one.other}", tuple(cells)))
    if not rows:
        return None
    names = ["Difference of", "Sign-flip p", "Smallest p possible"]
    names += ["Nadeau-Bengio interval"] if cautious else []
    names += ["Bootstrap interval"] if bootstrap else []
    return _table(names, rows)


def subgroups_table(found: Subgroup, places: int) -> Table:
    """One kind of subgroup: differences within groups, and how much these differ."""
    sections = []
    for group in found.groups:
        rows = [
            Row(
                f"{one.value} − {one.other}",
                (
                    str(one.patients),
                    number(one.difference, places, sign=True),
                    interval(one.low, one.high, places, sign=True, note=one.note),
                ),
            )
            for one in found.differences
            if one.group == group
        ]
        sections.append(Section(_capital(group), tuple(rows)))
    rows = [
        Row(
            f"{one.group} minus {one.other_group}: {one.value} − {one.other}",
            (
                str(one.patients),
                number(one.difference, places, sign=True),
                interval(one.low, one.high, places, sign=True, note=one.note),
            ),
        )
        for one in found.interactions
    ]
    if rows:
        sections.append(Section("Do the groups differ?", tuple(rows)))
    over = [
        Row(
            f"{one.value} − {one.other}",
            (
                counted(one.sites, "site"),
                number(one.difference, places, sign=True),
                interval(one.low, one.high, places, sign=True, note=one.note),
            ),
        )
        for one in found.over_sites
    ]
    if over:
        sections.append(Section("Over sites, each counting once", tuple(over)))
    together = f"{percent(0.95)} interval, all together"
    head = (*map(Heading, ("Difference of", "Patients", "Estimate", together)),)
    return Table((head,), tuple(sections))


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


def colours_of(found: Sequence[Point]) -> dict[str, str]:
    """Colours by label."""
    return {point.label: value_colour(point) for point in found}


def yes(there: bool) -> str:
    """A check mark, or a dash: read at a glance, and aloud."""
    return "✓ yes" if there else "no"


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
    if shown.family == "pairs" and len(shown.comparisons) > _MOST_NAMED:
        return f"{len(names)} of {counted(len(shown.comparisons), 'pair')}"
    return listed(names)


def _ends(one: PatientRow, found: Sequence[Point]) -> list[str]:
    there = [
        (mean, point.label)
        for mean, point in zip(one.means, found, strict=True)
        if math.isfinite(mean)
    ]
    if not there:
        return [NONE, NONE]
    return [f"{number(mean)} with {label}" for mean, label in (min(there), max(there))]


def _source(name: str) -> str:
    parts = name.split(" x ")
    if len(parts) == 1:
        return _capital(_SOURCES.get(name, name))
    return f"{_capital(_SOURCES[parts[0]])}, differently for different {_SOURCES[parts[1]]}"


def _bounds(bounds: tuple[float, float] | None, places: int) -> str:
    return NONE if bounds is None else interval(*bounds, places, sign=True)


def _bare(p: str) -> str:
    return p.removeprefix("p = ").removeprefix("p ") or NONE


def _or_less(x: float) -> float:
    return x if math.isfinite(x) else -1.0


def _table(names: Iterable[str], rows: Sequence[Row], *, words: bool = False) -> Table:
    return Table((tuple(map(Heading, names)),), (Section("", tuple(rows)),), words)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
