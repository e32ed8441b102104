"""Contours to masks by the rule of MATLAB's poly2mask, which Medviso Segment follows too."""

import numpy as np
from jaxtyping import Bool, Int64, Real

_PARTS = 5
"""A pixel is split into 5 x 5 sub-pixels."""
_MIDDLE = _PARTS // 2
"""Grid lines between the edge of a pixel and its central sub-pixel."""
_FARTHEST_PX = 1e8
"""Vertices further away are moved here, so that whole numbers of 64 bits hold all products."""

Whole = Int64[np.ndarray, "edge"]


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
        ValueError: if a coordinate is not finite, or there are not as many rows as columns.

    >>> square = np.array([2.5, 2.5, 4.5, 4.5]), np.array([0.5, 2.5, 2.5, 0.5])
    >>> np.argwhere(polygon_mask(*square, 9, 9)).tolist()
    [[3, 1], [3, 2], [4, 1], [4, 2]]
    """
    if not (np.isfinite(rows_px).all() and np.isfinite(columns_px).all()):
        raise ValueError("vertices of a polygon must be finite")
    if len(rows_px) != len(columns_px):
        raise ValueError("a polygon needs as many rows as columns")
    turns = np.zeros((height + 1, width), np.int32)
    if len(rows_px) >= 3:
        starts, columns = _crossings(_on_grid(rows_px), _on_grid(columns_px), width)
        np.add.at(turns, (starts.clip(0, height), columns), 1)
    return np.cumsum(turns[:-1], axis=0) % 2 == 1


def _on_grid(places_px: np.ndarray) -> Whole:
    """Numbers of the nearest grid lines, counted from the outer edge of the first pixel."""
    near = places_px.astype(np.float64).clip(-_FARTHEST_PX, _FARTHEST_PX)
    return np.floor(_PARTS * (near + 0.5) + 0.5).astype(np.int64)


def _crossings(y: Whole, x: Whole, width: int) -> tuple[Whole, Whole]:
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


def _heights(x0: Whole, y0: Whole, x1: Whole, y1: Whole, columns: Whole) -> Whole:
    """The grid line on which an edge passes through the central sub-pixels of a column.

    Along the longer axis an edge goes line by line, and its other place is rounded, halves up.
    Where both change in one step, it passes on the upper line.
    """
    swap = x0 > x1
    x0, x1 = np.where(swap, (x1, x0), (x0, x1))
    y0, y1 = np.where(swap, (y1, y0), (y0, y1))
    along, rise = x1 - x0, y1 - y0
    before = _MIDDLE + _PARTS * columns - x0
    flat = [y0 + (2 * rise * step + along) // (2 * along) for step in (before, before + 1)]
    # A steep edge: the last line that it reaches, coming from above, before its place is rounded
    # to the column's other side.
    limit = np.abs(rise) * (2 * before + 1)
    down = y0 - limit // (-2 * along) - 1
    up = y0 - (-(limit // (-2 * along)))
    steep = np.where(rise > 0, down, up)
    return np.where(along >= np.abs(rise), np.minimum(*flat), steep)
