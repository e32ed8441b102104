"""Contours to masks by the rule of MATLAB's poly2mask, which Medviso Segment follows too."""

import numpy as np
from jaxtyping import Bool, Int64, Real

from myosweep.errors import DatasetError

_PARTS = 5
"""A pixel is split into 5 x 5 sub-pixels."""
_MIDDLE = _PARTS // 2
"""Grid lines between the edge of a pixel and its central sub-pixel."""
_FARTHEST_PX = 1e6
"""No contour leads further away; whole numbers of 64 bits hold all products of such places."""


def polygon_mask(
    rows_px: Real[np.ndarray, "point"],
    columns_px: Real[np.ndarray, "point"],
    height: int,
    width: int,
) -> Bool[np.ndarray, "y x"]:
    """The pixels inside a polygon; what lies outside of the image is cut off.

    Vertices move to the nearest crossing of the sub-pixels' grid lines (a tie goes down or right),
    edges follow these lines, and a pixel is inside when its central sub-pixel is. Where a polygon
    crosses itself, what is surrounded twice is outside.

    Args:
        rows_px, columns_px: the vertices, open or closed; (0, 0) is the centre of the upper left
            pixel. Fewer than three vertices surround nothing.

    Raises:
        DatasetError: if a coordinate is not finite or beyond a million pixels.

    >>> square = np.array([2.5, 2.5, 4.5, 4.5]), np.array([0.5, 2.5, 2.5, 0.5])
    >>> np.argwhere(polygon_mask(*square, 9, 9)).tolist()
    [[3, 1], [3, 2], [4, 1], [4, 2]]
    """
    if not (_is_near(rows_px) and _is_near(columns_px)):
        raise DatasetError("has a contour that leads far out of the image; is it damaged?")
    turns = np.zeros((height + 1, width), np.int32)
    if len(rows_px) >= 3:
        starts, columns = _crossings(_on_grid(rows_px), _on_grid(columns_px), width)
        np.add.at(turns, (starts.clip(0, height), columns), 1)
    return np.cumsum(turns[:-1], axis=0) % 2 == 1


def _is_near(places_px: Real[np.ndarray, "point"]) -> bool:
    return bool((np.abs(places_px) <= _FARTHEST_PX).all())


def _on_grid(places_px: Real[np.ndarray, "point"]) -> Int64[np.ndarray, "point"]:
    """Numbers of the nearest grid lines, counted from the outer edge of the first pixel."""
    return np.floor(_PARTS * (places_px.astype(np.float64) + 0.5) + 0.5).astype(np.int64)


def _crossings(
    y: Int64[np.ndarray, "edge"], x: Int64[np.ndarray, "edge"], width: int
) -> tuple[Int64[np.ndarray, "crossing"], Int64[np.ndarray, "crossing"]]:
    """First row below, and column, wherever an edge passes through the middle of a column."""
    next_y, next_x = np.roll(y, -1), np.roll(x, -1)
    left, right = np.minimum(x, next_x), np.maximum(x, next_x)
    first = np.maximum(-((_MIDDLE - left) // _PARTS), 0)
    last = np.minimum((right - _MIDDLE - 1) // _PARTS, width - 1)
    counts = np.maximum(last - first + 1, 0)
    edges = np.repeat(np.arange(len(x)), counts)
    columns = np.arange(len(edges)) - np.repeat(np.cumsum(counts) - counts - first, counts)
    heights = _heights(x[edges], y[edges], next_x[edges], next_y[edges], columns)
    return -((_MIDDLE - heights) // _PARTS), columns


def _heights(
    x0: Int64[np.ndarray, "crossing"],
    y0: Int64[np.ndarray, "crossing"],
    x1: Int64[np.ndarray, "crossing"],
    y1: Int64[np.ndarray, "crossing"],
    columns: Int64[np.ndarray, "crossing"],
) -> Int64[np.ndarray, "crossing"]:
    """The grid line on which each edge passes through the central sub-pixels of its column.

    Along its longer axis an edge goes line by line, and its other place is rounded, halves up, in
    doubles as in MATLAB. Where both change in one step, it passes on the upper line.
    """
    is_flat = np.abs(x1 - x0) >= np.abs(y1 - y0)
    swap = np.where(is_flat, x0 > x1, y0 > y1)
    x0, x1 = np.where(swap, x1, x0), np.where(swap, x0, x1)
    y0, y1 = np.where(swap, y1, y0), np.where(swap, y0, y1)
    across, down = x1 - x0, y1 - y0
    border = _MIDDLE + _PARTS * columns
    slope = down / across
    steps = border - x0
    flat = [np.floor(y0 + slope * step + 0.5) for step in (steps, steps + 1)]
    # How many lines a steep edge goes down before its exact place is between the two sides; only
    # there can it matter to which side that place is rounded.
    lines = np.abs(down) * np.abs(2 * steps + 1) // (2 * np.abs(across))
    place = np.floor(x0 + across / np.where(is_flat, 1, down) * lines + 0.5)
    steep = y0 + lines - ((place > border) != (x0 > border))
    return np.where(is_flat, np.minimum(*flat), steep).astype(np.int64)
