"""DICOM files as scanners and contouring programs write them, made by hand for the tests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Sequence as Items
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    UID,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    RTStructureSetStorage,
    generate_uid,
)

AXIAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
SAGITTAL = ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0))
OBLIQUE = ((0.6, 0.64, 0.48), (-0.8, 0.48, 0.36))
"""Unit vectors at right angles; the normal is (0, -0.6, 0.8)."""


@dataclass(frozen=True)
class Written:
    """A series on disk: its datasets in the order of the slices given."""

    files: list[Path]
    datasets: list[Dataset]
    orientation: tuple[Sequence[float], Sequence[float]] = AXIAL
    spacing_yx: tuple[float, float] = (1.5, 1.5)
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    gap: float = 8.0

    def to_mm(self, at: int, row: float, column: float) -> np.ndarray:
        """A place in a slice, by the formula of the standard (PS3.3 C.7.6.2.1.1)."""
        across, down = map(np.array, self.orientation)
        start = position(self.orientation, self.origin, self.gap, at)
        return start + across * column * self.spacing_yx[1] + down * row * self.spacing_yx[0]


def position(orientation: Any, origin: Sequence[float], gap: float, at: int) -> np.ndarray:
    normal = np.cross(*orientation)
    return np.array(origin) + normal * gap * at


def new_dataset(sop_class: UID, syntax: UID = ExplicitVRLittleEndian) -> FileDataset:
    instance = generate_uid()
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = instance
    meta.TransferSyntaxUID = syntax
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = instance
    return dataset


def describe_patient(dataset: Dataset, patient: str, study: str, series: str, frame: str) -> None:
    dataset.PatientID = patient
    dataset.PatientName = f"Name^{patient}"
    dataset.PatientBirthDate = "19500101"
    dataset.PatientSex = "O"
    dataset.StudyInstanceUID = study
    dataset.SeriesInstanceUID = series
    dataset.FrameOfReferenceUID = frame
    dataset.StudyID = "1"
    dataset.StudyDate = "20200101"
    dataset.StudyTime = "120000"
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.PositionReferenceIndicator = ""
    dataset.Modality = "MR"
    dataset.SeriesNumber = 1
    dataset.Manufacturer = "SIEMENS"
    dataset.SeriesDescription = "LGE short axis"


def describe_pixels(dataset: Dataset, pixels: np.ndarray, bits_stored: int | None) -> None:
    """``pixels`` is (y, x) or (frame, y, x)."""
    bits = pixels.dtype.itemsize * 8
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.BitsAllocated = bits
    dataset.BitsStored = bits_stored or bits
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    dataset["PixelData"].VR = "OW" if bits > 8 else "OB"


def write_series(
    folder: Path,
    pixels: np.ndarray,
    *,
    names: Sequence[str] | None = None,
    orientation: tuple[Sequence[float], Sequence[float]] = AXIAL,
    origin: tuple[float, float, float] = (-30.0, 20.0, 100.0),
    spacing_yx: tuple[float, float] = (1.5, 1.5),
    gap: float = 8.0,
    patient: str = "ID-1",
    study: str | None = None,
    series: str | None = None,
    frame: str | None = None,
    bits_stored: int | None = None,
    change: Callable[[Dataset, int], None] = lambda dataset, at: None,
) -> Written:
    """One file per slice; ``change`` may change each dataset before it is written."""
    folder.mkdir(parents=True, exist_ok=True)
    uids = study or generate_uid(), series or generate_uid(), frame or generate_uid()
    written = Written([], [], orientation, spacing_yx, origin, gap)
    for at, image in enumerate(pixels):
        dataset = new_dataset(MRImageStorage)
        describe_patient(dataset, patient, *uids)
        describe_pixels(dataset, image, bits_stored)
        dataset.InstanceNumber = at + 1
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M"]
        dataset.ImageOrientationPatient = [*orientation[0], *orientation[1]]
        dataset.ImagePositionPatient = position(orientation, origin, gap, at).round(6).tolist()
        dataset.PixelSpacing = list(spacing_yx)
        dataset.SliceThickness = 6
        change(dataset, at)
        path = folder / (names[at] if names else f"IM{at:03d}.dcm")
        dataset.save_as(path, enforce_file_format=True)
        written.files.append(path)
        written.datasets.append(dataset)
    return written


def item(**elements: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def write_enhanced(
    path: Path,
    pixels: np.ndarray,
    *,
    order: Sequence[int] | None = None,
    orientation: tuple[Sequence[float], Sequence[float]] = AXIAL,
    origin: tuple[float, float, float] = (-30.0, 20.0, 100.0),
    spacing_yx: tuple[float, float] = (1.5, 1.5),
    gap: float = 8.0,
    patient: str = "ID-1",
    shared: bool = True,
    rescale: Sequence[tuple[float, float]] | None = None,
    change: Callable[[Dataset], None] = lambda dataset: None,
) -> Written:
    """All slices in one file, stored in ``order``; spacing and orientation shared or per frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = list(order or range(len(pixels)))
    dataset = new_dataset(EnhancedMRImageStorage)
    describe_patient(dataset, patient, generate_uid(), generate_uid(), generate_uid())
    describe_pixels(dataset, pixels[stored], None)
    dataset.NumberOfFrames = len(stored)
    dataset.InstanceNumber = 1
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]

    def measures() -> dict[str, Any]:
        cosines = [*orientation[0], *orientation[1]]
        return {
            "PixelMeasuresSequence": Items([item(PixelSpacing=list(spacing_yx), SliceThickness=6)]),
            "PlaneOrientationSequence": Items([item(ImageOrientationPatient=cosines)]),
        }

    def group(at: int) -> Dataset:
        place = position(orientation, origin, gap, at).round(6).tolist()
        found = item(
            PlanePositionSequence=Items([item(ImagePositionPatient=place)]),
            **({} if shared else measures()),
        )
        if rescale:
            slope, intercept = rescale[at]
            found.PixelValueTransformationSequence = Items(
                [item(RescaleSlope=slope, RescaleIntercept=intercept, RescaleType="US")]
            )
        return found

    dataset.SharedFunctionalGroupsSequence = Items([item(**(measures() if shared else {}))])
    dataset.PerFrameFunctionalGroupsSequence = Items([group(at) for at in stored])
    change(dataset)
    dataset.save_as(path, enforce_file_format=True)
    return Written([path], [dataset], orientation, spacing_yx, origin, gap)


