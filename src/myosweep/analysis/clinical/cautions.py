"""What to know before using clinical measures: how they were made, and what limits them."""

from collections.abc import Iterator

import numpy as np
from scipy.stats import pearsonr

from myosweep.analysis.cautions import leak_words
from myosweep.analysis.clinical.agreement import patient_means
from myosweep.analysis.clinical.findings import (
    ClinicalFindings,
    MeasureFinding,
    ThresholdCheck,
)
from myosweep.analysis.number_words import counted, listed, number
from myosweep.metrics.clinical import NOT_ALIGNED
from myosweep.metrics.shape import OVAL
from myosweep.results.clinical import ClinicalFacts

_SHOWN = 5
_DEPENDS = 0.5
"""Correlation of difference and size from which one bias describes no patient."""
_LEVEL = 0.05
_FEWEST = 5
"""Patients; with fewer a correlation says next to nothing."""


def warnings(found: ClinicalFindings) -> tuple[tuple[str, str], ...]:
    """What to know before using the numbers: topic and text."""
    return (
        *_of_split(found),
        *_of_geometry(found.facts),
        *_of_infarct(found),
        *_of_sizes(found),
        *_of_networks(found),
    )


def _of_split(found: ClinicalFindings) -> Iterator[tuple[str, str]]:
    if found.shared:
        yield "Patients in several parts", leak_words(found.shared)
    if found.facts.part == "validation":
        yield (
            "Validation patients",
            "These patients may have helped to choose the networks or the value, so agreement is "
            "too good for new patients. Without --part, test patients are measured.",
        )


def _of_geometry(facts: ClinicalFacts) -> Iterator[tuple[str, str]]:
    unknown = facts.patients - facts.spacing_known
    if unknown:
        yield (
            "Unknown spacing",
            f"The distances of pixels or slices are not known for {unknown} of "
            f"{counted(facts.patients, 'patient')}: of these nothing is told in ml or g, and where "
            "pixel distances are missing nothing in mm, no directions and no transmurality. Shares "
            "of the myocardium are told, from pixels. Give spacing_mm and slice_spacing_mm with "
            "`myosweep import ... --table`.",
        )
    if facts.oval * 4 >= facts.patients and facts.oval:
        yield (
            "Distorted images",
            f"In {facts.oval} of {counted(facts.patients, 'patient')} the left ventricle's long "
            f"axis is more than {OVAL} times its short axis: the images seem to be stretched along "
            "one direction. Shares of the myocardium stay right if all slices of a patient are "
            "stretched alike; volumes, masses and lengths do not. See `myosweep audit`.",
        )
    for names, topic, text in (
        (facts.gaps, "Incomplete stacks", "slices are missing between others"),
        (facts.partial, "Incomplete stacks", "some slices are in another part of the split"),
        (facts.several_spacings, "Several spacings", "slices have different spacings"),
    ):
        if names:
            yield (
                topic,
                f"In {counted(len(names), 'patient')} ({_some(names)}) {text}; their volumes and "
                "masses are those of the slices at hand, or not told.",
            )
    if facts.several_stacks:
        yield (
            "Several stacks",
            f"Of {counted(len(facts.several_stacks), 'patient')} ({_some(facts.several_stacks)}) "
            f"there are several stacks of slices; stack {facts.stack} was measured, and no other.",
        )
    if not facts.places_known:
        yield (
            "Older import",
            "The dataset was imported by an older myosweep, which did not note where slices lie in "
            "their series: slices missing between others, and of DICOM several series of one "
            "patient, go unnoticed. Import it again in the same way; its pixels, and so the study, "
            "stay the same.",
        )


def _of_infarct(found: ClinicalFindings) -> Iterator[tuple[str, str]]:
    facts = found.facts
    if not facts.tells_infarct:
        yield (
            "No infarct in the reference",
            "The reference's regions do not tell infarct apart. If its codes do, name them with "
            "--regions five.",
        )
    if facts.n_sd is not None:
        yield "Infarct by thresholds", " ".join(_by_thresholds(facts.n_sd, found))
    if found.without_remote:
        yield (
            "No remote myocardium",
            f"In {len(found.without_remote)} of {counted(facts.patients, 'patient')} "
            f"({_some(found.without_remote)}) the manual masks or those of some network have no "
            "remote myocardium: no cavity inside the wall, too small a wall, or one of a single "
            "grey value. Infarct size by standard deviations is not measured there, and counts "
            "neither as 0 nor as an error.",
        )
    others = facts.in_plane_known - facts.aligned
    if others and facts.tells_infarct and facts.n_sd is None:
        counted_too = " They are left out where segments are counted." if facts.aligned else ""
        yield (
            "Segments",
            "AHA segments need the right ventricle's insertion (--rv-insertion) and levels of "
            f"slices. Without these, {others} of {counted(facts.patients, 'patient')} got six "
            f"equal sectors, {NOT_ALIGNED}, from {facts.sector_start_deg:g} degrees of the image "
            f"(0 is its right).{counted_too}",
        )


