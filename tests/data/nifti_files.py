"""NIfTI files for tests: small hand-made volumes, lain in the scanner in any way."""

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.nifti1 import Nifti1Header

SPACING = (1.5, 1.5, 8.0)
"""Of columns, rows and slices, mm."""
WORLD = {
    "axial": ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    "coronal": ((-1, 0, 0), (0, 0, -1), (0, 1, 0)),
    "sagittal": ((0, -1, 0), (0, 0, -1), (1, 0, 0)),
}
"""Where columns, rows and slices run to: towards (right, anterior, superior)."""


def pattern(slices: int = 3, height: int = 6, width: int = 5) -> np.ndarray:
    """Slices in which no two pixels are alike, so that any wrong turn is seen."""
    return np.arange(slices * height * width, dtype=np.uint16).reshape(slices, height, width)


def ring(slices: int = 3, side: int = 12) -> np.ndarray:
    """Masks with a blood pool (1) in a myocardium (2), off the middle."""
    mask = np.zeros((slices, side, side), np.uint8)
    mask[:, 2:8, 3:9] = 2
    mask[:, 4:6, 5:7] = 1
    return mask


def file_axes(stack: np.ndarray) -> np.ndarray:
    """Slices, rows, columns in the usual order of a file's axes: columns, rows, slices."""
    return np.transpose(stack, (2, 1, 0))


def affine_of(view: str = "axial", spacing: Sequence[float] = SPACING) -> np.ndarray:
    """From columns, rows and slices to where they lie; the first voxel is at (11, -7, 5)."""
    affine = np.eye(4)
    affine[:3, :3] = np.array(WORLD[view]).T * spacing
    affine[:3, 3] = (11, -7, 5)
    return affine


def turned(
    volume: np.ndarray, affine: np.ndarray, axes: Sequence[int], flipped: Sequence[bool]
) -> tuple[np.ndarray, np.ndarray]:
    """The same voxels at the same places, with the file's axes in another order and direction."""
    moved = affine.copy()
    for axis, flip in enumerate(flipped):
        if flip:
            moved[:3, 3] += moved[:3, axis] * (volume.shape[axis] - 1)
            moved[:3, axis] *= -1
            volume = np.flip(volume, axis)
    moved[:3, :3] = moved[:3, list(axes)]
    return np.transpose(volume, axes), moved


def rotation(degrees: Sequence[float]) -> np.ndarray:
    """About the three axes, one after the other, as a 4 x 4 matrix."""
    whole = np.eye(4)
    for axis, angle in enumerate(np.deg2rad(degrees)):
        one, other = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(4)
        turn[one, one] = turn[other, other] = np.cos(angle)
        turn[one, other], turn[other, one] = -np.sin(angle), np.sin(angle)
        whole = turn @ whole
    return whole


def save(
    path: Path,
    volume: np.ndarray,
    affine: np.ndarray | None = None,
    *,
    form: str = "both",
    kind: Any = nib.Nifti1Image,
    **fields: Any,
) -> Path:
    """Write a volume; without an affine nobody knows how the patient lies.

    Args:
        form: which of ``sform`` and ``qform`` are set.
        fields: of the header, set as they are, whatever nibabel thinks of them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    image = kind(volume, affine)
    image.header.set_xyzt_units("mm")
    if affine is not None:
        image.set_sform(affine, 1 if form in ("both", "sform") else 0)
        image.set_qform(affine, 1 if form in ("both", "qform") else 0)
    image.to_filename(path)
    if fields:
        patch(path, **fields)
    return path


def save_stack(
    path: Path, stack: np.ndarray, view: str | None = "axial", spacing: Sequence[float] = SPACING
) -> Path:
    """Slices as a radiologist would see them, in a file with the usual axes."""
    affine = None if view is None else affine_of(view, spacing)
    fields: dict[str, Any] = {} if view else {"pixdim": [1, *spacing, 0, 0, 0, 0]}
    return save(path, file_axes(stack), affine, **fields)


def patch(path: Path, **fields: Any) -> None:
    """Change fields of a NIfTI-1 header in place; a field like ``pixdim[2]`` by a pair."""
    packed = path.name.endswith(".gz")
    content = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
    header = Nifti1Header(content[:348], check=False)
    for name, value in fields.items():
        header[name] = value
    content = header.binaryblock + content[348:]
    path.write_bytes(gzip.compress(content) if packed else content)
