"""Contour error in mm: how far a network's endo- or epicardium lies from the manual one.

A contour runs along the edges between pixels; its points are the middles of these edges, each as
heavy as its edge is long. From each point of either contour the nearest point of the other is
looked for. The distance is positive where the network's region is larger there, negative where it
is smaller, so a mean of 0 may hide errors that cancel out; beside it stand the mean size and the
95th percentile of sizes. The endocardium is the outline of the cavity, the epicardium that of
cavity and myocardium together, both with holes filled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy import ndimage
from scipy.spatial import cKDTree

from myosweep.metrics.clinical.spacing import Spacing
from myosweep.metrics.clinical.structures import Ventricle

_SHARE = 0.95


@dataclass(frozen=True)
class ContourError:
    """Of one contour, over the slices that have it in both masks.

    Attributes:
        mean_mm: signed; above 0 the network's contour lies outside. NaN without slices.
        size_mm: mean of distances without sign.
        p95_mm: 95 % of the contour's length is at most so far off.
        slices: slices compared.
        missed, added: slices where only the reference has it, where only the network has it.
    """

    mean_mm: float
    size_mm: float
    p95_mm: float
    slices: int
    missed: int
    added: int


@dataclass(frozen=True)
class _Edges:
    """Edges of a mask: middles (mm), lengths (mm), and the pixels on both sides."""

    middles_mm: Float64[np.ndarray, "edge 2"]
    lengths_mm: Float64[np.ndarray, " edge"]
    one: Int64[np.ndarray, "edge 2"]
    other: Int64[np.ndarray, "edge 2"]


def contour_errors(
    reference: Ventricle, prediction: Ventricle, spacing: Spacing
) -> tuple[ContourError, ContourError]:
    """Errors of the endocardium and of the epicardium.

    Raises:
        InputError: if the pixel spacing is not known.
    """
    pairs = (
        (reference.cavity, prediction.cavity),
        (reference.cavity | reference.myocardium, prediction.cavity | prediction.myocardium),
    )
    endo, epi = (contour_error(one, other, spacing) for one, other in pairs)
    return endo, epi


def contour_error(
    reference: Bool[np.ndarray, "slice y x"],
    prediction: Bool[np.ndarray, "slice y x"],
    spacing: Spacing,
) -> ContourError:
    """Error of the outer outline of a region; holes are filled first.

    Raises:
        InputError: if the pixel spacing is not known.
    """
    yx_mm = spacing.require_in_plane("a contour error in mm")
    there, drawn = reference.any((1, 2)), prediction.any((1, 2))
    both = np.flatnonzero(there & drawn)
    found = [_of_slice(reference[k], prediction[k], yx_mm) for k in both]
    mean, size, p95 = _weighted(found)
    missed, added = int((there & ~drawn).sum()), int((drawn & ~there).sum())
    return ContourError(mean, size, p95, len(both), missed, added)


def _of_slice(
    reference: Bool[np.ndarray, "y x"],
    prediction: Bool[np.ndarray, "y x"],
    yx_mm: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Signed distances of all points of both contours, and their weights."""
    masks = [np.pad(ndimage.binary_fill_holes(mask), 1) for mask in (reference, prediction)]
    true, drawn = (_edges(mask, yx_mm) for mask in masks)
    outward = _signed(drawn, true, masks[0])
    inward = _signed(true, drawn, masks[1])
    distances = np.concatenate([outward, -inward])
    return distances, np.concatenate([drawn.lengths_mm, true.lengths_mm])


def _signed(
    points: _Edges, others: _Edges, mask: Bool[np.ndarray, "y x"]
) -> Float64[np.ndarray, " edge"]:
    """Distances of a contour's points to another contour; negative inside the other's mask."""
    distances, _ = cKDTree(others.middles_mm).query(points.middles_mm)
    inside = mask[tuple(points.one.T)] & mask[tuple(points.other.T)]
    return np.where(inside, -distances, distances)


def _edges(mask: Bool[np.ndarray, "y x"], yx_mm: tuple[float, float]) -> _Edges:
    """The edges between a mask's pixels and others; the mask does not reach the image's edge."""
    below = np.argwhere(mask[1:] != mask[:-1])
    right = np.argwhere(mask[:, 1:] != mask[:, :-1])
    down, along = np.array([1, 0]), np.array([0, 1])
    middles = np.concatenate([below + down / 2, right + along / 2]) * yx_mm
    lengths = np.repeat([yx_mm[1], yx_mm[0]], [len(below), len(right)])
    return _Edges(
        middles,
        lengths,
        np.concatenate([below, right]),
        np.concatenate([below + down, right + along]),
    )


def _weighted(found: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float, float]:
    """Mean, mean size and 95th percentile of sizes; NaN without points."""
    if not found:
        return np.nan, np.nan, np.nan
    distances, weights = (np.concatenate(parts) for parts in zip(*found, strict=True))
    sizes = np.abs(distances)
    order = sizes.argsort()
    reached = weights[order].cumsum()
    last = min(int(np.searchsorted(reached, _SHARE * reached[-1] * (1 - 1e-12))), len(order) - 1)
    mean, size = (float(np.average(values, weights=weights)) for values in (distances, sizes))
    return mean, size, float(sizes[order[last]])
