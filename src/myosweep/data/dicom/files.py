"""DICOM files, read so that a damaged or hostile one is a sentence, and nothing of it leaks."""

import io
import logging
import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pydicom
from pydicom.dataset import Dataset
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID

from myosweep.data.folder import files_in
from myosweep.data.quiet import quiet
from myosweep.errors import DatasetError

for _library in ("pydicom", "highdicom", "libjpeg", "openjpeg"):
    logging.getLogger(_library).setLevel(logging.CRITICAL + 1)  # they log names and values


def _tags(keywords: str) -> list[BaseTag | int]:
    return [Tag(keyword) for keyword in keywords.split()]


Kind = Literal["image", "segmentation", "structures", "other"]

_SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
_STRUCTURES = "1.2.840.10008.5.1.4.1.1.481.3"
_NO_SYNTAX = UID("0")
_DIRECTORY = "1.2.840.10008.1.3.10"
ENDINGS = (".dcm", ".dicom", ".ima")
_SERIES = Tag("SeriesInstanceUID")
_MOST_INFLATED = 2**28
"""Bytes that a deflated file may unfold to."""
_HEADER = _tags("""
    SOPClassUID SOPInstanceUID SeriesInstanceUID FrameOfReferenceUID ImageType Manufacturer
    SeriesDescription PatientID IssuerOfPatientID PatientName InstanceNumber SliceThickness
    ImagePositionPatient ImageOrientationPatient PixelSpacing Rows Columns NumberOfFrames
    SamplesPerPixel PhotometricInterpretation BitsAllocated BitsStored PixelRepresentation
    RescaleSlope RescaleIntercept ModalityLUTSequence SharedFunctionalGroupsSequence
    PerFrameFunctionalGroupsSequence SegmentationType SegmentSequence MaximumFractionalValue
    ReferencedSeriesSequence StructureSetROISequence ROIContourSequence
    ReferencedFrameOfReferenceSequence
""")
"""The elements that the import needs of a header; no other is kept in memory."""
_PIXELS = _tags("""
    Rows Columns NumberOfFrames SamplesPerPixel PhotometricInterpretation PlanarConfiguration
    BitsAllocated BitsStored HighBit PixelRepresentation PixelData FloatPixelData
    DoubleFloatPixelData ExtendedOffsetTable ExtendedOffsetTableLengths
""")


@dataclass(frozen=True)
class DicomFile:
    """What a file's header says; only the elements that some part of the import needs.

    Args:
        name: relative to the folder that the user gave, with ``/``.
        pixel_bytes: what the file holds behind its header at most, pixels if there are any.
    """

    name: str
    path: Path = field(repr=False)
    kind: Kind
    header: Dataset = field(repr=False)
    pixel_bytes: int

    @property
    def transfer_syntax(self) -> UID:
        """How the pixels are stored; a file that does not tell stores them plainly."""
        return _transfer_syntax(self.header)


@dataclass(frozen=True)
class DamagedFile:
    """A file that cannot be read.

    Args:
        folder: where it lies, relative; empty for the folder that the user gave.
        series: its series' UID; empty where nobody can tell.
    """

    folder: str
    series: str = field(repr=False)


def read_headers(
    folder: Path, problems: list[str], damaged: list[DamagedFile] | None = None
) -> Iterator[DicomFile]:
    """The DICOM files of a folder and its subfolders, in order of names.

    What is no DICOM file, or a DICOMDIR, is passed over.

    Args:
        damaged: gets each file that cannot be read.
    """
    with quiet():  # for all files, since to begin and end it takes as long as to read one
        for name, path in files_in(folder):
            try:
                if looks_like_dicom(path) and (found := read_header(name, path)):
                    yield found
            except DatasetError as error:
                problems += [f"file {name!r} {problem}" for problem in error.problems]
                if damaged is not None:
                    damaged.append(DamagedFile(name.rpartition("/")[0], _series_of(path)))


