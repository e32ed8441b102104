"""What difference matters: the effect of a small shift of the manual outline on each metric."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

SHIFT_PX = 0.25
"""The default margin: the reference's outer outline moved outward by a quarter of a pixel."""


@dataclass(frozen=True)
class Outline:
    """A region's reference on the scored slices, patient by patient, summed over slices.

    Attributes:
        area_px, outline_px: pixels of the region, and length of its outer outline.
        pixels: labelled pixels of the slices.
        spacing_mm: side of a pixel; None unless it is known and the same for all slices.
    """

    area_px: np.ndarray
    outline_px: np.ndarray
    pixels: np.ndarray
    spacing_mm: float | None


def outline_of(counts: pd.DataFrame, region: str) -> Outline:
    """The reference of a region from one row of COUNTS per slice (several runs are one too many).

    Slices without the region are left out.
    """
    rows = counts[(counts["region"] == region) & counts["reference_present"]]
    rows = rows.drop_duplicates("slice")
    pixels = rows["tp"] + rows["fp"] + rows["fn"] + rows["tn"]
    table = pd.DataFrame(
        {
            "patient": rows["patient"].astype(str),
            "area": rows["tp"] + rows["fn"],
            "outline": rows["reference_outline_px"],
            "pixels": pixels,
        }
    )
    sums = table.groupby("patient").sum()
    spacings = rows["spacing_mm"].dropna().unique()
    known = len(spacings) == 1 and not rows["spacing_mm"].isna().any()
    return Outline(
        sums["area"].to_numpy(float),
        sums["outline"].to_numpy(float),
        sums["pixels"].to_numpy(float),
        float(spacings[0]) if known else None,
    )


def shift_effect(outline: Outline, metric: str, shift_px: float = SHIFT_PX) -> float:
    """How much a shift of a region's outline lowers a metric, averaged over patients.

    The outline moved outward by ``shift_px`` adds ``shift_px`` times its length in wrong pixels.
    Accuracy of a region is not lowered by that, so there the outline moves inward. A boundary
    F1 score does not notice shifts within its tolerance and gets the margin of Dice. NaN without
    patients.
    """
    if not len(outline.area_px):
        return float("nan")
    strip = shift_px * outline.outline_px
    match metric:
        case "iou":
            loss = strip / (outline.area_px + strip)
        case "accuracy":
            loss = strip / outline.area_px
        case "global_accuracy":
            loss = strip / outline.pixels
        case _:
            loss = strip / (2 * outline.area_px + strip)
    return float(loss.mean())


def as_shift_px(difference: float, outline: Outline, metric: str) -> float | None:
    """The shift of the outline that changes the metric by ``difference``, with its sign.

    In proportion to the effect of the default shift. None where that is not known.
    """
    effect = shift_effect(outline, metric)
    return SHIFT_PX * difference / effect if effect > 0 else None
