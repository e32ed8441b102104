"""What is told of a value's networks beside verdicts: contours, segments, levels, false infarct."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from myosweep.analysis.clinical.measure import LEVELS, REFERENCE
from myosweep.analysis.points import Point
from myosweep.metrics.clinical import class_numbers

FALSE_INFARCT_PERCENT = 1.0
"""False infarct above this share of the myocardium is counted."""


@dataclass(frozen=True)
class ValueExtras:
    """What else is told of one value's networks; NaN where it is not known.

    Attributes:
        endo_mm, endo_p95_mm, epi_mm, epi_p95_mm: contour errors, mean over the pairs of
            network and patient that have the contour in common: ``endo_pairs`` and ``epi_pairs``
            of all ``pairs``.
        missed_slices: slices with an epicardium in the reference and none in the mask, of all
            patients together, averaged over networks.
        segments_above_50: per patient; ``reference_segments_above_50`` the same by the reference.
            Of the patients with AHA segments, if any have them; else of sectors.
        same_class: share of these segments in the reference's class of transmurality; one in which
            a network marks no wall is in another class.
        levels: infarct size at base, middle and apex in per cent of the myocardium there, and the
            same by the reference.
        emidec: means of EMIDEC's official metrics, by their names in ``EmidecMetrics``; empty if
            they could not be computed.
        false_infarct: patients without infarct in whom a network marks more than
            ``FALSE_INFARCT_PERCENT``, averaged over networks; of ``without_infarct`` patients.
        nothing_found: pairs of network and patient without any myocardium.
    """

    value: str
    endo_mm: float
    endo_p95_mm: float
    epi_mm: float
    epi_p95_mm: float
    endo_pairs: int
    epi_pairs: int
    pairs: int
    missed_slices: float
    segments_above_50: float
    reference_segments_above_50: float
    same_class: float
    levels: tuple[tuple[float, float], ...]
    emidec: dict[str, float]
    false_infarct: float
    without_infarct: int
    nothing_found: int


def extras_of(point: Point, table: pd.DataFrame, segmented: pd.DataFrame) -> ValueExtras:
    """What else is told of one value's networks.

    Args:
        table: rows of all runs and of the reference.
        segmented: those of them whose segments mean the same, see ``of_one_kind``.
    """
    rows = table[table["run"].isin(point.runs)]
    reference = table[(table["run"] == REFERENCE) & table["patient"].isin(rows["patient"])]
    means = {
        name: mean_of(rows, f"{contour}_{key}")
        for contour in ("endo", "epi")
        for name, key in ((f"{contour}_mm", "mean_mm"), (f"{contour}_p95_mm", "p95_mm"))
    }
    segments = segmented[segmented.index.isin(rows.index)]
    true_segments = segmented[segmented.index.isin(reference.index)]
    false, without = _false_infarct(rows, reference)
    return ValueExtras(
        point.label,
        **means,
        endo_pairs=_defined(rows, "endo_mean_mm"),
        epi_pairs=_defined(rows, "epi_mean_mm"),
        pairs=len(rows),
        missed_slices=_per_patient(rows, rows["epi_missed"]) if "epi_missed" in rows else np.nan,
        segments_above_50=mean_of(segments, "segments_above_50"),
        reference_segments_above_50=mean_of(true_segments, "segments_above_50"),
        same_class=_same_class(segments, true_segments),
        levels=tuple(_level(rows, reference, level) for level in LEVELS),
        emidec={
            name.removeprefix("emidec_"): mean_of(rows, name)
            for name in map(str, rows.columns)
            if name.startswith("emidec_")
        },
        false_infarct=false,
        without_infarct=without,
        nothing_found=int((rows["myocardium_px"] == 0).sum()),
    )


def of_one_kind(table: pd.DataFrame) -> pd.DataFrame:
    """Rows whose segments mean the same: those with AHA segments if there are any, else all."""
    if "aha_aligned" not in table:
        return table
    aligned = table["aha_aligned"].eq(True)
    return table[aligned] if aligned.any() else table


def _level(rows: pd.DataFrame, reference: pd.DataFrame, level: str) -> tuple[float, float]:
    name = f"infarct_percent_{level}"
    return mean_of(rows, name), mean_of(reference, name)


def _defined(rows: pd.DataFrame, column: str) -> int:
    """In how many rows a column has a value."""
    return int(rows[column].notna().sum()) if column in rows else 0


def mean_of(rows: pd.DataFrame, column: str) -> float:
    """Mean of the defined values of a column; NaN without any."""
    values = rows[column].dropna() if column in rows else pd.Series(dtype=float)
    return float(values.mean()) if len(values) else float("nan")


def _per_patient(rows: pd.DataFrame, counts: pd.Series) -> float:
    """A count of all patients together, each one's averaged over the networks that tested it."""
    return float(counts.astype(float).groupby(rows["patient"]).mean().sum())


def _false_infarct(rows: pd.DataFrame, reference: pd.DataFrame) -> tuple[float, int]:
    """Patients with false infarct, and patients whose reference has no infarct."""
    without = reference.loc[reference["infarct_px"] == 0, "patient"]
    here = rows[rows["patient"].isin(without)]
    if not len(without) or "false_infarct_px" not in rows or here["false_infarct_px"].isna().all():
        return float("nan"), len(without)
    share = 100 * here["false_infarct_px"] / here["myocardium_px"].clip(lower=1)
    return _per_patient(here, share > FALSE_INFARCT_PERCENT), len(without)


def _same_class(rows: pd.DataFrame, reference: pd.DataFrame) -> float:
    """Share of segments whose class of transmurality is that of the reference."""
    names = [name for number in range(1, 17) if (name := f"transmurality_{number}") in rows]
    if not names or rows["segments_above_50"].isna().all():  # measured of the reference alone
        return float("nan")
    true = reference.set_index("patient").loc[rows["patient"], names].to_numpy(float)
    there = np.isfinite(true)
    if not there.any():
        return float("nan")
    same = class_numbers(rows[names].to_numpy(float)) == class_numbers(true)
    return float(same[there].mean())
