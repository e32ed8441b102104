"""Masks as DICOM SEG, by highdicom: on the source's own frames, with who made them.

The file carries the patient module of its source, as the standard demands. So it lies beside its
source, or where the user said, and nothing of it is printed, logged or put into an error.
"""

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from jaxtyping import UInt8
from pydicom.uid import generate_uid

import myosweep
from myosweep.data.dicom.series import Series
from myosweep.data.quiet import quiet
from myosweep.errors import DatasetError
from myosweep.predict.cases import Case
from myosweep.predict.facts import ModelFacts

_STRUCTURE = ("123037004", "Anatomical Structure")
_TISSUE = ("85756007", "Tissue")
_ABNORMAL = ("49755003", "Morphologically Altered Structure")
_CODES: Mapping[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "blood pool": (_STRUCTURE, ("87878005", "Left ventricle")),
    "myocardium": (_STRUCTURE, ("74281007", "Myocardium")),
    "normal myocardium": (_STRUCTURE, ("74281007", "Myocardium")),
    "infarct": (_ABNORMAL, ("55641003", "Infarct")),
    "right ventricle": (_STRUCTURE, ("53085002", "Right ventricle")),
}
"""Category and type of named regions in SNOMED CT; any other is a tissue."""
_SERIES_NUMBER = 9000


def segmentation_bytes(
    case: Case, regions: UInt8[np.ndarray, "slice y x"], facts: ModelFacts, mark: str
) -> bytes:
    """A DICOM SEG file of a series: a binary segment for each region but the first.

    Its UIDs are made from those of the source and from all that its pixels depend on, so the same
    prediction has the same UIDs again, and no other has them.

    Args:
        mark: of the way in which the model was asked, as ``record.mark_of`` gives it.

    Raises:
        DatasetError: if the library cannot make one of this source.
    """
    series: Series = case.source
    images, pixels, kept = _sources(series, regions)
    with quiet():
        try:
            if kept:
                _keep_frames(images[0], kept)
            made = _segmentation(images, pixels, facts, _origins(series, facts, mark))
            if kept:
                _number_as_source(made, kept)
            file = BytesIO()
            made.save_as(file, enforce_file_format=True)
        except Exception:  # the library refuses many things, in words that may tell values
            raise DatasetError(
                "lacks what a DICOM SEG needs of its source (patient, study, frame of reference, "
                "places of all images); take --as nifti or --as png"
            ) from None
    return file.getvalue()


def check_possible(case: Case) -> None:
    """Raise a ``DatasetError`` if highdicom is not there, or nothing may be written there."""
    if find_spec("highdicom") is None:
        raise DatasetError(
            "cannot become a DICOM SEG without highdicom; install it with: pip install "
            "'myosweep[dicom-seg]', or take --as nifti or --as png"
        )
    assert case.seg_file is not None
    folder = case.seg_file.parent
    if folder.is_dir() and not os.access(folder, os.W_OK):
        raise DatasetError(NOT_WRITABLE)


def is_of(path: Path, series: Series) -> bool:
    """Whether a DICOM SEG refers to the images of a series, and to no others."""
    with quiet():
        try:
            found = pydicom.dcmread(path, specific_tags=["ReferencedSeriesSequence"])
            images = {
                str(one.ReferencedSOPInstanceUID)
                for other in found.ReferencedSeriesSequence
                for one in other.ReferencedInstanceSequence
            }
        except Exception:  # a damaged file can make a reader raise anything
            return False
    return images == series.instances


NOT_WRITABLE = (
    "cannot get its DICOM SEG, since the folder for it cannot be written to; give another one, as "
    "well protected, with --seg-folder"
)


