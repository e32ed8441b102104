"""Masks that lie elsewhere, or have another size, than their neighbours or all others."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from myosweep.audit.records import Finding, Inspected
from myosweep.audit.robust import robust_z
from myosweep.audit.words import count, some, verb

LIMIT, FAR_LIMIT = 6.0, 4.0
"""Robust standard deviations: of jumps between slices, and of places in the image."""
LEAST_JUMP, LEAST_JUMP_PX = 0.12, 3.0
"""Of the median diameter, and in pixels: smaller jumps between slices are no fault, however still
the other hearts lie. The largest in 566 EMIDEC slices were 11 %, in 311 phantom slices 7 %."""
LEAST_DISTANCE = 0.5
"""Of the median diameter: where a heart lies in the image is up to the person at the scanner."""
SIZE_LIMIT = 5.0
LEAST_SIZE_RATIO = 2.0
"""Diameters that differ by less are no fault."""


def diameters_px(table: pd.DataFrame) -> pd.Series:
    """Diameter of the circle with the ventricle's area; NaN for empty masks."""
    return 2 * np.sqrt(table["area_px"].where(table["area_px"] > 0) / np.pi)


def find_misplaced(inspected: Inspected) -> Iterator[Finding]:
    """Single slices off their neighbours, and slices off all others of the dataset."""
    jump = jumps_px(inspected.table)
    usual = float(diameters_px(inspected.table).median())
    if np.isfinite(usual):
        yield from _jumping(inspected, jump, usual)
        yield from _far(inspected, usual)
        yield from _odd_sizes(inspected)


def jumps_px(table: pd.DataFrame) -> pd.Series:
    """Distance of each centroid from where the slices around it say that it should be.

    Neighbours are of the same stack. Between two slices that is the middle of their centroids, at
    an end the neighbour's; so hearts whose axis leans against the stack do not count as jumping. A
    slice beside a displaced one jumps, too, but half as far. NaN for empty masks and for stacks of
    one slice.
    """
    shown = table[table["area_px"] > 0]
    groups = shown.groupby(["patient", "stack"], sort=False)
    distance2 = pd.Series(0.0, shown.index)
    for column in ("centroid_y", "centroid_x"):
        sides = pd.concat([groups[column].shift(1), groups[column].shift(-1)], axis=1)
        distance2 += (shown[column] - sides.mean(axis=1)) ** 2
    return (distance2**0.5).reindex(table.index)


def _jumping(inspected: Inspected, jump: pd.Series, usual_px: float) -> Iterator[Finding]:
    least = max(LEAST_JUMP * usual_px, LEAST_JUMP_PX)
    table = inspected.table
    jumps = (robust_z(jump.to_numpy(float)) > LIMIT) & (jump > least).to_numpy()
    largest = jump.groupby(table["patient"]).transform("max")
    off = jumps & (jump > 0.6 * largest).to_numpy()  # the neighbours of a displaced slice jump half
    if off.any():
        keys = inspected.keys(off)
        yield Finding(
            "displaced masks",
            "look",
            f"In {count(len(keys), 'slice')} the mask lies off the neighbouring slices’ masks, by "
            f"{jump[off].min():.0f} to {jump[off].max():.0f} pixels; half of all slices are off by "
            f"less than {jump.median():.1f} ({some(keys)}).",
            "Look whether the mask fits its image. If not, it was shifted, or belongs to another "
            "slice; if it does, the patient breathed differently, and nothing is to be done.",
            keys,
            {
                "largest_px": round(float(jump[off].max()), 1),
                "median_px": round(float(jump.median()), 2),
                "limit_px": round(least, 1),
            },
        )


def _far(inspected: Inspected, usual_px: float) -> Iterator[Finding]:
    """Slices whose centroid lies far from all others."""
    table = inspected.table
    offsets = table[["centroid_y", "centroid_x"]] - table[["centroid_y", "centroid_x"]].median()
    distance = (offsets**2).sum(axis=1, min_count=2) ** 0.5
    spread = max(1.4826 * float(distance.median()), 1e-9)
    far = ((distance > FAR_LIMIT * spread) & (distance > LEAST_DISTANCE * usual_px)).to_numpy()
    if far.any():
        keys = inspected.keys(far)
        yield Finding(
            "unusual place",
            "look",
            f"In {count(len(keys), 'slice')} the mask lies {distance[far].min():.0f} pixels or "
            f"more from where masks usually lie; the median distance is {distance.median():.1f} "
            f"({some(keys)}).",
            "Look whether the mask fits its image, and whether the image has another field of view "
            "than the rest.",
            keys,
            {
                "nearest_px": round(float(distance[far].min()), 1),
                "median_px": round(float(distance.median()), 1),
            },
        )


def _odd_sizes(inspected: Inspected) -> Iterator[Finding]:
    """Ventricles of an unusual size among the slices of the middle of all stacks."""
    table = inspected.table
    largest = np.log(diameters_px(table)).groupby(table["patient"]).max()
    scores = robust_z(largest.to_numpy(float), least_spread=np.log(LEAST_SIZE_RATIO) / SIZE_LIMIT)
    odd = largest.index[np.nan_to_num(np.abs(scores)) > SIZE_LIMIT]
    if len(odd):
        keys = inspected.keys(table["patient"].isin(odd).to_numpy())
        patients = [str(name) for name in odd]
        yield Finding(
            "unusual size",
            "look",
            f"The ventricle of {count(len(patients), 'patient')} "
            f"{verb(len(patients), 'is', 'are')} more than {LEAST_SIZE_RATIO:g} times as wide, or "
            f"as narrow, as is usual here ({some(patients)}).",
            "Check the pixel size of these patients: they may be stored at another resolution. If "
            "so, import with --resample.",
            keys,
            {
                "patients": patients,
                "median_diameter_px": round(float(np.exp(largest.median())), 1),
            },
        )
