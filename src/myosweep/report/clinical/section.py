"""The clinical section: what values mean for infarct size, mass, contours and segments."""

from collections.abc import Iterator

from myosweep.analysis.clinical.cautions import warnings
from myosweep.analysis.clinical.findings import ClinicalFindings, clinical_findings
from myosweep.analysis.clinical.words import conclusion_sentences
from myosweep.analysis.number_words import capital
from myosweep.analysis.points import Point, points, swept_in_words
from myosweep.report.clinical.tables import clinical_tables
from myosweep.report.figures.clinical import draw_agreement, draw_bullseyes
from myosweep.report.figures.style import Drawing, value_colour
from myosweep.report.measured import MeasuredSection
from myosweep.results.clinical import read_clinical
from myosweep.results.read import Results

MOST_PANELS = 12
"""With more values than these no figure is drawn: its panels would be too small."""


def stored_section(results: Results) -> MeasuredSection | None:
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
) -> MeasuredSection:
    """The section of some findings; without figures if ``draw`` is False."""
    shown, field = points(results), swept_in_words(results.study, results.fields)
    drawings = tuple(_drawings(found, shown)) if draw and len(shown) <= MOST_PANELS else ()
    tables = tuple(clinical_tables(found, shown, field))
    return MeasuredSection(conclusion_sentences(found, field), tables, drawings, warnings(found))


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
            "per cent, by the reference and by each value’s networks; a network that finds no wall "
            "in a segment of a patient has no part in it. The outer ring is the base, the inner "
            "one the apex; the anterior wall is up, the septum to the left.",
        )
