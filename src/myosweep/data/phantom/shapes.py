"""Shapes to paint with: ellipses, uneven borders, and many small vessels at once.

Positions are in mm from the heart's long axis, x to the image's right (lateral), y downwards
(inferior), in the usual short-axis view.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
from jaxtyping import Float32, UInt8

from myosweep.data.phantom.materials import Material

MAX_VESSEL_MM = 3.0


@dataclass(frozen=True)
class Ellipse:
    """An ellipse that leans to the right by ``lean`` mm per mm downwards."""

    y_mm: float
    x_mm: float
    semi_y_mm: float
    semi_x_mm: float
    lean: float = 0.0

    def level(
        self, y_mm: Float32[np.ndarray, "y 1"], x_mm: Float32[np.ndarray, "1 x"]
    ) -> Float32[np.ndarray, "y x"]:
        """Squared relative distance from the centre: below 1 inside."""
        down = (y_mm - self.y_mm) / np.float32(self.semi_y_mm)
        right = (x_mm - self.x_mm - self.lean * (y_mm - self.y_mm)) / np.float32(self.semi_x_mm)
        return down**2 + right**2


@dataclass(frozen=True)
class Vessel:
    """A lung vessel that runs ``lean`` mm to the right, and half as far down, per mm of depth."""

    y_mm: float
    x_mm: float
    radius_mm: float
    lean: float


@dataclass(frozen=True)
class Ripple:
    """Irregularity of borders: a sum of plane waves, about 1 mm in size.

    Args:
        waves: (turn per mm along y, along x, along depth, phase, all in rad; amplitude in mm).
    """

    waves: tuple[tuple[float, float, float, float, float], ...]

    def at(
        self,
        depth_mm: float,
        y_mm: Float32[np.ndarray, "y 1"],
        x_mm: Float32[np.ndarray, "1 x"],
    ) -> Float32[np.ndarray, "y x"]:
        """The sum in mm at each point of the plane at one depth."""
        per_y, per_x, per_depth, phase, amplitude = np.array(self.waves, np.float32).T[..., None]
        along_y = y_mm[:, 0] * per_y + depth_mm * per_depth + phase
        along_x = x_mm * per_x
        down = np.concatenate([amplitude * np.sin(along_y), amplitude * np.cos(along_y)])
        right = np.concatenate([np.cos(along_x), np.sin(along_x)])
        ripple: Float32[np.ndarray, "y x"] = np.einsum("wy,wx->yx", down, right)
        return ripple


def paint_ellipse(
    material: UInt8[np.ndarray, "y x"],
    shape: Ellipse,
    value: Material,
    y_mm: Float32[np.ndarray, "y 1"],
    x_mm: Float32[np.ndarray, "1 x"],
    ripple_mm: Float32[np.ndarray, "y x"] | None = None,
) -> None:
    """Paint a small ellipse, looking only at the rectangle that holds it."""
    reach_x_mm = shape.semi_x_mm + abs(shape.lean) * shape.semi_y_mm
    rows = _window(y_mm[:, 0], shape.y_mm, shape.semi_y_mm)
    columns = _window(x_mm[0], shape.x_mm, reach_x_mm)
    level = shape.level(y_mm[rows], x_mm[:, columns])
    if ripple_mm is not None:
        level += np.abs(ripple_mm[rows, columns]) * np.float32(0.25)
    material[rows, columns][level < 1] = value


def _window(positions_mm: Float32[np.ndarray, "n"], centre_mm: float, reach_mm: float) -> slice:
    """The part of ascending positions within ``reach_mm`` of the centre."""
    ends = np.searchsorted(positions_mm, [centre_mm - reach_mm, centre_mm + reach_mm])
    return slice(int(ends[0]), int(ends[1]))


def paint_vessels(
    material: UInt8[np.ndarray, "y x"],
    vessels: tuple[Vessel, ...],
    depth_mm: float,
    y_mm: Float32[np.ndarray, "y 1"],
    x_mm: Float32[np.ndarray, "1 x"],
) -> None:
    """Paint all vessels at once: the grid points in a small square around each centre."""
    step_mm = float(y_mm[1, 0] - y_mm[0, 0])
    reach = ceil(MAX_VESSEL_MM / step_mm)
    offsets = np.arange(-reach, reach + 1)
    table = np.array([(a.y_mm, a.x_mm, a.radius_mm, a.lean) for a in vessels])
    y, x, radius, lean = table.T[..., None]
    row = np.rint((y + lean * depth_mm / 2 - y_mm[0, 0]) / step_mm).astype(np.int64) + offsets
    column = np.rint((x + lean * depth_mm - x_mm[0, 0]) / step_mm).astype(np.int64) + offsets
    squared = (offsets[:, None] ** 2 + offsets**2) * step_mm**2
    hit = squared < radius[..., None] ** 2
    hit &= ((row >= 0) & (row < len(y_mm)))[:, :, None]
    hit &= ((column >= 0) & (column < x_mm.size))[:, None, :]
    which, down, right = np.nonzero(hit)
    material[row[which, down], column[which, right]] = Material.BLOOD
