"""The images of a segmentation-only export (.seg): the one DICOM series that it fits."""

from collections.abc import Sequence
from pathlib import Path

from myosweep.data.dicom.series import Series, find_series
from myosweep.data.names import NamePattern
from myosweep.data.segment.header import StackHeader
from myosweep.errors import DatasetError

_SAME_SPACING = 0.01
"""Distances of pixels that differ by less than this share are the same."""


def find_images(folder: Path | None, problems: list[str]) -> list[Series]:
    """The series of a DICOM folder; none if there is no folder."""
    if folder is None:
        return []
    if not folder.is_dir():
        problems.append(f"image folder {folder.name!r} does not exist; check the path")
        return []
    return find_series(folder, problems)


def match_series(
    header: StackHeader, series: Sequence[Series], name: str, patient: NamePattern | None
) -> Series:
    """The series with the stack's size, number of slices, and pixel spacing where both tell it.

    Another patient's series is none of them: with a pattern, one whose folder has another patient
    code than the file; else one whose patient is known to be another.

    Args:
        name: of the file, without ending.

    Raises:
        DatasetError: if none or several are left.
    """
    fitting = [one for one in series if _fits(header, one)]
    own = [one for one in fitting if not _of_another(header, one, name, patient)]
    if len(own) == 1:
        return own[0]
    wanted = f"{header.rows} x {header.columns} pixels{_mm(header)} and {header.slices} slices"
    if not own:
        others = f", {len(fitting)} of other patients" if fitting else ""
        raise DatasetError(
            f"holds no images, and none of {len(series)} series in --images has {wanted}{others}; "
            "give the folder of its own series"
        )
    names = ", ".join(one.subject for one in own[:4])
    raise DatasetError(
        f"holds no images, and {len(own)} series in --images have {wanted} ({names}); give a "
        "folder with its own series alone, or --patient to tell them apart by folder"
    )


def _fits(header: StackHeader, series: Series) -> bool:
    if (series.rows, series.columns, series.count) != (*header.size, header.slices):
        return False
    own, other = header.spacing_yx_mm, series.spacing_yx_mm
    if own is None or other is None:
        return True
    return all(abs(a - b) <= _SAME_SPACING * b for a, b in zip(own, other, strict=True))


def _of_another(
    header: StackHeader, series: Series, name: str, patient: NamePattern | None
) -> bool:
    if patient is not None:
        found, _ = patient.read({name, series.folder})
        codes = [found[one].patient for one in (name, series.folder) if one in found]
        return len(codes) == 2 and codes[0] != codes[1]
    known = [one.split("\n")[0].strip() for one in (header.identity, series.identity)]
    return all(known) and known[0] != known[1]


def _mm(header: StackHeader) -> str:
    if header.spacing_yx_mm is None:
        return ""
    return " of {:.4g} x {:.4g} mm".format(*header.spacing_yx_mm)
