"""The frames of a DICOM image file: where each lies, and how its numbers are to be read."""

from dataclasses import dataclass, field
from pathlib import Path

from pydicom.dataset import Dataset

from myosweep.data.dicom.files import DicomFile, items, number, numbers, text, whole
from myosweep.data.dicom.geometry import Orientation, Plane, Vector
from myosweep.data.stack import MOST_PIXELS
from myosweep.errors import DatasetError

_NATIVE = tuple(f"1.2.840.10008.1.2{ending}" for ending in ("", ".1", ".2", ".1.99"))
"""Kinds of storage whose pixels have their full length; the last is deflated as a whole."""
_MOST_FRAMES = 2**16
_SMALLEST_FRAME = 8
"""Bytes that a compressed frame takes at least."""
_VENDORS = {
    "siemens": "Siemens",
    "ge ": "GE",
    "general electric": "GE",
    "philips": "Philips",
    "canon": "Canon",
    "toshiba": "Canon",
    "hitachi": "Hitachi",
    "fujifilm": "Fujifilm",
    "united imaging": "United Imaging",
    "uih": "United Imaging",
    "bruker": "Bruker",
    "esaote": "Esaote",
    "neusoft": "Neusoft",
}
"""Makers of scanners by how they begin their name; Toshiba's scanners are Canon's now."""


@dataclass(frozen=True)
class ImageFile:
    """What all frames of a file have in common.

    Args:
        name: relative to the folder that the user gave.
        is_inverted: larger numbers are darker (MONOCHROME1).
        obstacle: why its pixels cannot be read, in words that follow the file's name.
        instance, series, frame_of_reference: UIDs; they never leave the program.
        number: its place in the series, as the scanner counted.
        frames: how many it has.
    """

    name: str
    path: Path = field(repr=False)
    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    is_signed: bool
    is_inverted: bool
    vendor: str | None
    obstacle: str | None
    instance: str = field(repr=False)
    series: str = field(repr=False)
    frame_of_reference: str = field(repr=False)
    identity: str = field(repr=False)
    description: str = field(repr=False)
    number: int
    frames: int


@dataclass(frozen=True)
class Frame:
    """One image of a file.

    Args:
        index: from 0.
        kind: what was made of the signal (magnitude, phase, ...), as the scanner says.
        position_mm: centre of its first pixel (LPS).
        slope, intercept: value = stored number * slope + intercept.
    """

    file: ImageFile
    index: int
    kind: str = field(repr=False)
    position_mm: Vector | None
    orientation: Orientation | None
    spacing_yx_mm: tuple[float, float] | None
    thickness_mm: float | None
    slope: float
    intercept: float

    @property
    def place(self) -> str:
        """Its file's name, and its number if it is not the first."""
        return self.file.name if self.index == 0 else f"{self.file.name}, frame {self.index + 1}"

    @property
    def plane(self) -> Plane | None:
        """Where its pixels lie, if all of that is known."""
        position, orientation, spacing = self.position_mm, self.orientation, self.spacing_yx_mm
        if position is None or orientation is None or spacing is None:
            return None
        return Plane(position, orientation, spacing)


def image_frames(found: DicomFile) -> list[Frame]:
    """The frames of an image file, from its header.

    Raises:
        DatasetError: if its size cannot be true, or there are fewer bytes than pixels.
    """
    header = found.header
    rows, columns = whole(header, "Rows"), whole(header, "Columns")
    count = whole(header, "NumberOfFrames", 1) or 1
    _check_size(found, rows, columns, count)
    file = ImageFile(
        name=found.name,
        path=found.path,
        rows=rows,
        columns=columns,
        bits_allocated=whole(header, "BitsAllocated"),
        bits_stored=whole(header, "BitsStored") or whole(header, "BitsAllocated"),
        is_signed=whole(header, "PixelRepresentation") == 1,
        is_inverted=text(header, "PhotometricInterpretation") == "MONOCHROME1",
        vendor=vendor(text(header, "Manufacturer")),
        obstacle=_obstacle(header),
        instance=text(header, "SOPInstanceUID"),
        series=text(header, "SeriesInstanceUID"),
        frame_of_reference=text(header, "FrameOfReferenceUID"),
        identity=_identity(header),
        description=text(header, "SeriesDescription"),
        number=whole(header, "InstanceNumber"),
        frames=count,
    )
    return [_frame(file, index, _Places(header, index)) for index in range(count)]


