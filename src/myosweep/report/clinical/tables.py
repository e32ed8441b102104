"""Tables of clinical measures: agreement per value, contours, segments, levels, worst patients."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

from myosweep.analysis.clinical.agreement import ValueAgreement
from myosweep.analysis.clinical.extras import FALSE_INFARCT_PERCENT, ValueExtras
from myosweep.analysis.clinical.findings import ClinicalFindings, MeasureFinding
from myosweep.analysis.clinical.measure import LEVELS
from myosweep.analysis.clinical.words import limits_words, size_verdict
from myosweep.analysis.number_words import capital, number
from myosweep.analysis.points import Point
from myosweep.metrics.clinical import DENSITY_G_PER_ML, OFFICIAL_DISTANCE
from myosweep.report.conclusion.tables import Lettered, plain_table
from myosweep.report.figures.style import value_colour
from myosweep.report.tables import NONE, Row, Table

_MOST_VALUES = 4
"""With more values than these a patient has the range over them, not a column for each."""
OF_LIMITS, OF_CONCORDANCE = "Limits ± (95 %)", "Its 95 % interval"
"""Columns that a narrow screen can do without."""
_VALUES = (
    "Mean",
    "Bias",
    "95 % interval",
    "Verdict",
    "Limits",
    OF_LIMITS,
    "Concordance",
    OF_CONCORDANCE,
)
_EXTRAS = (
    "Endo",
    "95 %",
    "Epi",
    "95 %",
    "Missed",
    "> 50 %",
    "Class",
    "False infarct",
)
_EMIDEC_WALL = {
    "Dice": ("dice_myocardium", 3),
    "Volume, mm³": ("volume_difference_myocardium_mm3", 0),
    "Hausdorff, official (not mm)": ("hausdorff_official", 1),
    "Hausdorff, mm": ("hausdorff_mm", 1),
}
_EMIDEC_SCAR = {
    "Infarct: Dice": ("dice_infarct", 3),
    "Volume, mm³": ("volume_difference_infarct_mm3", 0),
    "Ratio": ("infarct_ratio_difference", 3),
    "No-reflow: Dice": ("dice_no_reflow", 3),
    "Volume, mm³ ": ("volume_difference_no_reflow_mm3", 0),
    "Ratio ": ("no_reflow_ratio_difference", 3),
}
"""Columns of EMIDEC's metrics: the metric, and the decimals that it is told with."""
Colours = Mapping[str, str]


def clinical_tables(
    found: ClinicalFindings, shown: Sequence[Point], field: str
) -> Iterator[Lettered]:
    """All tables of some findings, lettered in order."""
    colours = {point.label: value_colour(point) for point in shown}
    letters = (f"M{number}" for number in itertools.count(1))
    every = (
        *_of_measures(found, colours, field),
        *_of_extras(found, colours, field),
        *_of_levels(found, colours, field),
        *_of_emidec(found, colours, field),
        *_of_patients(found),
    )
    for letter, (title, caption, table, folded) in zip(letters, every, strict=False):
        yield Lettered(letter, caption, table, folded, title)


_Told = tuple[str, str, Table, bool]
"""Title, caption, table, and whether it is folded."""


def _of_measures(found: ClinicalFindings, colours: Colours, field: str) -> Iterator[_Told]:
    for one in found.measures:
        title = f"{capital(one.measure.words)}, {one.measure.unit}"
        rows = [
            Row(v.value, _value_cells(v, one), colours.get(v.value, ""))
            for v in one.agreement.values
        ]
        yield (
            title,
            _caption(one),
            plain_table((capital(field), *_VALUES), rows),
            one not in found.judged,
        )