def looks_like_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its mark, its name, or, without any ending, its first tag.

    Raises:
        DatasetError: if the file cannot be opened.
    """
    try:
        with path.open("rb") as file:
            start = file.read(132)
    except OSError:
        raise DatasetError("cannot be opened; check that you may read it") from None
    if start[128:] == b"DICM" or path.suffix.lower() in ENDINGS:
        return True
    return not path.suffix and start[:2] in (b"\x08\x00", b"\x02\x00") and start[3:4] == b"\x00"


def read_header(name: str, path: Path) -> DicomFile | None:
    """A file's header; none if the file is a DICOMDIR.

    Raises:
        DatasetError: if it cannot be read, or does not say what it is.
    """
    with _damage(), _File(io.FileIO(path)) as file:
        header = pydicom.dcmread(file, stop_before_pixels=True, force=True, specific_tags=_HEADER)
        pixel_bytes = file.inflated or file.size - file.tell()
        kind = _kind(header)
    return DicomFile(name, path, kind, header, pixel_bytes) if kind else None


def _series_of(path: Path) -> str:
    """The series of a damaged file, whose header may be sound up to there; else empty."""
    try:
        with _damage(), _File(io.FileIO(path)) as file:
            header = read_partial(
                file, lambda tag, *_: tag > _SERIES, force=True, specific_tags=[_SERIES]
            )
            return text(header, "SeriesInstanceUID")
    except DatasetError:
        return ""


def read_pixel_data(path: Path) -> Dataset:
    """What a file says of its pixels, and the pixels as stored; nothing of the patient.

    Raises:
        DatasetError: if it cannot be read.
    """
    with _damage(), _File(io.FileIO(path)) as file:
        found = pydicom.dcmread(file, force=True, specific_tags=_PIXELS)
        found.file_meta.TransferSyntaxUID = _transfer_syntax(found)
        return found


@contextmanager
def _damage() -> Iterator[None]:
    """Whatever the library raises becomes one sentence, without a word of the file."""
    try:
        with quiet():
            yield
    except DatasetError:
        raise
    except Exception:  # a damaged file can make it raise anything
        raise DatasetError("cannot be read as a DICOM file; is it damaged?") from None


class _File(io.BufferedReader):
    """A file that never makes room for more than it holds, whatever length its header tells."""

    def __init__(self, raw: io.FileIO) -> None:
        super().__init__(raw)
        self.size = self.seek(0, io.SEEK_END)
        self.seek(0)
        self.inflated = 0

    def read(self, size: int | None = -1, /) -> bytes:
        rest = max(self.size - self.tell(), 0)
        if size is None or size < 0:  # the library wants to inflate all of it
            content = super().read(rest)
            self.inflated = _inflated_size(content)
            return content
        return super().read(min(size, rest))


def _inflated_size(deflated: bytes) -> int:
    """Bytes that a deflated file unfolds to, found without keeping them."""
    inflater, total = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while deflated:
        total += len(inflater.decompress(deflated, 2**20))
        deflated = inflater.unconsumed_tail
        if total > _MOST_INFLATED:
            raise DatasetError("unfolds to far more than any LGE image; is it damaged?")
    return total


def _kind(header: Dataset) -> Kind | None:
    """What a file is, by its class; none for a DICOMDIR."""
    named = text(header, "SOPClassUID") or text(header.file_meta, "MediaStorageSOPClassUID")
    if named == _DIRECTORY:
        return None
    if named in _SEGMENTATIONS:
        return "segmentation"
    if named == _STRUCTURES:
        return "structures"
    if "Rows" in header or "Columns" in header or "Image Storage" in _uid(named).name:
        return "image"
    if not (named and "SeriesInstanceUID" in header):  # it stands behind the class in a file
        raise DatasetError("does not say what it is; is it damaged, or no DICOM file?")
    return "other"


def _transfer_syntax(header: Dataset) -> UID:
    named = _uid(text(header.file_meta, "TransferSyntaxUID"))
    if named:
        return named if named.is_valid else _NO_SYNTAX
    implicit, little_endian = header.original_encoding
    if implicit:
        return pydicom.uid.ImplicitVRLittleEndian
    return pydicom.uid.ExplicitVRLittleEndian if little_endian else pydicom.uid.ExplicitVRBigEndian


def _uid(named: str) -> UID:
    """A UID that may be anything but valid."""
    return UID(named, validation_mode=pydicom.config.IGNORE)


def text(header: Dataset, keyword: str) -> str:
    """An element as text; empty if it is not there or cannot be read."""
    value = _value(header, keyword)
    return "" if value is None else str(value).strip()


def number(header: Dataset, keyword: str) -> float | None:
    """An element as a number; none if it is not there, is not one number, or is not finite."""
    found = numbers(header, keyword, 1)
    return found[0] if found else None


def whole(header: Dataset, keyword: str, otherwise: int = 0) -> int:
    """An element as a whole number; ``otherwise`` if there is none."""
    found = number(header, keyword)
    return otherwise if found is None or found != round(found) else int(found)


def numbers(header: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """An element of ``count`` finite numbers; none if it is anything else."""
    value = _value(header, keyword)
    values = [value] if isinstance(value, int | float | str) else value
    try:
        found = tuple(float(one) for one in values)
    except Exception:
        return None
    return found if len(found) == count and all(map(math.isfinite, found)) else None


def items(header: Dataset, keyword: str) -> Sequence[Dataset]:
    """The items of a sequence; none if it is not there or cannot be read."""
    value = _value(header, keyword)
    return value if isinstance(value, pydicom.Sequence) else ()


def _value(header: Dataset, keyword: str) -> Any:
    """An element's value; the library reads it only now, so it may fail in any way."""
    try:
        with quiet():
            return header.get(keyword)
    except Exception:
        return None
