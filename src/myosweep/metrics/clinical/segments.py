"""Segments of the left ventricle: the AHA's 16 where that is allowed, else equal sectors.

Cerqueira et al., "Standardized myocardial segmentation and nomenclature for tomographic imaging of
the heart", Circulation 2002;105:539. The anterior insertion of the right ventricle is the border of
segments 1 and 2 (7 and 8 in the middle); segments follow each other from there over the septum. The
four apical ones are turned so that the septal one lies in the middle of the septum. Segment 17, the
apex itself, needs a long-axis view.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy import ndimage

from myosweep.errors import InputError
from myosweep.metrics.clinical.chords import (
    CHORDS,
    Transmurality,
    centroids_mm,
    chord_angles,
    summary,
)
from myosweep.metrics.clinical.spacing import Spacing

AHA_NAMES = (
    "basal anterior",
    "basal anteroseptal",
    "basal inferoseptal",
    "basal inferior",
    "basal inferolateral",
    "basal anterolateral",
    "mid anterior",
    "mid anteroseptal",
    "mid inferoseptal",
    "mid inferior",
    "mid inferolateral",
    "mid anterolateral",
    "apical anterior",
    "apical septal",
    "apical inferior",
    "apical lateral",
)
NOT_ALIGNED = "not AHA-aligned"
SECTORS = 6
_SIX = np.array([2, 3, 4, 5, 6, 1])
"""Segments of a ring from the anterior insertion on, 60 degrees each."""
_FOUR = np.array([14, 15, 16, 13])
"""Segments of the apex, 90 degrees each, from 15 degrees behind the anterior insertion on."""
_APICAL_START = np.deg2rad(15)
_NEAR_PX = 2.0
_FEWEST_PX = 5
_TURNED = np.deg2rad(60)
"""A right ventricle further from the image's left, seen from the left ventricle, is elsewhere."""


@dataclass(frozen=True)
class Insertion:
    """Where the right ventricle meets the left one on a slice: places in the image, pixels.

    Args:
        anterior_yx: the anterior insertion point.
        inferior_yx: the inferior one. Without it the image is taken as usually shown, with the
            septum counterclockwise of the anterior insertion.
    """

    anterior_yx: tuple[float, float]
    inferior_yx: tuple[float, float] | None = None


def aha_segments_of_chords(
    cavity: Bool[np.ndarray, "slice y x"],
    levels: Sequence[str | None],
    insertions: Sequence[Insertion | None],
    spacing: Spacing,
) -> Int64[np.ndarray, "slice chord"] | None:
    """The AHA segment of each chord, 1 to 16; 0 for slices without a level or a cavity.

    Args:
        levels: base, middle or apex of each slice.
        insertions: of each slice; one without takes the direction of the nearest slice with one.

    Returns:
        None where it is not allowed: no level or no insertion point is known on any slice.

    Raises:
        InputError: if the pixel spacing is not known.
    """
    spacing.require_in_plane("a bull's-eye of AHA segments")
    starts, turns = _directions(centroids_mm(cavity, spacing), insertions, spacing)
    known = np.flatnonzero(np.isfinite(starts))
    if not len(known) or not any(levels):
        return None
    found = np.zeros((len(levels), CHORDS), np.int64)
    shown = [bool(mask.any()) for mask in cavity]
    for number, level in enumerate(levels):
        nearest = known[np.abs(known - number).argmin()]
        beyond = (turns[nearest] * (chord_angles() - starts[nearest])) % (2 * np.pi)
        if level is not None and shown[number]:
            found[number] = _segment(beyond, level)
    return found


def sectors_of_chords(start_deg: float = 0.0) -> Int64[np.ndarray, " chord"]:
    """Six equal sectors, 1 to 6, counterclockwise as shown from an angle of the image.

    They are labelled ``NOT_ALIGNED`` wherever they are shown.

    Args:
        start_deg: 0 is the image's right, 90 its top.

    Raises:
        InputError: if it is not a finite number.
    """
    if not np.isfinite(start_deg):
        raise InputError(
            f"sectors begin at an angle in degrees, got {start_deg:g}; 0 is the image's right, 90 "
            "its top"
        )
    beyond = (chord_angles() - np.deg2rad(start_deg)) % (2 * np.pi)
    return _part(beyond, SECTORS) + 1


