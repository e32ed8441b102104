"""Infarct by thresholds on the grey values of the myocardium, for masks without an infarct label.

``above_remote``: brighter than remote myocardium by n of its standard deviations. A reader places
remote by eye; here it is, in each slice, the sixth of the wall with the lowest mean, seen from the
cavity's centroid, tried every 30 degrees. That is our own choice, not a published rule. A sixth of
one grey value, as clipping leaves them, has no spread to count from and is no remote. Because the
darkest place is chosen, noise makes the threshold a little too low; blood or fat at the wall's
edges makes it too high; and a large dark core without reflow may be taken for remote. Both masks
that are compared share all that. No-reflow is dark, and so is no part of an infarct that a
threshold finds.

``half_maximum``: brighter than half of the brightest myocardium of the patient (full width at half
maximum), counted from signal zero. Where nobody knows which grey value means no signal, as in
phase-sensitive images with an offset, half of the maximum means nothing and is refused. In a
patient without infarct the method calls half-bright myocardium infarct; it is meant for patients
with one.

Flett et al., "Evaluation of techniques for the quantification of myocardial scar of differing
etiology using cardiac magnetic resonance", JACC Cardiovasc Imaging 2011;4:150.
"""

import numpy as np
from jaxtyping import Bool, Float64, Int64, Num

from myosweep.errors import InputError
from myosweep.metrics.clinical.chords import centroids_mm
from myosweep.metrics.clinical.spacing import Spacing
from myosweep.metrics.clinical.structures import Ventricle

FEWEST_PIXELS = 10
"""A sixth with fewer pixels is no remote myocardium."""
_STEPS = 12
"""Sixths of the wall begin at every twelfth of the circle, so that an image turned by a right angle
has the same ones."""


def above_remote(
    images: Num[np.ndarray, "slice y x"], ventricle: Ventricle, n_sd: float | int, spacing: Spacing
) -> Bool[np.ndarray, "slice y x"] | None:
    """Myocardium that is brighter than remote myocardium by more than ``n_sd`` standard deviations.

    A slice on which no sixth can be remote takes the mean threshold of the patient's others. Empty
    without myocardium.

    Args:
        spacing: makes sixths equal in the patient; unknown, they are equal in pixels.

    Returns:
        None where there is myocardium, and no slice has a remote sixth: nothing is measured.

    Raises:
        InputError: if ``n_sd`` is not above 0.
    """
    check_n_sd(n_sd)
    if not ventricle.myocardium.any():
        return np.zeros(ventricle.myocardium.shape, bool)
    limits = remote_thresholds(images, ventricle, n_sd, spacing)
    known = np.isfinite(limits)
    if not known.any():
        return None
    limits = np.where(known, limits, limits[known].mean())
    return ventricle.myocardium & (images > limits[:, None, None])


def check_n_sd(n_sd: float | int) -> None:
    """Raise an ``InputError`` if a number of standard deviations is not above 0."""
    if not (np.isfinite(n_sd) and n_sd > 0):
        raise InputError(
            f"the number of standard deviations is above 0, got {n_sd:g}; usual are 2, 3, 5 and 6"
        )


def remote_thresholds(
    images: Num[np.ndarray, "slice y x"], ventricle: Ventricle, n_sd: float | int, spacing: Spacing
) -> Float64[np.ndarray, " slice"]:
    """Mean plus ``n_sd`` standard deviations of each slice's remote sixth; NaN without one."""
    dy, dx = spacing.yx
    limits = np.full(len(images), np.nan)
    for number, centre in enumerate(centroids_mm(ventricle.cavity, spacing)):
        places = np.argwhere(ventricle.myocardium[number])
        if not (np.isfinite(centre).all() and len(places)):
            continue
        angles = np.arctan2(centre[0] - places[:, 0] * dy, places[:, 1] * dx - centre[1])
        twelfth = np.floor(angles / (2 * np.pi) * _STEPS + 1e-9).astype(int) % _STEPS
        grey = images[number][ventricle.myocardium[number]].astype(float)
        remote = _darkest_sixth(grey, twelfth)
        if remote is not None:
            limits[number] = remote.mean() + n_sd * remote.std(ddof=1)
    return limits


def _darkest_sixth(
    grey: Float64[np.ndarray, " pixel"], twelfth: Int64[np.ndarray, " pixel"]
) -> Float64[np.ndarray, " remote"] | None:
    """The darkest sixth that has pixels enough, and not all of one grey value; None without one."""
    sixths = (grey[np.isin(twelfth, (k, (k + 1) % _STEPS))] for k in range(_STEPS))
    able = [one for one in sixths if len(one) >= FEWEST_PIXELS and np.ptp(one) > 0]
    return min(able, key=np.mean, default=None)


def half_maximum(
    images: Num[np.ndarray, "slice y x"], ventricle: Ventricle, signal_zero: float | int | None
) -> Bool[np.ndarray, "slice y x"]:
    """Myocardium above half of the patient's brightest myocardium; empty without myocardium.

    Args:
        signal_zero: the grey value of these images that means no signal.

    Raises:
        InputError: if it is not known.
    """
    if signal_zero is None or not np.isfinite(signal_zero):
        raise InputError(
            "half of the maximum needs the grey value that means no signal, and it is not known "
            "(in phase-sensitive images with an offset it is not 0); give --signal-zero, 0 for "
            "magnitude images, or use a number of standard deviations from remote"
        )
    if not ventricle.myocardium.any():
        return np.zeros(ventricle.myocardium.shape, bool)
    highest = float(images[ventricle.myocardium].max())
    return ventricle.myocardium & (images > signal_zero + (highest - signal_zero) / 2)