def write_seg(
    path: Path,
    sources: Sequence[Dataset],
    segments: Mapping[str, np.ndarray],
    *,
    kind: str = "BINARY",
    change: Callable[[Dataset], None] = lambda dataset: None,
    **options: Any,
) -> None:
    """A segmentation by highdicom: label and (slice, y, x) of each segment, numbered from 1."""
    import highdicom
    from pydicom.sr.codedict import codes

    path.parent.mkdir(parents=True, exist_ok=True)
    descriptions = [
        highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=label,
            segmented_property_category=codes.SCT.Tissue,
            segmented_property_type=codes.SCT.Tissue,
            algorithm_type="MANUAL",
        )
        for number, label in enumerate(segments, start=1)
    ]
    pixels = np.stack([np.asarray(mask) for mask in segments.values()], axis=-1)
    if kind == "LABELMAP":
        numbers = np.arange(1, pixels.shape[-1] + 1)
        pixels = (pixels * numbers).max(axis=-1).astype(np.uint8)
    segmentation = highdicom.seg.Segmentation(
        source_images=list(sources),
        pixel_array=pixels.astype(float) if kind == "FRACTIONAL" else pixels.astype(np.uint8),
        segmentation_type=kind,
        segment_descriptions=descriptions,
        series_instance_uid=generate_uid(),
        series_number=2,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="maker",
        manufacturer_model_name="model",
        software_versions="1",
        device_serial_number="1",
        **options,
    )
    change(segmentation)
    segmentation.save_as(path, enforce_file_format=True)


@dataclass(frozen=True)
class Contour:
    """A closed contour: vertices (row, column) on a slice of a series."""

    at: int
    vertices: Sequence[tuple[float, float]]
    roi: str = "LV"
    shift_mm: float = 0.0
    kind: str = "CLOSED_PLANAR"
    instance: str | None = field(default=None)


def write_rtstruct(
    path: Path,
    written: Written,
    contours: Sequence[Contour],
    *,
    references: bool = True,
    change: Callable[[Dataset], None] = lambda dataset: None,
) -> None:
    """A structure set with the contours, in patient coordinates."""
    path.parent.mkdir(parents=True, exist_ok=True)
    first = written.datasets[0]
    dataset = new_dataset(RTStructureSetStorage)
    describe_patient(dataset, str(first.PatientID), first.StudyInstanceUID, generate_uid(), "")
    del dataset.FrameOfReferenceUID
    dataset.Modality = "RTSTRUCT"
    names = list(dict.fromkeys(contour.roi for contour in contours))
    series = item(SeriesInstanceUID=first.SeriesInstanceUID)
    study = item(RTReferencedSeriesSequence=Items([series] if references else []))
    dataset.ReferencedFrameOfReferenceSequence = Items(
        [
            item(
                FrameOfReferenceUID=first.FrameOfReferenceUID,
                RTReferencedStudySequence=Items([study]),
            )
        ]
    )
    dataset.StructureSetROISequence = Items(
        [item(ROINumber=n, ROIName=name) for n, name in enumerate(names, start=1)]
    )
    dataset.ROIContourSequence = Items(
        [
            item(
                ReferencedROINumber=number,
                ContourSequence=Items(
                    [_contour(written, one, references) for one in contours if one.roi == name]
                ),
            )
            for number, name in enumerate(names, start=1)
        ]
    )
    change(dataset)
    dataset.save_as(path, enforce_file_format=True)


def _contour(written: Written, contour: Contour, references: bool) -> Dataset:
    normal = np.cross(*written.orientation)
    points = [
        written.to_mm(contour.at, row, column) + normal * contour.shift_mm
        for row, column in contour.vertices
    ]
    found = item(
        ContourGeometricType=contour.kind,
        NumberOfContourPoints=len(points),
        ContourData=[f"{value:.6f}" for value in np.ravel(points)],
    )
    if references:
        source = written.datasets[min(contour.at, len(written.datasets) - 1)]
        uid = contour.instance or source.SOPInstanceUID
        found.ContourImageSequence = Items(
            [item(ReferencedSOPClassUID=source.SOPClassUID, ReferencedSOPInstanceUID=uid)]
        )
    return found


def noise(shape: Sequence[int], *, seed: int = 0, dtype: Any = np.uint16, most: int = 4000) -> Any:
    """Images that all differ."""
    return np.random.default_rng(seed).integers(0, most, shape).astype(dtype)
