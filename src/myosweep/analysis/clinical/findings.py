"""Everything that is concluded from the table of clinical measures; neither masks nor images."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Float64

from myosweep.analysis.cautions import patients_in_several_parts
from myosweep.analysis.clinical.agreement import Agreement, agreement, patient_errors
from myosweep.analysis.clinical.extras import ValueExtras, extras_of, mean_of, of_one_kind
from myosweep.analysis.clinical.measure import REFERENCE
from myosweep.analysis.patient_scores import arranged
from myosweep.analysis.points import points
from myosweep.analysis.question import ask
from myosweep.errors import StudyError
from myosweep.results.clinical import ClinicalFacts
from myosweep.results.read import Results
from myosweep.statistics.score_table import Estimand, ScoreTable


@dataclass(frozen=True)
class Measure:
    """A clinical measure: its column, its name in a sentence, its unit, and what matters."""

    column: str
    words: str
    unit: str
    margin: float | None

    @property
    def decimals(self) -> int:
        return 0 if self.unit == "pixels" else 1

    @property
    def short_unit(self) -> str:
        return "%" if self.unit.startswith("%") else self.unit


SIZE = Measure("infarct_percent", "infarct size", "% of the myocardium", 1.0)
BY_SD = Measure("infarct_sd_percent", "infarct size", "% of the myocardium", 1.0)
BY_FWHM = replace(BY_SD, column="infarct_fwhm_percent", words="infarct size at half maximum")
MASS = Measure("myocardium_g", "mass of the imaged myocardium (LGE phase)", "g", 5.0)
PIXELS = Measure(
    "myocardium_px", "area of the imaged myocardium (spacing not known)", "pixels", None
)
SCAR = Measure("infarct_g", "infarct mass", "g", 5.0)
NO_REFLOW = Measure("no_reflow_percent", "no-reflow", "% of the myocardium", None)


@dataclass(frozen=True)
class MeasureFinding:
    """A measure with its agreement, its worst patients and every pair of numbers.

    Attributes:
        table: what each network measures; ``reference`` the same by the reference.
        worst: name, reference, and each value's mean, largest error first.
    """

    measure: Measure
    agreement: Agreement
    table: ScoreTable
    reference: Float64[np.ndarray, " patient"]
    worst: tuple[tuple[str, float, tuple[float, ...]], ...]

    @property
    def estimand(self) -> Estimand:
        return self.table.estimand


@dataclass(frozen=True)
class SegmentMeans:
    """Mean transmurality of segments 1 to 16, in per cent; NaN for a segment nobody has."""

    label: str
    percent: tuple[float, ...]


@dataclass(frozen=True)
class ThresholdCheck:
    """How thresholds inside the manual myocardium agree with the manual infarct.

    Attributes:
        manual, found: mean infarct size of both, per cent of the myocardium.
        correlation: of the two over patients; NaN with fewer than three, or where one is constant.
    """

    manual: float
    found: float
    correlation: float


@dataclass(frozen=True)
class ClinicalFindings:
    """What a study's values mean for the clinic.

    Attributes:
        measures: the judged ones first: infarct size, mass; then what else is known.
        extras: per value, in order.
        segments: mean transmurality of each AHA segment over the patients that have them, by the
            reference first and then by value; empty where no patient has any.
        facts: how was measured, and what limits it.
        not_measured: networks of the study that the table has no rows of.
        blank: patients without myocardium in the reference, who are left out of everything.
        without_remote: patients in whom the reference or a network shows myocardium and none of it
            is remote, so that nothing is measured there by standard deviations.
        half_maximum: patients of the reference in whom half of the maximum is taken, and all of
            them.
        thresholds: how far thresholds can be trusted, where infarct is found by them and the
            reference tells it apart; else None.
        shared: patients with slices in several parts of the split.
    """

    measures: tuple[MeasureFinding, ...]
    extras: tuple[ValueExtras, ...]
    segments: tuple[SegmentMeans, ...]
    facts: ClinicalFacts
    not_measured: int
    blank: tuple[str, ...]
    without_remote: tuple[str, ...]
    half_maximum: tuple[int, int]
    thresholds: ThresholdCheck | None
    shared: int

    @property
    def judged(self) -> tuple[MeasureFinding, ...]:
        """Infarct size and mass (or area), as far as they are known."""
        names = ((SIZE.column, BY_SD.column), (MASS.column, PIXELS.column))
        return tuple(one for columns in names if (one := self.of(*columns)) is not None)

    def of(self, *columns: str) -> MeasureFinding | None:
        """The finding of the first of some columns that there is."""
        by_column = {one.measure.column: one for one in self.measures}
        return next((by_column[name] for name in columns if name in by_column), None)


def clinical_findings(
    results: Results, table: pd.DataFrame, facts: ClinicalFacts
) -> ClinicalFindings:
    """Conclude from a table of clinical measures.

    Raises:
        StudyError: if the study is a search, or no network in the table belongs to it.
    """
    asked = ask(results)
    networks = set(results.networks["run"])
    measured = set(table["run"]) & networks
    if not measured:
        raise StudyError(
            f"no network of study {results.study.name!r} tested a whole patient, so there is "
            'nothing to measure; studies are split by patient for that (`by = "patient"`)'
        )
    blank = _blank(table)
    table = table[~table["patient"].isin(blank)]
    if table.empty:
        raise StudyError(
            "none of the patients has myocardium in the reference, so there is nothing to compare "
            "with; check the labels with `myosweep audit`"
        )
    family, base = asked.family, asked.reference
    found = tuple(
        MeasureFinding(
            measure,
            agreement(scores, reference, measure.margin, family=family, base=base),
            scores,
            reference,
            patient_errors(scores, reference),
        )
        for measure, scores, reference in _measures(results, table, facts)
    )
    return ClinicalFindings(
        found,
        tuple(extras_of(point, table, of_one_kind(table)) for point in points(results)),
        tuple(_segments(results, table)) if facts.aligned else (),
        facts,
        len(networks - measured),
        blank,
        _without_remote(table) if facts.n_sd is not None else (),
        _half_maximum(table),
        _threshold_check(table) if facts.n_sd is not None else None,
        patients_in_several_parts(results),
    )


def _blank(table: pd.DataFrame) -> tuple[str, ...]:
    """Patients whose reference shows no myocardium: nothing is defined for them."""
    reference = table[table["run"] == REFERENCE]
    return tuple(map(str, reference.loc[reference["myocardium_px"] == 0, "patient"]))


def _without_remote(table: pd.DataFrame) -> tuple[str, ...]:
    """Patients with a pair of masks and images in which no myocardium is remote."""
    rows = table[table[BY_SD.column].isna() & (table["myocardium_px"] > 0)]
    return tuple(sorted(map(str, rows["patient"].unique())))


def _half_maximum(table: pd.DataFrame) -> tuple[int, int]:
    """In how many patients half of the maximum is taken, and how many there are."""
    reference = table[table["run"] == REFERENCE]
    taken = reference[BY_FWHM.column].notna().sum() if BY_FWHM.column in reference else 0
    return int(taken), len(reference)


def _threshold_check(table: pd.DataFrame) -> ThresholdCheck | None:
    """Thresholds beside the manual infarct; None where the reference does not tell it apart."""
    both = table.loc[table["run"] == REFERENCE, [SIZE.column, BY_SD.column]].dropna()
    if both.empty:
        return None
    manual, found = (both[name].to_numpy(float) for name in both)
    varies = len(both) > 2 and np.ptp(manual) > 0 and np.ptp(found) > 0
    correlation = float(np.corrcoef(manual, found)[0, 1]) if varies else np.nan
    return ThresholdCheck(float(manual.mean()), float(found.mean()), correlation)


def _measures(
    results: Results, table: pd.DataFrame, facts: ClinicalFacts
) -> Iterator[tuple[Measure, ScoreTable, np.ndarray]]:
    """The measures that a study has, with what networks and reference measure."""
    known = MASS if facts.spacing_known else PIXELS
    for measure in (SIZE, BY_SD, BY_FWHM, known, SCAR, NO_REFLOW):
        if measure.column not in table:
            continue
        reference = table[table["run"] == REFERENCE].set_index("patient")[measure.column].dropna()
        rows = table[(table["run"] != REFERENCE) & table["patient"].isin(reference.index)]
        wide = rows.pivot(index="run", columns="patient", values=measure.column)
        if wide.empty or not np.isfinite(wide.to_numpy(float)).any():
            continue
        names = tuple(map(str, wide.columns))
        every = np.ascontiguousarray(wide.to_numpy(float))
        scores = arranged(results, every, tuple(map(str, wide.index)), names)
        if scores.scores.size:
            yield measure, scores, reference.loc[list(scores.patients)].to_numpy(float)


def _segments(results: Results, table: pd.DataFrame) -> Iterator[SegmentMeans]:
    rows = table[table["aha_aligned"].eq(True)]
    runs = [("reference", (REFERENCE,)), *((one.label, one.runs) for one in points(results))]
    for label, ids in runs:
        those = rows[rows["run"].isin(ids)]
        means = tuple(mean_of(those, f"transmurality_{number}") for number in range(1, 17))
        yield SegmentMeans(label, means)
