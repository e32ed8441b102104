"""Radial chords through the wall: how much of it, from endo- to epicardium, is infarct.

In each slice 100 chords leave the centroid of the cavity at equal angles. On each the wall is the
longest stretch of myocardium, its ends the endo- and the epicardium, and 50 samples lie evenly
between them. A chord's transmurality is the share of its samples that is infarct.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from myosweep.errors import InputError
from myosweep.metrics.clinical.spacing import Spacing
from myosweep.metrics.clinical.structures import Ventricle

CHORDS, SAMPLES = 100, 50
_STEPS_PER_PIXEL = 10
CLASSES = ("0 %", "1–25 %", "26–50 %", "51–75 %", "above 75 %")


@dataclass(frozen=True)
class Transmurality:
    """Of the chords of one segment or sector.

    Attributes:
        chords: chords that cross a wall; without any, all numbers are NaN.
        mean: over all of them, in per cent.
        infarcted: chords with any infarct, and ``mean_infarcted`` over these; NaN without any.
        maximum: the largest, in per cent.
    """

    chords: int
    mean: float
    infarcted: int
    mean_infarcted: float
    maximum: float

    @property
    def transmural_class(self) -> str | None:
        """The class of the mean over all chords; None without chords."""
        return transmural_class(self.mean)


def transmural_class(percent: float | int) -> str | None:
    """One of ``CLASSES``; None for NaN.

    >>> [transmural_class(x) for x in (0, 0.4, 25, 25.1, 75, 100)]
    ['0 %', '1–25 %', '1–25 %', '26–50 %', '51–75 %', 'above 75 %']
    """
    number = int(class_numbers(np.asarray(float(percent))))
    return None if number < 0 else CLASSES[number]


def class_numbers(percent: Float64[np.ndarray, "*any"]) -> Int64[np.ndarray, "*any"]:
    """Places in ``CLASSES``: 0, up to 25, up to 50, up to 75, above; -1 for NaN."""
    found = np.searchsorted((0, 25, 50, 75), percent, "left")
    return np.where(np.isnan(percent), -1, found)


def chord_angles() -> Float64[np.ndarray, " chord"]:
    """Directions of the chords in radians: 0 to the image's right, counterclockwise as shown."""
    return 2 * np.pi * np.arange(CHORDS) / CHORDS


def centroids_mm(
    mask: Bool[np.ndarray, "slice y x"], spacing: Spacing
) -> Float64[np.ndarray, "slice 2"]:
    """Centre of a mask on each slice (y, x), mm from the first pixel's centre; NaN where empty."""
    dy, dx = spacing.yx
    areas = mask.sum((1, 2)).astype(float)
    rows = mask.sum(2) @ (np.arange(mask.shape[1]) * dy)
    columns = mask.sum(1) @ (np.arange(mask.shape[2]) * dx)
    undefined = np.full((len(mask), 2), np.nan)
    centres: np.ndarray = np.divide(
        np.stack([rows, columns], 1), areas[:, None], out=undefined, where=areas[:, None] > 0
    )
    return centres


def transmurality_of_chords(
    ventricle: Ventricle, spacing: Spacing
) -> Float64[np.ndarray, "slice chord"]:
    """Transmurality of each chord in per cent.

    Returns:
        NaN for chords without a wall, and for all chords of a slice without a cavity.

    Raises:
        InputError: if the pixel spacing is not known, or infarct is not told apart.
    """
    spacing.require_in_plane("transmurality")
    if ventricle.infarct is None:
        raise InputError(
            "transmurality needs an infarct label, and these masks have none; train with the "
            "regions of `--regions five`"
        )
    centres = centroids_mm(ventricle.cavity, spacing)
    found = np.full((len(centres), CHORDS), np.nan)
    for number, centre in enumerate(centres):
        if np.isfinite(centre).all():
            found[number] = _of_slice(
                ventricle.myocardium[number], ventricle.infarct[number], centre, spacing.yx
            )
    return found


def summary(percent: Float64[np.ndarray, " chord"]) -> Transmurality:
    """What a segment's chords say together; NaN chords are left out and not counted."""
    there = percent[np.isfinite(percent)]
    infarcted = there[there > 0]
    return Transmurality(
        len(there),
        float(there.mean()) if len(there) else np.nan,
        len(infarcted),
        float(infarcted.mean()) if len(infarcted) else np.nan,
        float(there.max()) if len(there) else np.nan,
    )


def _of_slice(
    myocardium: Bool[np.ndarray, "y x"],
    infarct: Bool[np.ndarray, "y x"],
    centre_mm: Float64[np.ndarray, "2"],
    yx_mm: tuple[float, float],
) -> Float64[np.ndarray, " chord"]:
    reach = _reach_mm(myocardium, centre_mm, yx_mm)
    step = min(yx_mm) / _STEPS_PER_PIXEL
    radii = (np.arange(int(reach / step) + 2) + 0.5) * step
    inside = _at(myocardium, centre_mm, radii[None, :], yx_mm)
    place = np.arange(len(radii))
    last_outside = np.maximum.accumulate(np.where(inside, -1, place), axis=1)
    run = np.where(inside, place - last_outside, 0)
    ends, lengths = run.argmax(1), run.max(1)
    endo, epi = (ends + 1 - lengths) * step, (ends + 1) * step
    shares = (np.arange(SAMPLES) + 0.5) / SAMPLES
    samples = endo[:, None] + shares * (epi - endo)[:, None]
    hit = _at(infarct, centre_mm, samples, yx_mm)
    return np.where(lengths > 0, 100 * hit.mean(1), np.nan)


def _reach_mm(
    mask: Bool[np.ndarray, "y x"], centre_mm: np.ndarray, yx_mm: tuple[float, float]
) -> float:
    """How far from a centre a mask's pixels reach; 0 for an empty one."""
    places = np.argwhere(mask) * yx_mm - centre_mm
    farthest = np.sqrt((places**2).sum(1)).max(initial=0)
    return float(farthest) + max(yx_mm) if len(places) else 0.0


def _at(
    mask: Bool[np.ndarray, "y x"],
    centre_mm: np.ndarray,
    radii_mm: Float64[np.ndarray, "_ radius"],
    yx_mm: tuple[float, float],
) -> Bool[np.ndarray, "chord radius"]:
    """The mask at places along all chords; outside the image there is nothing."""
    angles = chord_angles()[:, None]
    y = np.rint((centre_mm[0] - radii_mm * np.sin(angles)) / yx_mm[0]).astype(int)
    x = np.rint((centre_mm[1] + radii_mm * np.cos(angles)) / yx_mm[1]).astype(int)
    height, width = mask.shape
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    values: np.ndarray = mask[y.clip(0, height - 1), x.clip(0, width - 1)] & inside
    return values