def _sources(
    series: Series, regions: UInt8[np.ndarray, "slice y x"]
) -> tuple[list[pydicom.Dataset], UInt8[np.ndarray, "frame y x"], list[int]]:
    """The source's headers, region maps in their order, and the places of frames in one file.

    The last are empty where each file is one frame.
    """
    files = list(dict.fromkeys(frame.file for frame in series.frames))
    if len(files) > 1 and any(file.frames > 1 for file in files):
        raise DatasetError(
            f"lies in {len(files)} files with several frames, of which no DICOM SEG can be made; "
            "take --as nifti or --as png"
        )
    with quiet():
        try:
            images: list[pydicom.Dataset] = [
                pydicom.dcmread(one.path, stop_before_pixels=True) for one in files
            ]
        except Exception:
            raise DatasetError(
                "has a file that is not quite DICOM, so no DICOM SEG can be made of it; take --as "
                "nifti or --as png"
            ) from None
    if all(file.frames == 1 for file in files):
        return images, regions, []
    places = [frame.index for frame in series.frames]
    return images, regions[np.argsort(places)], sorted(places)


def _keep_frames(image: pydicom.Dataset, kept: Sequence[int]) -> None:
    """Take the other frames out of a header: a file may hold two stacks at the same places."""
    groups = image.PerFrameFunctionalGroupsSequence
    image.PerFrameFunctionalGroupsSequence = [groups[place] for place in kept]
    image.NumberOfFrames = len(kept)


def _number_as_source(made: pydicom.Dataset, kept: Sequence[int]) -> None:
    """Refer to frames by their numbers in the source's file again."""
    sources = {
        id(source): source  # segments share them
        for group in made.PerFrameFunctionalGroupsSequence
        for derivation in group.get("DerivationImageSequence", ())
        for source in derivation.SourceImageSequence
    }
    for source in sources.values():
        source.ReferencedFrameNumber = kept[source.ReferencedFrameNumber - 1] + 1


def _origins(series: Series, facts: ModelFacts, mark: str) -> list[str]:
    """All that tells one segmentation from another; stacks of one file differ in their frames.

    Another version may compute other pixels in the same way.
    """
    frames = (f"{frame.file.instance} {frame.index}" for frame in series.frames)
    return [series.uid, *frames, facts.digest, mark, myosweep.__version__]


def _segmentation(
    images: Sequence[pydicom.Dataset],
    regions: UInt8[np.ndarray, "frame y x"],
    facts: ModelFacts,
    origins: Sequence[str],
) -> Any:
    import highdicom as hd
    from pydicom.sr.codedict import codes

    algorithm = hd.AlgorithmIdentificationSequence(
        name="myosweep",
        family=codes.cid7162.ArtificialIntelligence,
        version=myosweep.__version__,
        source="myosweep",
        parameters={"model": facts.digest, "networks": str(len(facts.members))},
    )
    names = facts.scheme.names[1:]
    segments = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=name[:64],
            segmented_property_category=_code(name, 0),
            segmented_property_type=_code(name, 1),
            algorithm_type="AUTOMATIC",
            algorithm_identification=algorithm,
        )
        for number, name in enumerate(names, start=1)
    ]
    masks = np.stack([regions == number for number in range(1, len(names) + 1)], -1)
    made = hd.seg.Segmentation(
        source_images=list(images),
        pixel_array=masks.astype(np.uint8),
        segmentation_type="BINARY",
        segment_descriptions=segments,
        series_instance_uid=generate_uid(entropy_srcs=["series", *origins]),
        series_number=_SERIES_NUMBER,
        sop_instance_uid=generate_uid(entropy_srcs=["instance", *origins]),
        instance_number=1,
        manufacturer="myosweep",
        manufacturer_model_name="myosweep",
        software_versions=myosweep.__version__,
        device_serial_number=facts.digest[:16],
        content_label="MYOSWEEP",
        content_description="segmentation by myosweep; research only",
        series_description="myosweep segmentation (research only)",
        omit_empty_frames=bool(masks.any()),
    )
    dimensions = generate_uid(entropy_srcs=["dimensions", *origins])  # the library draws one
    for one in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
        one.DimensionOrganizationUID = dimensions
    return made


def _code(name: str, which: int) -> Any:
    from pydicom.sr.coding import Code

    value, meaning = _CODES.get(name, (_TISSUE, _TISSUE))[which]
    return Code(value, "SCT", meaning)
