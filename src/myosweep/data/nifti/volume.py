"""One NIfTI file as a stack of slices in a common orientation, and the way back."""

import gzip
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np
from jaxtyping import Float, Num, Shaped
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.volumeutils import apply_read_scaling

from myosweep.data.nifti.grid import (
    Affine,
    Arrangement,
    Header,
    Spacings,
    arrange,
    geometry,
    through_plane,
)
from myosweep.data.quiet import quiet
from myosweep.errors import DatasetError

MOST_VOXELS = 2**27
"""A volume of 512 x 512 x 512; whatever says it is larger is damaged, hostile or no LGE stack."""
_FURTHEST_START = 2**20
"""Bytes from the beginning of a file to its first voxel, at most; usually 352."""
_GZIP = b"\x1f\x8b"
_MAGIC = {348: (b"n+1", b"ni1"), 540: (b"n+2", b"ni2")}


@dataclass(frozen=True, eq=False)
class NiftiVolume:
    """The header of a volume; its voxels are read later.

    Args:
        path: the file, the ``.hdr`` of a pair.
        shape: voxels along the file's three axes.
        dtype: of the stored values; ``slope`` and ``inter`` scale them, where they are set.
        spacing_mm: along the file's axes; None where it is not known.
        affine: from the file's voxels to millimetres (right, anterior, superior), None where
            nobody knows how the patient lies.
        arrangement: from the file's axes to slices, rows and columns.
        doubtful_spacing: the affine's own spacing, where the header contradicts itself.
    """

    path: Path
    shape: tuple[int, int, int]
    dtype: np.dtype
    slope: float | None
    inter: float | None
    spacing_mm: Spacings
    affine: Affine | None
    arrangement: Arrangement
    data_path: Path
    start: int
    doubtful_spacing: Spacings | None = None

    @property
    def scaled(self) -> bool:
        """Whether the values are other than the stored ones."""
        return (self.slope, self.inter) not in ((None, None), (1.0, 0.0))

    @property
    def slices(self) -> int:
        return self.shape[self.arrangement.axes[0]]

    @property
    def size_yx(self) -> tuple[int, int]:
        """Height and width of a slice."""
        _, rows, columns = self.arrangement.axes
        return self.shape[rows], self.shape[columns]

    @property
    def spacing_yx_mm(self) -> tuple[float, float] | None:
        """Distance of rows and of columns, where both are known."""
        _, rows, columns = (self.spacing_mm[axis] for axis in self.arrangement.axes)
        return None if rows is None or columns is None else (rows, columns)

    @property
    def slice_spacing_mm(self) -> float | None:
        return self.spacing_mm[self.arrangement.axes[0]]

    def read(self, arrangement: Arrangement | None = None) -> Num[np.ndarray, "slice row column"]:
        """The values, with the header's scaling; values that it does not touch stay exact.

        Args:
            arrangement: another volume's, for a mask on that volume's grid.

        Raises:
            DatasetError: if the file is damaged.
        """
        with _readable():
            stored = np.frombuffer(self._bytes(), self.dtype).reshape(self.shape, order="F")
            values = apply_read_scaling(stored, self.slope, self.inter) if self.scaled else stored
        ordered = (arrangement or self.arrangement).from_source(values)
        return np.ascontiguousarray(ordered, values.dtype.newbyteorder("="))

    def file_hash(self) -> str:
        """SHA-256 of the file, or of both files of a pair."""
        digest = hashlib.sha256()
        for path in dict.fromkeys((self.path, self.data_path)):
            with _readable(), path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def to_source(
        self, labels: Shaped[np.ndarray, "slice row column"]
    ) -> Shaped[np.ndarray, "a b c"]:
        """Slices in the file's own axes, to be stored with its own affine."""
        return self.arrangement.to_source(labels)

    def to_mm(
        self, at: int, points_px: Float[np.ndarray, "point 2"]
    ) -> Float[np.ndarray, "point 3"] | None:
        """Points (y, x) of a slice in the patient (RAS); none without an affine."""
        if self.affine is None:
            return None
        places = np.column_stack([np.full(len(points_px), float(at)), points_px])
        voxels = self.arrangement.voxels(places, (self.slices, *self.size_yx))
        return voxels @ self.affine[:3, :3].T + self.affine[:3, 3]

    def _bytes(self) -> bytes:
        wanted = int(np.prod(self.shape)) * self.dtype.itemsize
        with _opened(self.data_path) as file:
            file.seek(self.start)
            content = file.read(wanted)
            file.read(1)  # at the end of its stream, gzip compares its checksum
        return content