def _by_thresholds(n_sd: float, found: ClinicalFindings) -> Iterator[str]:
    yield (
        f"These networks mark no infarct. It is found in the images, by {n_sd:g} standard "
        "deviations above remote myocardium (the darkest sixth of each slice’s wall, our own "
        "choice), inside each network’s myocardium and inside the manual one, and the two are "
        "compared. It is not the manual infarct, and holds no dark no-reflow."
    )
    if found.thresholds is not None:
        yield _as_far_as_manual(found.thresholds)
    taken, patients = found.half_maximum
    if not taken:
        yield (
            "Half of the maximum is not taken: it is not known which grey value means no signal "
            "(give --signal-zero as the source has it, 0 for magnitude images), or slices of a "
            "patient are not scaled alike."
        )
    elif taken < patients:
        yield (
            f"Half of the maximum is taken in {taken} of {counted(patients, 'patient')}, and is "
            "judged on these; in the others it is not known which grey value means no signal, or "
            "their slices are not scaled alike."
        )


def _as_far_as_manual(check: ThresholdCheck) -> str:
    """How thresholds agree with the manual infarct, which says how far to trust them."""
    return (
        f"In these patients the manual infarct is {number(check.manual, 1)}\u00a0% of the "
        "myocardium on average, and thresholds inside the manual myocardium find "
        f"{number(check.found, 1)}\u00a0% (correlation over patients "
        f"{number(check.correlation, 2)}). Judge by this how far thresholds can stand for the "
        "infarct on these images."
    )


def _of_sizes(found: ClinicalFindings) -> Iterator[tuple[str, str]]:
    """Measures whose difference to the reference grows or shrinks with their size."""
    told = []
    for one in found.judged:
        depends = [f"{number(r, 2, sign=True)} at {value}" for value, r in _correlations(one)]
        if depends:
            told.append(f"{one.measure.words} ({listed(depends)})")
    if told:
        yield (
            "Differences depend on size",
            "The difference between network and reference goes with the size itself, by its "
            f"correlation over patients: {'; '.join(told)}. So one bias and one pair of limits of "
            "agreement describe neither small nor large sizes; look at the figure of agreement, or "
            "at the patients in the table.",
        )


def _correlations(one: MeasureFinding) -> Iterator[tuple[str, float]]:
    """Difference against the mean of both over patients, where that is shown and matters."""
    margin = one.agreement.margin or 0.0
    for value, means in zip(one.agreement.values, patient_means(one.table), strict=True):
        known = np.isfinite(means)
        differences = (means - one.reference)[known]
        sizes = (means + one.reference)[known] / 2
        if known.sum() < _FEWEST or not (np.ptp(differences) > margin and np.ptp(sizes)):
            continue
        found = pearsonr(sizes, differences)
        if found.pvalue < _LEVEL and abs(found.statistic) >= _DEPENDS:
            yield value.value, float(found.statistic)


def _of_networks(found: ClinicalFindings) -> Iterator[tuple[str, str]]:
    if found.blank:
        yield (
            "No myocardium in the reference",
            f"Left out: {counted(len(found.blank), 'patient')} ({_some(found.blank)}), where the "
            "reference shows no myocardium and so nothing is defined.",
        )
    if nothing := sum(one.nothing_found for one in found.extras):
        yield (
            "Nothing found",
            f"In {counted(nothing, 'pair')} of network and patient no myocardium was found; mass "
            "and infarct count as 0 there.",
        )
    if found.not_measured:
        yield (
            "Networks left out",
            f"{counted(found.not_measured, 'network')} of the study are not in the table: they "
            "were finished later, or have no masks of whole patients. Measure again with `myosweep "
            "clinical`.",
        )


def _some(names: tuple[str, ...]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
