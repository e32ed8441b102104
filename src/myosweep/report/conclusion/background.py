"""Tables behind the conclusion: patients, slices, other methods, variance, subgroups."""

import math
from collections.abc import Sequence

from myosweep.analysis.conclude import Conclusion
from myosweep.analysis.movers import Mover, PatientRow
from myosweep.analysis.number_words import capital, counted, decimals_of, number, p_words, percent
from myosweep.analysis.points import Point
from myosweep.analysis.subgroups import Subgroup
from myosweep.report.conclusion.tables import interval, plain_table
from myosweep.report.figures.style import value_colour
from myosweep.report.tables import NONE, Heading, Row, Section, Table
from myosweep.statistics.answer import Answer

_SOURCES = {
    "value": "values",
    "network": "networks",
    "patient": "patients",
    "residual": "what is left",
}

_MOST_VALUES = 8  # with more, a patient's row names the lowest and highest mean only


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
    return plain_table([*names, "Range", "SD between networks"], rows)


def patients_rows(patients: Sequence[PatientRow], found: Sequence[Point]) -> Table | None:
    """Each patient's mean score for each value; many values leave only the lowest and highest."""
    if not patients:
        return None
    ordered = sorted(patients, key=lambda row: -_or_less(row.best_minus_worst))
    wide = len(found) <= _MOST_VALUES
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
    return plain_table(["Scores differ between", "Standard deviation", "95 % interval"], rows)


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
    return plain_table(names, rows)


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
        sections.append(Section(capital(group), tuple(rows)))
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
        return capital(_SOURCES.get(name, name))
    return f"{capital(_SOURCES[parts[0]])}, differently for different {_SOURCES[parts[1]]}"


def _bounds(bounds: tuple[float, float] | None, places: int) -> str:
    return NONE if bounds is None else interval(*bounds, places, sign=True)


def _bare(p: str) -> str:
    return p.removeprefix("p = ").removeprefix("p ") or NONE


def _or_less(x: float) -> float:
    return x if math.isfinite(x) else -1.0