def _caption(one: MeasureFinding) -> str:
    mean = one.agreement.reference_mean
    reference = f"{number(mean, one.measure.decimals)}\u00a0{one.measure.unit}"
    if one.measure.unit == "g":
        reference += f", that is {number(mean / DENSITY_G_PER_ML, 1)}\u00a0ml"
    margin = "There is no margin, and so no verdict."
    if one.measure.margin is not None:
        margin = (
            f"Verdicts are on the bias, with a margin of {one.measure.margin:g}: ‘same’ is within "
            "it, ‘not smaller’ means not smaller by the margin or more, ‘not larger’ likewise."
        )
    return (
        f"{capital(one.measure.words)} (reference: {reference}): bias, network minus reference; "
        "its interval holds for all values together. Limits of agreement: 95 % of differences of "
        "one network on one patient lie between them, if these are normal and do not depend on "
        f"size. Concordance is Lin’s. {margin}"
    )


def _value_cells(v: ValueAgreement, one: MeasureFinding) -> tuple[str, ...]:
    places = one.measure.decimals
    return (
        number(v.mean, places),
        number(v.bias.difference, places, sign=True),
        between(v.bias.low, v.bias.high, places, sign=True),
        NONE if one.measure.margin is None else size_verdict(v.bias),
        limits_words(v, one),
        number(v.limit_error, places),
        number(round(v.concordance, 2), 2),
        between(v.concordance_low, v.concordance_high, 2),
    )


def between(low: float, high: float, places: int, *, sign: bool = False) -> str:
    """An interval as text; a dash where there is none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return NONE
    return f"{number(low, places, sign=sign)} to {number(high, places, sign=sign)}"


def _of_extras(found: ClinicalFindings, colours: Colours, field: str) -> Iterator[_Told]:
    """Contours, segments and false infarct, without columns that nobody knows."""
    every = [_extra(one) for one in found.extras]
    known = [k for k in range(len(_EXTRAS)) if any(cells[k] != NONE for cells in every)]
    if not known:
        return
    rows = [
        Row(one.value, tuple(cells[k] for k in known), colours.get(one.value, ""))
        for one, cells in zip(found.extras, every, strict=True)
    ]
    table = plain_table((capital(field), *(_EXTRAS[k] for k in known)), rows)
    yield "Contours, segments, false infarct", " ".join(_explained(found, known)), table, False


def _extra(one: ValueExtras) -> tuple[str, ...]:
    above = number(one.segments_above_50, 1)
    if math.isfinite(one.reference_segments_above_50):
        above += f" ({number(one.reference_segments_above_50, 1)})"
    false = number(one.false_infarct, 1)
    if math.isfinite(one.false_infarct):
        false += f" of {one.without_infarct}"
    return (
        _contour(one.endo_mm, one.endo_pairs, one.pairs),
        number(one.endo_p95_mm, 1),
        _contour(one.epi_mm, one.epi_pairs, one.pairs),
        number(one.epi_p95_mm, 1),
        number(one.missed_slices, 1),
        above,
        number(100 * one.same_class, 0) + (" %" if math.isfinite(one.same_class) else ""),
        false,
    )


def _contour(mean_mm: float, averaged: int, pairs: int) -> str:
    """A mean error, and over how many of all pairs of network and patient it is."""
    if math.isnan(mean_mm):
        return NONE
    return f"{number(mean_mm, 1, sign=True)} ({averaged} of {pairs})"


def _explained(found: ClinicalFindings, known: Sequence[int]) -> Iterator[str]:
    """What the columns mean that are there."""
    names = {_EXTRAS[k] for k in known}
    if names & {"Endo", "Epi"}:
        yield (
            "Contours: mean signed error of endo- and epicardium in mm (above 0: the network’s "
            "lies outside), and the distance that 95 % of each keep to, on slices that have the "
            "contour in both masks (in brackets: how many pairs of network and patient are "
            "averaged; one without any such slice is in no mean, so a network that finds nothing "
            "looks no worse by it); slices of all patients whose epicardium a network missed."
        )
    if "Class" in names:
        kind = "sectors (not AHA-aligned)"
        if found.segments:
            kind = f"AHA segments ({found.facts.aligned} patients)"
        yield (
            f"Transmurality of {kind}: how many per patient are above 50 % (in brackets: by the "
            "reference), and the share in the reference’s class (0, 1–25, 26–50, 51–75, above "
            "75 %)."
        )
    if "False infarct" in names:
        yield (
            "False infarct: patients without infarct in whom a network marks more than "
            f"{FALSE_INFARCT_PERCENT:g} % of the myocardium."
        )
    yield "Means over networks and patients."


def _of_levels(found: ClinicalFindings, colours: Colours, field: str) -> Iterator[_Told]:
    """Infarct size at base, middle and apex; nothing where levels or infarct are not known."""
    if not any(math.isfinite(mean) for one in found.extras for mean, _ in one.levels):
        return
    rows = [
        Row(one.value, tuple(_level(*pair) for pair in one.levels), colours.get(one.value, ""))
        for one in found.extras
    ]
    yield (
        "Infarct size at base, middle and apex, % of the myocardium there",
        "Infarct size at base, middle and apex in per cent of the myocardium there, and in "
        "brackets that of the reference: means over networks and patients, without verdicts.",
        plain_table((capital(field), *map(capital, LEVELS)), rows),
        True,
    )


def _level(mean: float, reference: float) -> str:
    return NONE if math.isnan(mean) else f"{number(mean, 1)} ({number(reference, 1)})"


def _of_emidec(found: ClinicalFindings, colours: Colours, field: str) -> Iterator[_Told]:
    """EMIDEC's official metrics, the right distance beside the official one."""
    if not any(one.emidec for one in found.extras):
        return
    what = "EMIDEC’s official metrics"
    means = "as the challenge’s program computes them, means over networks and patients"
    for title, caption, columns in (
        (
            f"{what}: myocardium",
            f"{what} of the myocardium, {means}: Dice over the volume, absolute difference of "
            f"volumes. {OFFICIAL_DISTANCE}; beside it the same distance in true millimetres. "
            "Patients in whom a network finds no myocardium have neither.",
            _EMIDEC_WALL,
        ),
        (
            f"{what}: infarct and no-reflow",
            f"{what} of infarct (no-reflow included) and of no-reflow, {means}: Dice over the "
            "volume, 1 where both masks are empty; absolute difference of volumes, and its ratio "
            "to the volume of the reference’s myocardium.",
            _EMIDEC_SCAR,
        ),
    ):
        rows = [
            Row(
                one.value,
                tuple(
                    number(one.emidec.get(name, math.nan), places)
                    for name, places in columns.values()
                ),
                colours.get(one.value, ""),
            )
            for one in found.extras
        ]
        yield title, caption, plain_table((capital(field), *columns), rows), True


