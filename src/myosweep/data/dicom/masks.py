"""DICOM SEG and RT-STRUCT files: their structures, and the series that they belong to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from myosweep.data.dicom.files import DicomFile, items, text, whole
from myosweep.data.dicom.frames import image_frames
from myosweep.data.dicom.geometry import Vector
from myosweep.data.dicom.series import Series
from myosweep.data.quiet import quiet
from myosweep.errors import DatasetError

SEG, RT_STRUCT = "DICOM SEG", "RT-STRUCT"
_MOST_NAMES = 12


@dataclass(frozen=True)
class MaskFile:
    """A file of masks in DICOM's own formats.

    Args:
        name: relative to the folder that the user gave.
        kind: ``SEG`` or ``RT_STRUCT``.
        structures: number and name of each segment or region of interest.
        places_mm: a place in each plane that something is drawn in (LPS).
        instances, series, frame_of_reference: UIDs of what it was drawn on.
    """

    name: str
    path: Path = field(repr=False)
    kind: str
    structures: tuple[tuple[int, str], ...]
    places_mm: tuple[Vector, ...] = field(repr=False)
    instances: frozenset[str] = field(repr=False)
    series: frozenset[str] = field(repr=False)
    frame_of_reference: str = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Of its structures, in their order."""
        return tuple(name for _, name in self.structures)

    def codes(self, wanted: Mapping[str, int]) -> dict[int, int]:
        """The code of each structure that is to be drawn, by its number.

        Args:
            wanted: codes by name, in any case; nothing takes a segment's number for its code.

        Raises:
            DatasetError: if none of the structures is wanted.
        """
        if not wanted:
            return {number: number for number, _ in self.structures}
        by_name = {folded(name): code for name, code in wanted.items()}
        codes = {n: by_name[folded(name)] for n, name in self.structures if folded(name) in by_name}
        if not codes:
            raise DatasetError(
                f"has no structure {in_words(wanted)}; it has {in_words(self.names) or 'none'}"
            )
        return codes


def folded(name: str) -> str:
    """A structure's name as it is compared."""
    return " ".join(name.split()).casefold()


def in_words(names: Sequence[str] | Mapping[str, int]) -> str:
    """Names in quotes; of many only the first."""
    few = ", ".join(repr(name) for name in list(names)[:_MOST_NAMES])
    return few if len(names) <= _MOST_NAMES else f"{few} and {len(names) - _MOST_NAMES} more"


def is_prediction(found: DicomFile) -> bool:
    """Whether myosweep itself has drawn it, and nobody has looked at it since."""
    kinds = {text(one, "SegmentAlgorithmType") for one in items(found.header, "SegmentSequence")}
    return text(found.header, "Manufacturer") == "myosweep" and kinds == {"AUTOMATIC"}


def mask_file(found: DicomFile) -> MaskFile:
    """What a SEG or RT-STRUCT file tells of itself.

    Raises:
        DatasetError: if it draws nothing, or is damaged.
    """
    made = _segmentation(found) if found.kind == "segmentation" else _structure_set(found)
    if not (made.structures and made.places_mm):
        raise DatasetError("draws no structure anywhere; is it damaged? else leave it out")
    return made


def _segmentation(found: DicomFile) -> MaskFile:
    header = found.header
    segments = items(header, "SegmentSequence")
    series = {text(item, "SeriesInstanceUID") for item in items(header, "ReferencedSeriesSequence")}
    return MaskFile(
        name=found.name,
        path=found.path,
        kind=SEG,
        structures=tuple((whole(s, "SegmentNumber"), text(s, "SegmentLabel")) for s in segments),
        places_mm=tuple({f.position_mm for f in image_frames(found) if f.position_mm}),
        instances=frozenset(_instances(header)),
        series=frozenset(series - {""}),
        frame_of_reference=text(header, "FrameOfReferenceUID"),
    )


