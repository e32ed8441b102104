"""Uploaded files: which kinds are taken, how much, and how they are kept until they are used."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi import HTTPException
from starlette.datastructures import UploadFile

from myosweep.serve.job import STEM

MOST_FILES = 1000
_START_BYTES = 540
_NIFTI = (b"n+1\0", b"n+2\0")
_MATLAB = (b"MATLAB 5.0 MAT-file", b"MATLAB 7.3 MAT-file")
_DICOM_TAGS = (b"\x08\x00", b"\x02\x00")


@dataclass(frozen=True)
class _Kind:
    """A kind of file: what it is called, the ending it is kept with, and how it begins."""

    name: str
    ending: str
    begins: Callable[[bytes], bool]


def _starts(*marks: bytes) -> Callable[[bytes], bool]:
    return lambda start: start.startswith(marks)


_PNG = _Kind("PNG picture", ".png", _starts(b"\x89PNG\r\n\x1a\n"))
_TIFF = _Kind("TIFF picture", ".tif", _starts(b"II*\0", b"MM\0*"))
_BMP = _Kind("BMP picture", ".bmp", _starts(b"BM"))
_NII = _Kind("NIfTI volume", ".nii", lambda start: start[344:348] in _NIFTI or start[4:8] in _NIFTI)
_NII_GZ = _Kind("compressed NIfTI volume", ".nii.gz", _starts(b"\x1f\x8b"))
_MAT = _Kind("file of Segment", ".mat", _starts(*_MATLAB))
_DICOM = _Kind(
    "DICOM file",
    ".dcm",
    lambda start: start[128:132] == b"DICM" or (start[:2] in _DICOM_TAGS and start[3:4] == b"\0"),
)
_BY_ENDING = {
    ".png": _PNG, ".tif": _TIFF, ".tiff": _TIFF, ".bmp": _BMP, ".nii": _NII, ".nii.gz": _NII_GZ,
    ".mat": _MAT, ".seg": _MAT, ".dcm": _DICOM, ".dicom": _DICOM, ".ima": _DICOM,
}  # fmt: skip
_TAKEN = (
    "PNG, TIFF and BMP pictures, NIfTI volumes (.nii, .nii.gz), DICOM files, and files of Segment "
    "(.mat)"
)


def keep_uploads(files: Sequence[UploadFile], folder: Path, most_bytes: int) -> None:
    """Write files into a folder, under numbers instead of their names.

    Raises:
        HTTPException: 413, if they are too many or too large; 415, if one is of no kind that is
            taken, or not what its ending says. Nothing in it tells a file's name.
    """
    if len(files) > MOST_FILES:
        raise HTTPException(413, f"At most {MOST_FILES} files are taken at once.")
    if sum(file.size or 0 for file in files) > most_bytes:
        raise HTTPException(413, f"At most {most_bytes / 2**20:g} MB are taken at once.")
    folder.mkdir(mode=0o700)
    for number, file in enumerate(files, 1):
        ending = _ending_of(number, file.filename or "", file.file.read(_START_BYTES))
        file.file.seek(0)
        with (folder / f"{STEM}{number:04d}{ending}").open("xb") as kept:
            shutil.copyfileobj(file.file, kept)


def _ending_of(number: int, name: str, start: bytes) -> str:
    """The ending that a file is kept with."""
    lower = name.lower()
    known = next((kind for end, kind in _BY_ENDING.items() if lower.endswith(end)), None)
    if known is None and start[128:132] != b"DICM" and ("." in name or not _DICOM.begins(start)):
        raise HTTPException(415, f"File {number} is of no kind that is taken here: {_TAKEN}.")
    kind = known or _DICOM
    if not kind.begins(start):
        raise HTTPException(
            415, f"File {number} is called a {kind.name}, but is none; is it damaged?"
        )
    return kind.ending