def _of_patients(found: ClinicalFindings) -> Iterator[_Told]:
    """The patients with the largest errors of each judged measure."""
    for one in found.judged:
        rows = [_worst(patient, one) for patient in one.worst if _is_off(patient, one)]
        if not rows:
            continue
        title = f"Patients with the largest error of {one.measure.words}, {one.measure.unit}"
        heads: tuple[str, ...] = ("Patient", "Reference", "Lowest", "Highest")
        told = "the lowest and the highest of the values’ means over networks"
        if len(one.table.values) <= _MOST_VALUES:
            heads = ("Patient", "Reference", *one.table.values)
            told = "the mean over each value’s networks"
        caption = f"{title}: the reference, and {told}."
        yield title, caption, plain_table(heads, rows), True


def _worst(patient: tuple[str, float, tuple[float, ...]], one: MeasureFinding) -> Row:
    name, reference, means = patient
    if len(means) > _MOST_VALUES:
        known = [mean for mean in means if math.isfinite(mean)]
        means = (min(known), max(known))
    places = one.measure.decimals
    return Row(name, (number(reference, places), *(number(x, places) for x in means)))


def _is_off(patient: tuple[str, float, tuple[float, ...]], one: MeasureFinding) -> bool:
    """Whether any error is more than what rounding hides."""
    _, reference, means = patient
    return any(abs(mean - reference) >= 0.5 * 10**-one.measure.decimals for mean in means)