def _instances(header: Dataset) -> Iterator[str]:
    """UIDs of the images that a segmentation names, in its list or at its frames."""
    for series in items(header, "ReferencedSeriesSequence"):
        for instance in items(series, "ReferencedInstanceSequence"):
            yield text(instance, "ReferencedSOPInstanceUID")
    groups = [
        *items(header, "SharedFunctionalGroupsSequence"),
        *items(header, "PerFrameFunctionalGroupsSequence"),
    ]
    for group in groups:
        for derivation in items(group, "DerivationImageSequence"):
            for source in items(derivation, "SourceImageSequence"):
                yield text(source, "ReferencedSOPInstanceUID")


def _structure_set(found: DicomFile) -> MaskFile:
    header = found.header
    places, instances, drawn = set[Vector](), set[str](), set[int]()
    for roi in items(header, "ROIContourSequence"):
        for contour in items(roi, "ContourSequence"):
            points = contour_points_mm(contour)
            if len(points):
                x, y, z = points[0].tolist()
                places.add((x, y, z))
                drawn.add(whole(roi, "ReferencedROINumber"))
            instances.add(contour_instance(contour))
    names = [
        (whole(roi, "ROINumber"), text(roi, "ROIName"))
        for roi in items(header, "StructureSetROISequence")
    ]
    frames, series = set[str](), set[str]()
    for frame in items(header, "ReferencedFrameOfReferenceSequence"):
        frames.add(text(frame, "FrameOfReferenceUID"))
        for study in items(frame, "RTReferencedStudySequence"):
            for one in items(study, "RTReferencedSeriesSequence"):
                series.add(text(one, "SeriesInstanceUID"))
    return MaskFile(
        name=found.name,
        path=found.path,
        kind=RT_STRUCT,
        structures=tuple((number, name) for number, name in names if number in drawn),
        places_mm=tuple(places),
        instances=frozenset(instances - {""}),
        series=frozenset(series - {""}),
        frame_of_reference=frames.pop() if len(frames) == 1 else "",
    )


def contour_instance(contour: Dataset) -> str:
    """UID of the image that a contour was drawn on; empty if it names none."""
    named = items(contour, "ContourImageSequence")
    return text(named[0], "ReferencedSOPInstanceUID") if named else ""


def contour_points_mm(contour: Dataset) -> np.ndarray:
    """The vertices of a closed contour (LPS), one per row; none of anything else.

    Raises:
        DatasetError: if they are no numbers.
    """
    if not text(contour, "ContourGeometricType").startswith("CLOSED"):
        return np.zeros((0, 3))
    try:
        with quiet():
            points = np.array(contour.ContourData, np.float64).reshape(-1, 3)
    except Exception:  # the library reads the numbers only now
        points = np.full((1, 3), np.nan)
    if not np.isfinite(points).all():
        raise DatasetError("has a contour whose places are no numbers; is it damaged?")
    return points


def belongs_to(
    file: MaskFile, series: Sequence[Series], owners: Mapping[str, Sequence[int]]
) -> list[int]:
    """The series that a file was drawn on: by its images, else by their series, else by place.

    Place means the same frame of reference, and every plane on a slice.

    Args:
        owners: the places in ``series`` that have a file, by the file's UID.

    Returns:
        their places in ``series``.

    Raises:
        DatasetError: if there is none, or if several fit equally well.
    """
    named = [owners[instance] for instance in file.instances if instance in owners]
    candidates = sorted({number for numbers in named for number in numbers})
    if candidates and all(len(numbers) == 1 for numbers in named):
        return candidates
    if not candidates:
        candidates = [n for n, one in enumerate(series) if one.uid and one.uid in file.series]
    if not candidates and (frame := file.frame_of_reference):
        candidates = [n for n, one in enumerate(series) if one.frame_of_reference == frame]
    fitting = [number for number in candidates if _fits(file, series[number])]
    if not fitting:
        raise DatasetError("was drawn on none of the series found; add its images, or remove it")
    if len(fitting) > 1:
        raise DatasetError(
            f"fits {' and '.join(series[number].subject for number in fitting)} equally well; "
            "leave one of them in the folder"
        )
    return fitting


def _fits(file: MaskFile, series: Series) -> bool:
    if series.orientation is None:
        return False
    depths = map(series.orientation.depth_mm, file.places_mm)
    return all(series.slice_at(depth) is not None for depth in depths)
