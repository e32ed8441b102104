"""The clinical section: what values mean for infarct size, mass, contours and segments."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from myosweep.analysis.clinical.agreement import ValueAgreement
from myosweep.analysis.clinical.findings import (
    FALSE_INFARCT_PERCENT,
    ClinicalFindings,
    MeasureFinding,
    ValueExtras,
    clinical_findings,
)
from myosweep.analysis.clinical.words import (
    conclusion_sentences,
    limits_words,
    size_verdict,
    warnings,
)
from myosweep.analysis.number_words import number
from myosweep.analysis.points import Point, fields_in_words, points
from myosweep.report.clinical_figure import draw_agreement, draw_bullseyes
from myosweep.report.conclusion_tables import Lettered, capital, plain_table
from myosweep.report.style import Drawing, value_colour
from myosweep.report.tables import NONE, Row, Table
from myosweep.results.clinical import read_clinical
from myosweep.results.read import Results

MOST_PANELS = 12
"""With more values than these no figure is drawn: its panels would be too small."""


@dataclass(frozen=True)
class ClinicalSection:
    """What the report and the terminal say of clinical measures.

    Attributes:
        lead: the conclusion in plain words.
        tables: per measure one of all values, then one of all else, then the worst patients.
        drawings: with their captions.
        warnings: topic and text.
    """

    lead: tuple[str, ...]
    tables: tuple[Lettered, ...]
    drawings: tuple[tuple[Drawing, str], ...]
    warnings: tuple[tuple[str, str], ...]


def stored_section(results: Results) -> ClinicalSection | None:
    """The section, from the table in the study's folder; None if nobody has measured yet.

    Raises:
        StudyError: if the table is damaged.
    """
    stored = read_clinical(results.folder)
    if stored is None or not set(stored[0]["run"]) & set(results.networks["run"]):
        return None
    return clinical_section(clinical_findings(results, *stored), results)


def clinical_section(
    found: ClinicalFindings, results: Results, *, draw: bool = True
) -> ClinicalSection:
    """The section of some findings; without figures if ``draw`` is False."""
    shown, field = points(results), fields_in_words(results.fields)
    drawings = tuple(_drawings(found, shown)) if draw and len(shown) <= MOST_PANELS else ()
    tables = tuple(_tables(found, shown, field))
    return ClinicalSection(conclusion_sentences(found, field), tables, drawings, warnings(found))


def _drawings(found: ClinicalFindings, shown: tuple[Point, ...]) -> Iterator[tuple[Drawing, str]]:
    colours = {point.label: value_colour(point) for point in shown}
    for place, one in enumerate(found.judged, start=1):
        caption = (
            f"{capital(one.measure.words)}: network minus reference, against the mean of the two "
            f"({one.measure.unit}), one dot per patient and network. Solid: bias; dashed: limits "
            "of agreement (1.96 standard deviations of a single network on a single patient)"
        )
        margin = "" if one.measure.margin is None else "; shaded: the margin"
        yield draw_agreement(one, colours, f"figure-M{place}-agreement"), f"{caption}{margin}."
    if found.segments:
        yield (
            draw_bullseyes(found.segments),
            f"Mean transmurality of the AHA's 16 segments over {found.facts.aligned} patients, in "
            "per cent, by the reference and by each value’s networks. The outer ring is the base, "
            "the inner one the apex; the anterior wall is up, the septum to the left.",
        )


def _tables(found: ClinicalFindings, shown: tuple[Point, ...], field: str) -> Iterator[Lettered]:
    letters = (f"M{number}" for number in itertools.count(1))
    colours = {point.label: value_colour(point) for point in shown}
    for one in found.measures:
        title = f"{capital(one.measure.words)}, {one.measure.unit}"
        folded = one not in found.judged
        yield Lettered(next(letters), _caption(one), _values(one, colours, field), folded, title)
    extras = _extras(found, colours, field)
    if len(extras.head[0]) > 1:
        title = "Contours, segments, false infarct"
        yield Lettered(next(letters), _extras_caption(found), extras, False, title)
    for one in found.judged:
        rows = [_worst(patient, one) for patient in one.worst if _is_off(patient, one)]
        if rows:
            heads = ("patient", "reference", *one.table.values)
            title = f"Patients with the largest error of {one.measure.words}, {one.measure.unit}"
            caption = f"{title}: the reference, and the mean over each value’s networks."
            yield Lettered(next(letters), caption, plain_table(heads, rows), True, title)


def _is_off(patient: tuple[str, float, tuple[float, ...]], one: MeasureFinding) -> bool:
    """Whether any error is more than what rounding hides."""
    _, reference, means = patient
    return any(abs(mean - reference) >= 0.5 * 10**-one.measure.decimals for mean in means)


def _extras(found: ClinicalFindings, colours: dict[str, str], field: str) -> Table:
    """What else is told of each value, without columns that nobody knows."""
    every = [_extra(one) for one in found.extras]
    known = [k for k in range(len(_EXTRAS)) if any(cells[k] != NONE for cells in every)]
    rows = [
        Row(one.value, tuple(cells[k] for k in known), colours.get(one.value, ""))
        for one, cells in zip(found.extras, every, strict=True)
    ]
    return plain_table((field, *(_EXTRAS[k] for k in known)), rows)


_VALUES = ("mean", "bias", "95 % together", "verdict", "limits", "concordance")
_EXTRAS = ("endo", "95 %", "epi", "95 %", "missed", "> 50 %", "same class", "false infarct")


def _caption(one: MeasureFinding) -> str:
    reference = number(one.agreement.reference_mean, one.measure.decimals)
    margin = "There is no margin, and so no verdict."
    if one.measure.margin is not None:
        margin = f"Verdicts on the bias, with a margin of {one.measure.margin:g}."
    return (
        f"{capital(one.measure.words)}, {one.measure.unit} (reference: {reference}): bias against "
        f"the reference; limits of agreement of one network on one patient; Lin’s concordance. "
        f"{margin}"
    )


def _values(one: MeasureFinding, colours: dict[str, str], field: str) -> Table:
    rows = [
        Row(v.value, _value_cells(v, one), colours.get(v.value, "")) for v in one.agreement.values
    ]
    return plain_table((field, *_VALUES), rows)


def _value_cells(v: ValueAgreement, one: MeasureFinding) -> tuple[str, ...]:
    places = one.measure.decimals
    verdict = NONE if one.measure.margin is None else size_verdict(v.bias)
    return (
        number(v.mean, places),
        number(v.bias.difference, places, sign=True),
        between(v.bias.low, v.bias.high, places, sign=True),
        verdict,
        limits_words(v, one),
        f"{number(v.concordance, 2)} ({between(v.concordance_low, v.concordance_high, 2)})",
    )


def between(low: float, high: float, places: int, *, sign: bool = False) -> str:
    """An interval as text; a dash where there is none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return NONE
    return f"{number(low, places, sign=sign)} to {number(high, places, sign=sign)}"


