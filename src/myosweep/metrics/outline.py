"""Lengths of outlines: what turns a difference of scores into a shift of the contour."""

import numpy as np
from jaxtyping import Bool, Float64, UInt8
from scipy import ndimage

_IN_PLANE = ndimage.generate_binary_structure(3, 1) & (np.arange(3) == 1)[:, None, None]
"""Neighbours within a slice: the four that share an edge."""


def outline_lengths_px(
    region_map: UInt8[np.ndarray, "slice y x"], regions: int
) -> Float64[np.ndarray, "slice region"]:
    """Length of each region's outer outline on each slice, in pixels.

    Holes do not count: the outer outline of a ring is the epicardium alone. A region that reaches
    the image edge, such as the background, is outlined where it meets the rest; the image edge is
    no outline. Length by the Cauchy-Crofton formula from crossings along rows, columns and both
    diagonals: right on average over directions. For discs from radius 5 px on, within 1 % on
    average over their places on the pixel grid; a single one is off by up to 4 % at 5 px and 1 % at
    20 px.

    Args:
        region_map: values 0 .. regions - 1, or ``NO_REGION``. No slices give no rows.
        regions: number of regions.
    """
    lengths = np.zeros((len(region_map), regions))
    for region in range(regions):
        mask = region_map == region
        at_edge = _frame(mask)
        filled = _filled(np.where(at_edge[:, None, None], ~mask, mask))
        lengths[:, region] = np.where(mask.any((1, 2)), contour_lengths_px(filled), 0.0)
    return lengths


def _frame(mask: Bool[np.ndarray, "slice y x"]) -> Bool[np.ndarray, " slice"]:
    """Which slices have a pixel of the mask at the image edge."""
    edges = (mask[:, 0], mask[:, -1], mask[:, :, 0], mask[:, :, -1])
    touched: np.ndarray = np.logical_or.reduce([edge.any(1) for edge in edges])
    return touched


def _filled(mask: Bool[np.ndarray, "slice y x"]) -> Bool[np.ndarray, "slice y x"]:
    """The masks without holes: what cannot be reached from the image edge belongs to them."""
    outside, count = ndimage.label(~mask, _IN_PLANE)
    open_to_edge = np.zeros(count + 1, np.bool)
    for edge in (outside[:, 0], outside[:, -1], outside[:, :, 0], outside[:, :, -1]):
        open_to_edge[edge] = True
    open_to_edge[0] = False
    filled: np.ndarray = ~open_to_edge[outside]
    return filled


def contour_lengths_px(mask: Bool[np.ndarray, "slice y x"]) -> Float64[np.ndarray, " slice"]:
    """Length of all contours of a mask, inner ones too; the image edge is no contour."""

    def crossings(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.count_nonzero(one != other, axis=(1, 2)).astype(float)

    straight = crossings(mask[:, 1:], mask[:, :-1]) + crossings(mask[:, :, 1:], mask[:, :, :-1])
    diagonal = crossings(mask[:, 1:, 1:], mask[:, :-1, :-1])
    diagonal += crossings(mask[:, 1:, :-1], mask[:, :-1, 1:])
    lengths: np.ndarray = np.pi / 8 * (straight + diagonal / np.sqrt(2))
    return lengths
