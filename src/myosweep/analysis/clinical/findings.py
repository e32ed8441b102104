"""Everything that is concluded from the table of clinical measures; neither masks nor images."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Float64

from myosweep.analysis.clinical.agreement import Agreement, agreement, patient_errors
from myosweep.analysis.clinical.measure import REFERENCE
from myosweep.analysis.patient_scores import arranged
from myosweep.analysis.points import Point, points
from myosweep.analysis.question import ask
from myosweep.errors import StudyError
from myosweep.results.clinical import ClinicalFacts
from myosweep.results.read import Results
from myosweep.statistics.score_table import Estimand, ScoreTable

FALSE_INFARCT_PERCENT = 1.0
"""False infarct above this share of the myocardium is counted."""


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
class ValueExtras:
    """What else is told of one value's networks; NaN where it is not known.

    Attributes:
        endo_mm, endo_p95_mm, epi_mm, epi_p95_mm: contour errors, mean over patients and networks.
        missed_slices: slices with an epicardium in the reference and none in the mask, per network.
        segments_above_50: per patient; ``reference_segments_above_50`` the same by the reference.
        same_class: share of segments in the reference's class of transmurality.
        false_infarct: patients without infarct in whom a network marks more than
            ``FALSE_INFARCT_PERCENT``, per network; of ``without_infarct`` patients.
        nothing_found: pairs of network and patient without any myocardium.
    """

    value: str
    endo_mm: float
    endo_p95_mm: float
    epi_mm: float
    epi_p95_mm: float
    missed_slices: float
    segments_above_50: float
    reference_segments_above_50: float
    same_class: float
    false_infarct: float
    without_infarct: int
    nothing_found: int


@dataclass(frozen=True)
class SegmentMeans:
    """Mean transmurality of segments 1 to 16, in per cent; NaN for a segment nobody has."""

    label: str
    percent: tuple[float, ...]


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
    """

    measures: tuple[MeasureFinding, ...]
    extras: tuple[ValueExtras, ...]
    segments: tuple[SegmentMeans, ...]
    facts: ClinicalFacts
    not_measured: int

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
    of_point = tuple(_extras(point, table) for point in points(results))
    segments = tuple(_segments(results, table)) if facts.aligned else ()
    return ClinicalFindings(found, of_point, segments, facts, len(networks - measured))


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
        means = tuple(_mean(those, f"transmurality_{number}") for number in range(1, 17))
        yield SegmentMeans(label, means)


def _extras(point: Point, table: pd.DataFrame) -> ValueExtras:
    rows = table[table["run"].isin(point.runs)]
    networks = max(rows["run"].nunique(), 1)
    reference = table[table["run"] == REFERENCE].set_index("patient")
    means = {
        name: _mean(rows, f"{contour}_{key}")
        for contour in ("endo", "epi")
        for name, key in ((f"{contour}_mm", "mean_mm"), (f"{contour}_p95_mm", "p95_mm"))
    }
    above, of_reference = (
        _mean(those, "segments_above_50") for those in (rows, reference.reset_index())
    )
    false, without = _false_infarct(rows, reference, networks)
    missed = rows["epi_missed"].sum() / networks if "epi_missed" in rows else np.nan
    return ValueExtras(
        point.label,
        **means,
        missed_slices=float(missed),
        segments_above_50=above,
        reference_segments_above_50=of_reference,
        same_class=_same_class(rows, reference),
        false_infarct=false,
        without_infarct=without,
        nothing_found=int((rows["myocardium_px"] == 0).sum()),
    )


def _mean(rows: pd.DataFrame, column: str) -> float:
    """Mean of the defined values of a column; NaN without any."""
    values = rows[column].dropna() if column in rows else pd.Series(dtype=float)
    return float(values.mean()) if len(values) else float("nan")


def _false_infarct(rows: pd.DataFrame, reference: pd.DataFrame, networks: int) -> tuple[float, int]:
    """Patients with false infarct per network, and patients whose reference has no infarct."""
    without = reference.index[reference["infarct_px"] == 0]
    here = rows[rows["patient"].isin(without)]
    if not len(without) or "false_infarct_px" not in rows or here["false_infarct_px"].isna().all():
        return float("nan"), len(without)
    share = 100 * here["false_infarct_px"] / here["myocardium_px"].clip(lower=1)
    return float((share > FALSE_INFARCT_PERCENT).sum()) / networks, len(without)


def _same_class(rows: pd.DataFrame, reference: pd.DataFrame) -> float:
    """Share of segments whose class of transmurality is that of the reference."""
    names = [f"transmurality_{number}" for number in range(1, 17)]
    names = [name for name in names if name in rows]
    if not names:
        return float("nan")
    drawn = rows[names].to_numpy(float)
    true = reference.loc[rows["patient"], names].to_numpy(float)
    there = np.isfinite(drawn) & np.isfinite(true)
    if not there.any():
        return float("nan")
    same = _classes(drawn) == _classes(true)
    return float(same[there].mean())


def _classes(percent: np.ndarray) -> np.ndarray:
    """Classes of transmurality by number: 0, up to 25, up to 50, up to 75, above."""
    classes: np.ndarray = np.searchsorted([0, 25, 50, 75], percent, "left")
    return classes
