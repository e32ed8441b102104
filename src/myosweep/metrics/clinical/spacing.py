"""Distances between pixels and between slices, as far as they are known."""

import math
from dataclasses import dataclass

from myosweep.errors import InputError


@dataclass(frozen=True)
class Spacing:
    """Distances of pixel centres.

    Args:
        y_mm, x_mm: of rows and of columns; None if they are not known.
        slices_mm: of neighbouring slices, that is slice thickness plus gap; None if not known.

    Raises:
        InputError: if a distance is not a finite number above 0, or only one of ``y_mm`` and
            ``x_mm`` is given.
    """

    y_mm: float | int | None = None
    x_mm: float | int | None = None
    slices_mm: float | int | None = None

    def __post_init__(self) -> None:
        for distance in (self.y_mm, self.x_mm, self.slices_mm):
            if distance is not None and not (math.isfinite(distance) and distance > 0):
                raise InputError(
                    f"a spacing is a finite number of millimetres above 0, got {distance:g}; leave "
                    "it out if it is not known"
                )
        if (self.y_mm is None) != (self.x_mm is None):
            raise InputError(
                "spacings of rows and of columns are known together or not at all, got "
                f"{self.y_mm} and {self.x_mm} mm; give both"
            )

    @property
    def in_plane_known(self) -> bool:
        """Whether lengths and directions within a slice mean anything."""
        return self.y_mm is not None

    @property
    def volume_known(self) -> bool:
        return self.y_mm is not None and self.slices_mm is not None

    @property
    def yx(self) -> tuple[float, float]:
        """Row and column distance; 1 and 1, that is pixels, where they are not known."""
        if self.y_mm is None or self.x_mm is None:
            return 1.0, 1.0
        return float(self.y_mm), float(self.x_mm)

    @property
    def voxel_ml(self) -> float:
        """Volume that one pixel stands for: its area times (thickness + gap); NaN if not known."""
        if self.y_mm is None or self.x_mm is None or self.slices_mm is None:
            return math.nan
        return self.y_mm * self.x_mm * self.slices_mm / 1000

    def require_in_plane(self, what: str) -> tuple[float, float]:
        """Row and column distance.

        Raises:
            InputError: if they are not known.
        """
        if self.y_mm is None or self.x_mm is None:
            raise InputError(
                f"{what} needs the pixel spacing, which is not known; import the original images, "
                "or give spacing_mm in a table (`myosweep import ... --table`)"
            )
        return float(self.y_mm), float(self.x_mm)


UNKNOWN = Spacing()
