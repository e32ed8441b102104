"""Where slices lie in the patient: positions and directions in DICOM's coordinates (LPS, mm)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

Vector = tuple[float, float, float]

_SAME_DIRECTION = 1e-3
_SAME_PIXEL = 0.1
"""Pixels meet if their centres are closer than this share of a pixel."""
_UNIT = 1e-2
"""How far a direction may be from a unit vector, and two of them from a right angle."""


@dataclass(frozen=True)
class Orientation:
    """The directions of a slice's pixels, as unit vectors.

    Args:
        along_row: from a pixel to the one at its right (x grows).
        along_column: from a pixel to the one below (y grows).
    """

    along_row: Vector
    along_column: Vector

    @classmethod
    def from_cosines(cls, cosines: Sequence[float] | None) -> "Orientation | None":
        """From the six numbers of a header; none if they are not two directions at right angles."""
        if cosines is None:
            return None
        row, column = np.asarray(cosines[:3], float), np.asarray(cosines[3:], float)
        lengths = np.array([np.linalg.norm(row), np.linalg.norm(column)])
        if np.abs(lengths - 1).max() > _UNIT or abs(row @ column) > _UNIT:
            return None
        return cls(_vector(row / lengths[0]), _vector(column / lengths[1]))

    @property
    def normal(self) -> Vector:
        """Row direction x column direction: the way in which slices are counted."""
        return _vector(np.cross(self.along_row, self.along_column))

    def is_like(self, other: "Orientation") -> bool:
        own = (*self.along_row, *self.along_column)
        others = (*other.along_row, *other.along_column)
        return bool(np.allclose(own, others, rtol=0, atol=_SAME_DIRECTION))

    def depth_mm(self, position_mm: Vector) -> float:
        """How far along the normal a place lies."""
        return float(np.dot(position_mm, self.normal))


@dataclass(frozen=True)
class Plane:
    """The pixels of one slice in the patient; their centres are whole numbers.

    Args:
        position_mm: centre of the first pixel.
        spacing_yx_mm: distance of rows, distance of columns.
    """

    position_mm: Vector
    orientation: Orientation
    spacing_yx_mm: tuple[float, float]

    def to_pixels(self, points_mm: Float[np.ndarray, "point 3"]) -> Float[np.ndarray, "point 2"]:
        """Places in the patient as (y, x), seen along the normal."""
        away = points_mm - np.asarray(self.position_mm)
        return np.stack([away @ step / step.dot(step) for step in self._steps_mm], axis=1)

    def to_mm(self, points_px: Float[np.ndarray, "point 2"]) -> Float[np.ndarray, "point 3"]:
        """The way back."""
        return np.asarray(self.position_mm) + points_px @ np.stack(self._steps_mm)

    def corners_mm(self, size: tuple[int, int]) -> Float[np.ndarray, "3 3"]:
        """The first pixel, the last of the first row, and the last of the first column."""
        height, width = size
        return self.to_mm(np.array([(0, 0), (0, width - 1), (height - 1, 0)], float))

    @property
    def _steps_mm(self) -> tuple[np.ndarray, np.ndarray]:
        """From a pixel to the one below, and to the one at its right."""
        y_mm, x_mm = self.spacing_yx_mm
        down, right = self.orientation.along_column, self.orientation.along_row
        return np.asarray(down) * y_mm, np.asarray(right) * x_mm


def even_spacing(depths_mm: Sequence[float]) -> float | None:
    """The distance of slices, in ascending order; none if it differs by more than 5 %.

    So a missing slice makes the distance unknown, and so does a single slice.

    >>> even_spacing([0.0, 10.0, 20.1]), even_spacing([0.0, 10.0, 30.0])
    (10.05, None)
    """
    gaps = np.diff(depths_mm)
    if not len(gaps) or gaps.min() <= 0 or gaps.max() > 1.05 * gaps.min():
        return None
    return float(np.mean(gaps))


def lay_on(
    pixels: Shaped[np.ndarray, "y x"],
    corners_px: Float[np.ndarray, "3 2"],
    size: tuple[int, int],
) -> Shaped[np.ndarray, "height width"] | None:
    """Pixels of one grid at their places on another, 0 elsewhere; none if pixels do not meet.

    Rows and columns may be swapped or run backwards, and the grid may be smaller or larger.

    Args:
        corners_px: where the first pixel, the last of its row, and the last of its column lie on
            the other grid (y, x).
        size: height and width of the other grid.
    """
    places = np.rint(corners_px)
    if np.abs(places - corners_px).max() > _SAME_PIXEL:
        return None
    first, right, down = places.astype(int).tolist()
    swapped = first[0] != right[0] or first[1] != down[1]
    turned = pixels.T if swapped else pixels
    row_end, column_end = (right, down) if swapped else (down, right)
    lengths = abs(row_end[0] - first[0]) + 1, abs(column_end[1] - first[1]) + 1
    if lengths != turned.shape:
        return None
    turned = turned[:: -1 if row_end[0] < first[0] else 1, :: -1 if column_end[1] < first[1] else 1]
    return _pasted(turned, (min(first[0], row_end[0]), min(first[1], column_end[1])), size)


def _pasted(
    pixels: Shaped[np.ndarray, "y x"], at_yx: tuple[int, int], size: tuple[int, int]
) -> Shaped[np.ndarray, "height width"]:
    """Pixels with their first one at a place of a larger image; what lies outside is cut off."""
    whole = np.zeros(size, pixels.dtype)
    y, x = (max(place, 0) for place in at_yx)
    inside = pixels[y - at_yx[0] :, x - at_yx[1] :][: max(size[0] - y, 0), : max(size[1] - x, 0)]
    whole[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return whole


def _vector(values: np.ndarray) -> Vector:
    x, y, z = values.tolist()
    return x, y, z