def _extra(one: ValueExtras) -> tuple[str, ...]:
    above = number(one.segments_above_50, 1)
    if math.isfinite(one.reference_segments_above_50):
        above += f" ({number(one.reference_segments_above_50, 1)})"
    false = number(one.false_infarct, 1)
    if math.isfinite(one.false_infarct):
        false += f" of {one.without_infarct}"
    return (
        number(one.endo_mm, 1, sign=True),
        number(one.endo_p95_mm, 1),
        number(one.epi_mm, 1, sign=True),
        number(one.epi_p95_mm, 1),
        number(one.missed_slices, 1),
        above,
        number(100 * one.same_class, 0) + (" %" if math.isfinite(one.same_class) else ""),
        false,
    )


def _extras_caption(found: ClinicalFindings) -> str:
    facts = found.facts
    told = []
    if facts.in_plane_known:
        told.append(
            "Contours: mean signed error of endo- and epicardium in mm (above 0: the network’s "
            "lies outside), and the distance that 95 % of each keep to; slices whose epicardium a "
            "network missed."
        )
    if facts.in_plane_known and facts.tells_infarct and facts.n_sd is None:
        kind = "AHA segments" if found.segments else "sectors (not AHA-aligned)"
        told.append(
            f"Transmurality of {kind}: how many per patient are above 50 % (in brackets: by the "
            "reference), and the share in the reference’s class (0, 1–25, 26–50, 51–75, above "
            "75 %)."
        )
    told.append(
        "False infarct: patients without infarct in whom a network marks more than "
        f"{FALSE_INFARCT_PERCENT:g} % of the myocardium. Means over networks and patients."
    )
    return " ".join(told)


def _worst(patient: tuple[str, float, tuple[float, ...]], one: MeasureFinding) -> Row:
    name, reference, means = patient
    places = one.measure.decimals
    return Row(name, (number(reference, places), *(number(x, places) for x in means)))