def by_segment(
    percent: Float64[np.ndarray, "slice chord"],
    segments: Int64[np.ndarray, "slice chord"],
    count: int = len(AHA_NAMES),
) -> tuple[Transmurality, ...]:
    """Transmurality of each segment from 1 to ``count``, over all its chords on all slices."""
    return tuple(summary(percent[segments == number]) for number in range(1, count + 1))


def insertions_of_label(
    right_ventricle: Bool[np.ndarray, "slice y x"], left_ventricle: Bool[np.ndarray, "slice y x"]
) -> tuple[Insertion | None, ...]:
    """Insertion points from a label of the right ventricle.

    They are the two ends, seen from the left ventricle's centre, of the right ventricle's pixels
    that are at most 2 pixels away from the left one. Which is the anterior one is only known in an
    image as short-axis images are usually shown: the right ventricle on the left, the front up. So
    there are none where the right ventricle lies elsewhere, as in an image that is turned or
    mirrored; an image that is upside down with its right ventricle on the left looks no different,
    and gets the inferior wall for the anterior one. None, too, where fewer than 5 such pixels are
    there, or where they reach around more than half of the left ventricle.
    """
    return tuple(map(_insertion, right_ventricle, left_ventricle))


def _insertion(right: Bool[np.ndarray, "y x"], left: Bool[np.ndarray, "y x"]) -> Insertion | None:
    if not (left.any() and right.any()):
        return None
    away = ndimage.distance_transform_edt(~left)
    places = np.argwhere(right & (away <= _NEAR_PX))
    if len(places) < _FEWEST_PX:
        return None
    centre = np.argwhere(left).mean(0)
    angles = np.arctan2(centre[0] - places[:, 0], places[:, 1] - centre[1])
    order = angles.argsort()
    gaps = np.diff(angles[order], append=angles[order[0]] + 2 * np.pi)
    widest = int(gaps.argmax())
    if gaps[widest] < np.pi:
        return None
    first, last = order[(widest + 1) % len(order)], order[widest]
    middle = angles[first] + (2 * np.pi - gaps[widest]) / 2
    if np.cos(middle) > -np.cos(_TURNED):
        return None
    anterior, inferior = ((float(y), float(x)) for y, x in places[[first, last]])
    return Insertion(anterior, inferior)


def _directions(
    centres_mm: Float64[np.ndarray, "slice 2"],
    insertions: Sequence[Insertion | None],
    spacing: Spacing,
) -> tuple[Float64[np.ndarray, " slice"], Int64[np.ndarray, " slice"]]:
    """Angle of each slice's anterior insertion (NaN if not known), and the turn to the septum."""
    angles, turns = np.full(len(centres_mm), np.nan), np.ones(len(centres_mm), np.int64)
    for number, (centre, one) in enumerate(zip(centres_mm, insertions, strict=True)):
        if one is None or not np.isfinite(centre).all():
            continue
        angles[number] = _angle(one.anterior_yx, centre, spacing)
        if one.inferior_yx is not None:
            beyond = (_angle(one.inferior_yx, centre, spacing) - angles[number]) % (2 * np.pi)
            turns[number] = 1 if beyond <= np.pi else -1
    return angles, turns


def _angle(place_yx: tuple[float, float], centre_mm: np.ndarray, spacing: Spacing) -> float:
    y, x = np.array(place_yx) * spacing.yx - centre_mm
    return float(np.arctan2(-y, x))


def _segment(beyond: Float64[np.ndarray, " chord"], level: str) -> Int64[np.ndarray, " chord"]:
    """The segment of chords that lie so far beyond the anterior insertion, towards the septum."""
    if level == "apex":
        return _FOUR[_part((beyond - _APICAL_START) % (2 * np.pi), 4)]
    return _SIX[_part(beyond, 6)] + (6 if level == "middle" else 0)


def _part(beyond: Float64[np.ndarray, " chord"], parts: int) -> Int64[np.ndarray, " chord"]:
    """Which of equal parts of a circle an angle of 0 to 2 pi lies in; rounding is forgiven."""
    return np.floor(beyond / (2 * np.pi) * parts + 1e-9).astype(np.int64) % parts