def vendor(manufacturer: str) -> str | None:
    """A known maker's name; nothing else, since the element may hold anything.

    >>> vendor("SIEMENS Healthineers"), vendor("GE MEDICAL SYSTEMS"), vendor("Dr. X's workstation")
    ('Siemens', 'GE', None)
    """
    name = f"{manufacturer.strip().lower()} "
    return next((known for start, known in _VENDORS.items() if name.startswith(start)), None)


def _check_size(found: DicomFile, rows: int, columns: int, count: int) -> None:
    """Whether the file can hold what its header says, before any memory is asked for."""
    if rows < 1 or columns < 1 or count < 1:
        raise DatasetError("is an image without a size; is it damaged?")
    size = f"{rows} x {columns}"
    if rows * columns > MOST_PIXELS:
        raise DatasetError(f"says it has {size} pixels, more than any LGE image; is it damaged?")
    if count > _MOST_FRAMES:
        raise DatasetError(f"says it has {count} frames of {size} pixels; is it damaged?")
    if found.transfer_syntax in _NATIVE:
        channels = max(whole(found.header, "SamplesPerPixel", 1), 1)
        bits = rows * columns * channels * count * max(whole(found.header, "BitsAllocated"), 1)
        needed = bits // 8
        if text(found.header, "PhotometricInterpretation") == "YBR_FULL_422":
            needed = needed * 2 // 3  # two pixels share their colour
    else:
        needed = count * _SMALLEST_FRAME
    if needed > found.pixel_bytes:
        frames = f"{count} frames of " if count > 1 else ""
        raise DatasetError(
            f"says it has {frames}{size} pixels, but ends before; is it damaged? copy it again"
        )


def _obstacle(header: Dataset) -> str | None:
    """Why pixels cannot be read as grey levels of one meaning."""
    if whole(header, "SamplesPerPixel", 1) != 1 or not text(
        header, "PhotometricInterpretation"
    ).startswith("MONOCHROME"):
        return "is a colour image; export grey levels"
    if items(header, "ModalityLUTSequence"):
        return "needs a table to give its values (Modality LUT), which is not supported"
    return None


def _identity(header: Dataset) -> str:
    if number_ := text(header, "PatientID"):
        issuer = text(header, "IssuerOfPatientID")
        return f"{number_}\n{issuer}" if issuer else number_
    return text(header, "PatientName").rstrip("^= ")


class _Places:
    """Looks elements up where they apply to one frame: its own, the shared, the plain header."""

    def __init__(self, header: Dataset, index: int) -> None:
        own = items(header, "PerFrameFunctionalGroupsSequence")
        groups = [*own[index : index + 1], *items(header, "SharedFunctionalGroupsSequence")[:1]]
        self._header, self._groups = header, groups

    def holder(self, group: str, keyword: str) -> Dataset:
        """The dataset that has the element for this frame."""
        for groups in self._groups:
            for item in items(groups, group)[:1]:
                if keyword in item:
                    return item
        return self._header


def _frame(file: ImageFile, index: int, places: _Places) -> Frame:
    def found(group: str, keyword: str, count: int) -> tuple[float, ...] | None:
        return numbers(places.holder(group, keyword), keyword, count)

    values = "PixelValueTransformationSequence"
    slope = number(places.holder(values, "RescaleSlope"), "RescaleSlope")
    intercept = number(places.holder(values, "RescaleIntercept"), "RescaleIntercept")
    spacing = found("PixelMeasuresSequence", "PixelSpacing", 2)
    thickness = found("PixelMeasuresSequence", "SliceThickness", 1)
    position = found("PlanePositionSequence", "ImagePositionPatient", 3)
    return Frame(
        file=file,
        index=index,
        kind=_image_type(places),
        position_mm=(position[0], position[1], position[2]) if position else None,
        orientation=Orientation.from_cosines(
            found("PlaneOrientationSequence", "ImageOrientationPatient", 6)
        ),
        spacing_yx_mm=(spacing[0], spacing[1]) if spacing and min(spacing) > 0 else None,
        thickness_mm=thickness[0] if thickness and thickness[0] > 0 else None,
        slope=slope or 1.0,  # a slope of 0 would make all values equal: nobody means that
        intercept=intercept or 0.0,
    )


def _image_type(places: _Places) -> str:
    for group in ("MRImageFrameTypeSequence", "CTImageFrameTypeSequence"):
        holder = places.holder(group, "FrameType")
        if "FrameType" in holder:
            return text(holder, "FrameType")
    return text(places.holder("", "ImageType"), "ImageType")
