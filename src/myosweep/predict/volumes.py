"""Masks as NIfTI volumes that lie exactly where their source lies."""

import gzip
from typing import Any

import nibabel as nib
import numpy as np
from jaxtyping import Float, Float32, UInt
from nibabel.spatialimages import HeaderDataError

from myosweep.data.dicom.series import Series
from myosweep.data.nifti.volume import NiftiVolume, read_header
from myosweep.errors import DatasetError
from myosweep.predict.cases import Case

_TEXTS = ("data_type", "db_name", "descrip", "aux_file", "intent_name", "unused_str")
"""Header fields in which people write anything, names too; those that a version has."""
_GEOMETRY = (
    "pixdim", "qform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y",
    "qoffset_z", "sform_code", "srow_x", "srow_y", "srow_z",
)  # fmt: skip
_IN_LINE = 0.1
"""So much of a pixel may a slice lie beside the line of the others."""
_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""DICOM counts millimetres to the left and the back, NIfTI to the right and the front."""


Values = UInt[np.ndarray, "slice y x"] | Float32[np.ndarray, "slice y x"]


def nifti_bytes(case: Case, labels: Values) -> bytes:
    """A compressed NIfTI file with a case's label codes, or other values.

    Of a NIfTI source it has the voxels' order and the affines, as they stand in the header; of a
    DICOM series the affine of its slices.

    Raises:
        DatasetError: if the slices of a series are not evenly spaced.
    """
    if isinstance(case.source, NiftiVolume):
        image = _like_source(case.source, labels)
    else:
        volume = np.ascontiguousarray(np.transpose(labels, (2, 1, 0)))
        image = nib.Nifti1Image(volume, series_affine(case.source))  # type: ignore[no-untyped-call]
        header: Any = image.header
        header.set_xyzt_units("mm")
    return gzip.compress(image.to_bytes(), mtime=0)


def _like_source(volume: NiftiVolume, labels: Values) -> Any:
    """The source's header, without texts and display ranges; its geometry stays as it is.

    Raises:
        DatasetError: if nibabel refuses to write such a header.
    """
    header = read_header(volume.path).copy()
    for name in (one for one in _TEXTS if one in header.keys()):  # noqa: SIM118
        header[name] = b""
    for name in ("cal_max", "cal_min", "intent_code", "glmax", "glmin"):
        if name in header.keys():  # noqa: SIM118
            header[name] = 0
    header.set_data_dtype(labels.dtype)
    header.set_slope_inter(1, 0)
    header["vox_offset"] = 0
    kind: Any = nib.Nifti2Image if header["sizeof_hdr"] == 540 else nib.Nifti1Image
    try:
        image = kind(np.ascontiguousarray(volume.to_source(labels)), None, header)
    except HeaderDataError:
        raise DatasetError(
            "has a header that breaks the rules of NIfTI; convert it, or take --as png"
        ) from None
    for name in _GEOMETRY:  # nibabel mends what it finds odd, and so may move a mask
        image.header[name] = header[name]
    return image


def series_affine(series: Series) -> Float[np.ndarray, "4 4"]:
    """From (column, row, slice) to millimetres, right, anterior, superior.

    Raises:
        DatasetError: if a place or a distance is not known, or distances differ.
    """
    first, orientation, spacing = series.positions_mm[0], series.orientation, series.spacing_yx_mm
    single = series.count == 1
    step_mm = series.frames[0].thickness_mm if single else series.slice_spacing_mm
    if orientation is None or spacing is None or step_mm is None or not _is_straight(series):
        raise DatasetError(
            "has slices of unknown or uneven distance, or out of line, which NIfTI cannot tell; "
            "take --as dicom-seg or --as png"
        )
    affine = np.eye(4)
    affine[:3, 0] = np.array(orientation.along_row) * spacing[1]
    affine[:3, 1] = np.array(orientation.along_column) * spacing[0]
    affine[:3, 2] = np.array(orientation.normal) * step_mm
    if not single:
        affine[:3, 2] = np.subtract(series.positions_mm[-1], first) / (series.count - 1)
    affine[:3, 3] = first
    return _TO_RAS @ affine


def _is_straight(series: Series) -> bool:
    """Whether the slices' first pixels lie on a line, which may be oblique (a tilted gantry)."""
    places = np.array(series.positions_mm)
    line = np.linspace(places[0], places[-1], len(places))
    assert series.orientation is not None
    assert series.spacing_yx_mm is not None
    in_plane = np.array([series.orientation.along_row, series.orientation.along_column])
    away = np.abs((places - line) @ in_plane.T).max()
    return bool(away <= _IN_LINE * min(series.spacing_yx_mm))
