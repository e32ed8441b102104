"""How a NIfTI header's axes become slices, rows and columns, and how large its voxels are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from nibabel.orientations import io_orientation

from myosweep.errors import DatasetError

_THICKER = 1.2
"""The through-plane axis is known by its spacing if it is this much larger than the others."""
_TO_MM = {1: 1000.0, 3: 0.001}
"""Of the length units that a header may name; without one, lengths are millimetres."""

Header = Any
"""nibabel's Nifti1Header or Nifti2Header, whose functions have no types."""
Affine = Float[np.ndarray, "4 4"]
Spacings = tuple[float | None, float | None, float | None]


@dataclass(frozen=True)
class Arrangement:
    """How a file's axes become slices, rows and columns; nothing is ever interpolated.

    Args:
        axes: the file's axis along which slices, rows and columns are counted.
        flipped: whether that axis is counted backwards.

    >>> Arrangement((2, 1, 0), (False, True, False)).from_source(np.zeros((4, 5, 6))).shape
    (6, 5, 4)
    """

    axes: tuple[int, int, int]
    flipped: tuple[bool, bool, bool]

    def from_source(self, values: Shaped[np.ndarray, "a b c"]) -> Shaped[np.ndarray, "z y x"]:
        """The slices of an array in the file's own axes."""
        return np.flip(np.transpose(values, self.axes), self._turned)

    def to_source(self, stack: Shaped[np.ndarray, "z y x"]) -> Shaped[np.ndarray, "a b c"]:
        """An array in the file's own axes of slices: the way back."""
        return np.transpose(np.flip(stack, self._turned), np.argsort(self.axes))

    def voxels(
        self, places: Float[np.ndarray, "place 3"], size: tuple[int, int, int]
    ) -> Float[np.ndarray, "place 3"]:
        """Places (slice, row, column) in a stack of some size, along the file's own axes."""
        counted = np.where(self.flipped, np.array(size) - 1 - places, places)
        return counted[:, np.argsort(self.axes)]

    @property
    def _turned(self) -> tuple[int, ...]:
        return tuple(axis for axis, turned in enumerate(self.flipped) if turned)


def geometry(
    header: Header,
) -> tuple[Spacings, Affine | None, Spacings | None]:
    """Spacing, affine where it tells something, and the affine's spacing if it is another.

    By the standard, pixdim is the size of a voxel, and an affine may scale. A spacing of 1 mm along
    all axes is what programs write that know none, and so is an affine without a shift whose axes
    are 1 mm long: EMIDEC's volumes have such an affine beside a true pixdim.
    """
    unit = int(header["xyzt_units"]) & 7
    to_mm = _TO_MM.get(unit, 1.0)
    # through text, so that a 32-bit 1.4 becomes 1.4 and not 1.399999976
    found = [_known(float(str(value)) * to_mm) for value in header["pixdim"][1:4]]
    affine = _affine(header, found, to_mm)
    placeholder = affine is not None and np.array_equal(np.abs(affine), np.eye(4))
    unset = found == [1.0, 1.0, 1.0]
    if affine is None or placeholder:
        unknown = unset and (placeholder or not unit)
        return _spacings([None] * 3 if unknown else found), None, None
    by_affine = [float(f"{mm:.6g}") for mm in np.linalg.norm(affine[:3, :3], axis=0)]
    pairs = zip(found, by_affine, strict=True)
    if all(mm is None or abs(mm - other) <= 0.01 * other for mm, other in pairs):
        return _spacings(found), affine, None
    if unset:
        return _spacings(by_affine), affine, None
    return _spacings(found), affine, _spacings(by_affine)


def _known(mm: float) -> float | None:
    return mm if 0 < mm < np.inf else None


def _spacings(found: Sequence[float | None]) -> Spacings:
    first, second, third = found
    return first, second, third


def _affine(header: Header, spacing: Sequence[float | None], to_mm: float) -> Affine | None:
    """From voxels to millimetres, by the sform, else the qform, else None.

    Raises:
        DatasetError: if it is not finite, or lays an axis upon another.
    """
    if header["sform_code"] > 0:
        affine = header.get_sform()
    elif header["qform_code"] > 0:
        affine = _qform(header, spacing, to_mm)
    else:
        return None
    affine = np.diag([to_mm, to_mm, to_mm, 1.0]) @ affine.astype(float)
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or not abs(np.linalg.det(directions)) > 0.01:
        raise DatasetError(
            "has a damaged affine, so nobody knows how the patient lies; correct its sform and "
            "qform, or set their codes to 0"
        )
    return affine


def _qform(header: Header, spacing: Sequence[float | None], to_mm: float) -> Affine:
    """The qform; directions are known even where a spacing is not, which then counts as 1."""
    whole = header.copy()
    whole["pixdim"][1:4] = [1.0 if mm is None else mm / to_mm for mm in spacing]
    if whole["pixdim"][0] != -1:
        whole["pixdim"][0] = 1
    try:
        return whole.get_qform()
    except ValueError:  # a quaternion longer than 1
        return np.full((4, 4), np.nan)


def through_plane(shape: tuple[int, int, int], spacing: Spacings, named: int | None) -> int:
    """The axis along which slices are counted, see ``open_nifti``."""
    if shape.count(1) == 1:
        return shape.index(1)
    known = [mm for mm in spacing if mm is not None]
    if len(known) == 3:
        *_, second, largest = sorted(known)
        if largest >= _THICKER * second:
            return known.index(largest)
    if named is not None:
        return named
    return max(range(3), key=lambda axis: (-shape[axis], axis))


def arrange(through: int, affine: Affine | None) -> Arrangement:
    first, second = (axis for axis in range(3) if axis != through)
    if affine is None:
        return Arrangement((through, second, first), (False, False, False))
    world = io_orientation(affine)  # type: ignore[no-untyped-call]
    columns, rows = sorted((first, second), key=lambda axis: world[axis, 0])
    flipped = [bool(world[axis, 1] > 0) for axis in (rows, columns)]
    return Arrangement((through, rows, columns), (False, flipped[0], flipped[1]))
