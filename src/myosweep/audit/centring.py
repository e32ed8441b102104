"""Masks that all lie at one point: somebody used the reference to centre or to cut the images."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from myosweep.audit.place import diameters_px
from myosweep.audit.records import Finding, Inspected
from myosweep.audit.words import percent

FEWEST_PATIENTS = 5
SERIOUS, LOOK = 0.04, 0.06
"""Median distance of the patients' hearts from their common point, as a share of the median
diameter. EMIDEC as published, centred with the reference: 1.3 %. Phantom, whose hearts lie as a
technician's planning leaves them: 7 to 10 %."""

_ADVICE = (
    "Say so in the paper: on new images nobody knows where the heart is, so scores will not carry "
    "over to them. Read every score beside the no-image predictor. If the original images can be "
    "had, import them with `--crop-around centre`."
)


def find_centring(inspected: Inspected) -> Iterator[Finding]:
    """Centroids closer to one point than any scanner could put them."""
    source = inspected.dataset.manifest.source
    if source.get("crop") and source.get("crop_around") == "masks":
        yield Finding(
            "cropped around the masks",
            "serious",
            "The images were cropped around the reference masks when they were imported.",
            _ADVICE,
            (),
            {"crop": int(source["crop"])},
        )
    spread = patient_spread_px(inspected.table)
    diameter = float(diameters_px(inspected.table).median())
    if spread is None or not spread / diameter < LOOK:
        return
    share = spread / diameter
    slices = slice_distances_px(inspected.table)
    in_source = patient_spread_px(_in_source(inspected))
    cropped = in_source is not None and in_source > 2 * spread
    how = (
        "In the source images they do not, so the crop followed the reference."
        if cropped
        else "No scanner places hearts so exactly: the images were centred or cropped with "
        "knowledge of the reference before they came here."
    )
    yield Finding(
        "centred with the reference",
        "serious" if share < SERIOUS else "look",
        f"All hearts lie at the same point of the image: in half of the patients the mask’s "
        f"centre is within {spread:.1f} pixels ({percent(share, 1)} of the heart’s diameter) of "
        f"it, in half of the slices within {slices.median():.1f} pixels. {how}",
        _ADVICE,
        (),
        {
            "patients_median_distance_px": round(spread, 2),
            "slices_median_distance_px": round(float(slices.median()), 2),
            "slices_largest_distance_px": round(float(slices.max()), 1),
            "share_of_diameter": round(share, 4),
            "in_source_px": None if in_source is None else round(in_source, 1),
        },
    )


def slice_distances_px(table: pd.DataFrame) -> pd.Series:
    """Distance of each slice's centroid from the median point; NaN for empty masks."""
    offsets = table[["centroid_y", "centroid_x"]] - table[["centroid_y", "centroid_x"]].median()
    return pd.Series(np.hypot(offsets["centroid_y"], offsets["centroid_x"]), table.index)


def patient_spread_px(table: pd.DataFrame) -> float | None:
    """Median distance of the patients' median centroids from the middle of them all.

    None with fewer than 5 patients that have masks.
    """
    middles = table.groupby("patient")[["centroid_y", "centroid_x"]].median().dropna()
    if len(middles) < FEWEST_PATIENTS:
        return None
    offsets = (middles - middles.median()).to_numpy()
    return float(np.median(np.hypot(offsets[:, 0], offsets[:, 1])))


def _in_source(inspected: Inspected) -> pd.DataFrame:
    """The table with centroids in the images that were imported, before the crop."""
    slices = inspected.dataset.slices
    table = inspected.table.copy()
    for axis, column in (("y", "crop_top"), ("x", "crop_left")):
        if column in slices:
            table[f"centroid_{axis}"] += slices[column].astype(float).to_numpy()
    return table