def open_nifti(path: Path) -> NiftiVolume:
    """Read the header of a NIfTI file (``.nii``, ``.nii.gz``, or ``.hdr`` beside its ``.img``).

    The through-plane axis is the only one of a single voxel; else the one whose spacing is clearly
    the largest; else the one that the header names; else the one of the fewest voxels, of several
    the last. Slices keep the file's order. Columns run to the patient's left, or to the back where
    left and right are not in the plane; rows run to the back, or to the feet where head and feet
    are in the plane: as radiologists look at axial, coronal and sagittal images. Where nobody
    knows how the patient lies, columns are the first and rows the second of the remaining axes.

    Raises:
        DatasetError: if it is no volume of one frame with real numbers, or too large to be true.
    """
    with _readable():
        header = read_header(path)
        dims = [int(length) for length in header["dim"]]
        dtype = header.get_data_dtype()
        slope, inter = header.get_slope_inter()
        data_path, start = _data_place(path, header)
        shape = _three_axes(dims)
        _check_values(shape, dtype, start, data_path)
        spacing, affine, doubtful = geometry(header)
        through = through_plane(shape, spacing, header.get_dim_info()[2])
        arrangement = arrange(through, affine)
    return NiftiVolume(
        path=path,
        shape=shape,
        dtype=dtype,
        slope=slope,
        inter=inter,
        spacing_mm=spacing,
        affine=affine,
        arrangement=arrangement,
        data_path=data_path,
        start=start,
        doubtful_spacing=doubtful,
    )


def displacement_mm(one: NiftiVolume, other: NiftiVolume) -> float | None:
    """How far apart the corners of two volumes of one shape are, at most.

    None where one of them does not know where it lies.
    """
    if one.affine is None or other.affine is None:
        return None
    ends = np.array(one.shape) - 1
    corners = np.array([(*(np.array(at) * ends), 1) for at in np.ndindex(2, 2, 2)], float)
    apart = corners @ (one.affine - other.affine).T
    return float(np.linalg.norm(apart[:, :3], axis=1).max())


@contextmanager
def _readable() -> Iterator[None]:
    """Whatever a damaged file makes its reader raise becomes one plain sentence."""
    try:
        with quiet(), np.errstate(all="ignore"):
            yield
    except DatasetError:
        raise
    except Exception:  # a damaged file can make a reader raise anything
        raise DatasetError("cannot be read as a NIfTI volume; is it damaged?") from None


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The file's bytes, decompressed where its first bytes say that it is compressed."""
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
        file.seek(0)
        if not packed:
            yield file
            return
        with gzip.open(file, "rb") as content:
            yield cast(IO[bytes], content)


def read_header(path: Path) -> Header:
    """The header alone, as it stands: nibabel would put its faults right without a word.

    Raises:
        DatasetError: if it is none.
    """
    with _opened(path) as file:
        block = file.read(540)
    kinds: Sequence[Header] = (Nifti1Header, Nifti2Header)
    for length, kind in zip(_MAGIC, kinds, strict=True):
        sizes = [int.from_bytes(block[:4], order) for order in ("little", "big")]
        if length in sizes and len(block) >= length:
            order = "<" if sizes[0] == length else ">"
            header = kind(block[:length], endianness=order, check=False)
            if header["magic"].item()[:3] in _MAGIC[length]:
                return header
    raise DatasetError("is no NIfTI file; convert it, for instance with dcm2niix")


def _data_place(path: Path, header: Header) -> tuple[Path, int]:
    """The file that holds the voxels, and the byte where they begin."""
    start = int(header["vox_offset"])
    if not 0 <= start <= _FURTHEST_START:
        raise DatasetError("has its voxels at no sensible place; is it damaged?")
    if header["magic"].item().startswith(b"ni"):
        return path.with_suffix(".IMG" if path.suffix == ".HDR" else ".img"), start
    return path, max(start, int(header["sizeof_hdr"]) + 4)


def _three_axes(dims: Sequence[int]) -> tuple[int, int, int]:
    """The voxels along three axes; a single picture is a stack of one.

    Raises:
        DatasetError: if there are several frames, or numbers that make no sense.
    """
    count = dims[0]
    lengths = dims[1 : count + 1]
    if not 1 <= count <= 7 or any(length < 1 for length in lengths):
        raise DatasetError("has no sensible number of voxels in its header; is it damaged?")
    if count == 1:
        raise DatasetError("holds a row of numbers, no images; leave it out")
    if (frames := int(np.prod(lengths[3:], dtype=object))) > 1:
        raise DatasetError(f"has {frames} frames; take one out first and give that")
    first, second, third = (*lengths[:3], 1)[:3]
    return first, second, third


def _check_values(shape: tuple[int, int, int], dtype: np.dtype, start: int, data: Path) -> None:
    """Refuse what is no real number, too much, or more than the file can hold."""
    if dtype.kind not in "uif":
        kind = (
            "colours" if dtype.names else "complex numbers" if dtype.kind == "c" else "no numbers"
        )
        raise DatasetError(f"holds {kind}; save grey levels (magnitude, or phase-sensitive)")
    voxels = shape[0] * shape[1] * shape[2]
    if voxels > MOST_VOXELS:
        size = " x ".join(map(str, shape))
        raise DatasetError(f"says it has {size} voxels, more than any LGE volume; is it damaged?")
    with data.open("rb") as file:
        packed = file.read(2) == _GZIP
    missing = start + voxels * dtype.itemsize - data.stat().st_size
    if missing > 0 and not packed:
        raise DatasetError(f"ends {missing} bytes before its last voxel; copy it again")
