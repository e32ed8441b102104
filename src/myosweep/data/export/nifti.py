"""A dataset as NIfTI volumes, one per patient: as it is, or in nnU-Net's layout."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from jaxtyping import Shaped, UInt8

from myosweep.data.export import Written
from myosweep.data.names import SliceName
from myosweep.data.nifti import shows_heart
from myosweep.data.source_stacks import has_gaps, stack_numbers
from myosweep.data.store import Dataset
from myosweep.errors import DatasetError
from myosweep.files import write_json
from myosweep.regions import NO_REGION, RegionScheme

_ROWS = "volumes hold the slices in the dataset's order: first axis columns, second rows, third"
_Labels = Shaped[np.ndarray, "slice y x"]


@dataclass(frozen=True)
class _Patient:
    """Where a patient's slices are in the dataset, and the distance of pixels and of slices."""

    code: str
    rows: np.ndarray
    spacing_mm: tuple[float, float, float] | None


def write_nifti(dataset: Dataset, folder: Path, step: Callable[[], None]) -> Written:
    """``images/PATIENT.nii.gz`` and ``masks/PATIENT.nii.gz``, with the dataset's own codes."""
    warnings: list[str] = []
    names = _write(dataset, folder, ("images", "masks"), "", np.asarray, step, warnings)
    return Written(
        contents=[
            "images: a volume per patient, PATIENT.nii.gz",
            "masks: the label codes, with the same names",
            f"{_ROWS} slices",
        ],
        names=names,
        scheme=dataset.scheme,
        command='myosweep import nifti images masks DATASET --patient ".+"',
        warnings=warnings,
    )


def write_nnunet(dataset: Dataset, folder: Path, step: Callable[[], None]) -> Written:
    """nnU-Net's raw layout: imagesTr, labelsTr and dataset.json, with codes as it demands them.

    Raises:
        DatasetError: if a region has a name that means something else to nnU-Net.
    """
    labels, numbers = region_numbers(dataset.scheme)
    warnings = [
        "Masks hold other codes than the dataset, as nnU-Net wants 0, 1, 2, ...: "
        + ", ".join(f"{name} {number}" for name, number in labels.items())
        + "."
    ]

    def numbered(codes: np.ndarray) -> np.ndarray:
        return numbers[dataset.scheme.encode(codes)]

    folders = ("imagesTr", "labelsTr")
    names = _write(dataset, folder, folders, "_0000", numbered, step, warnings)
    content = {
        "channel_names": {"0": "LGE"},
        "labels": labels,
        "numTraining": dataset.slices["patient"].nunique(),
        "file_ending": ".nii.gz",
    }
    write_json(folder / "dataset.json", content)
    return Written(
        contents=[
            "imagesTr: a volume per patient, PATIENT_0000.nii.gz",
            "labelsTr: the masks, PATIENT.nii.gz",
            "dataset.json: the regions by name, as nnU-Net 2 reads it",
            f"{_ROWS} slices",
            "For nnU-Net, call this folder DatasetNNN_NAME and put it into nnUNet_raw.",
        ],
        names=names,
        scheme=None,
        command="myosweep import nifti . DATASET --layout nnunet",
        warnings=warnings,
    )


def region_numbers(scheme: RegionScheme) -> tuple[dict[str, int], UInt8[np.ndarray, "256"]]:
    """nnU-Net's labels, in the scheme's order, and the number of each place in a region map.

    The region called background, else the first, becomes 0 and is called so; the others are 1, 2,
    ... in their order; ignored pixels get the number behind the last.

    Raises:
        DatasetError: if a region is called ``ignore``.
    """
    if "ignore" in scheme.names:
        raise DatasetError(
            "nnU-Net leaves out what is called 'ignore', and a region of the dataset is; import "
            "the data again with another name, or export as nifti"
        )
    zero = scheme.names.index("background") if "background" in scheme.names else 0
    others = [name for name in scheme.names if name != scheme.names[zero]]
    labels = {
        "background" if place == zero else name: 0 if place == zero else others.index(name) + 1
        for place, name in enumerate(scheme.names)
    }
    numbers = np.zeros(256, np.uint8)
    numbers[: len(labels)] = list(labels.values())
    numbers[NO_REGION] = len(labels)
    return labels | ({"ignore": len(labels)} if scheme.ignored else {}), numbers


def _write(
    dataset: Dataset,
    folder: Path,
    folders: tuple[str, str],
    tail: str,
    change: Callable[[np.ndarray], np.ndarray],
    step: Callable[[], None],
    warnings: list[str],
) -> list[SliceName]:
    """Both volumes of each patient; gives what its slices are called after an import."""
    names = [SliceName("", "")] * len(dataset)
    for kind in folders:
        (folder / kind).mkdir()
    for patient in _patients(dataset, warnings):
        images, masks = dataset.images[patient.rows], change(dataset.labels[patient.rows])
        _save(folder / folders[0] / f"{patient.code}{tail}.nii.gz", images, patient.spacing_mm)
        _save(folder / folders[1] / f"{patient.code}.nii.gz", masks, patient.spacing_mm)
        if not any(shows_heart(dataset.labels[patient.rows], dataset.scheme)):
            warnings.append(
                f"Patient {patient.code!r} has no region in any slice; an import refuses such a "
                "volume, so take its files out first."
            )
        for number, row in enumerate(patient.rows):
            names[row] = SliceName(patient.code, f"{number:03d}")
            step()
    warnings += _unlike_the_source(dataset)
    return names


def _patients(dataset: Dataset, warnings: list[str]) -> Iterator[_Patient]:
    """Patients in their order; what is not known of their spacing becomes a warning at the end."""
    unknown, several = [], []
    for code in dataset.slices["patient"].unique():
        rows = np.flatnonzero(dataset.slices["patient"] == code)
        table = dataset.slices.iloc[rows]
        in_plane, through = (table[name].unique() for name in ("spacing_mm", "slice_spacing_mm"))
        if len(in_plane) > 1 or len(through) > 1:
            several.append(code)
        elif np.isnan([in_plane[0], through[0]]).any():
            unknown.append(code)
        else:
            pixel, distance = float(in_plane[0]), float(through[0])
            yield _Patient(code, rows, (pixel, pixel, distance))
            continue
        yield _Patient(code, rows, None)
    for codes, why in (
        (unknown, "spacing of pixels or slices is not known"),
        (several, "slices have different spacings"),
    ):
        if codes:
            warnings.append(
                f"Of {len(codes)} patients (such as {codes[0]}) the {why}: their volumes say 1 mm "
                "and no unit, which means nothing; slices.csv has what is known."
            )


def _unlike_the_source(dataset: Dataset) -> Iterator[str]:
    """Patients whose volume holds other slices one after another than any source did."""
    mixed, gaps = [], []
    table = dataset.slices.assign(stack=stack_numbers(dataset))
    for code, rows in table.groupby("patient", sort=False):
        if rows["stack"].nunique() > 1:
            mixed.append(code)
        elif "place" in rows and rows["place"].notna().all() and has_gaps(rows["place"].tolist()):
            gaps.append(code)
    for codes, why in (
        (mixed, "several stacks follow each other in one volume"),
        (gaps, "slices are missing between others, and the volume closes up"),
    ):
        if codes:
            yield (
                f"Of {len(codes)} patients (such as {codes[0]}) {why}: distances between its "
                "slices mean nothing there; slices.csv tells each slice's stack and place."
            )


def _save(path: Path, stack: _Labels, spacing_mm: tuple[float, float, float] | None) -> None:
    """A volume of which nobody knows how the patient lies; slices lie along the third axis."""
    volume = np.ascontiguousarray(np.transpose(stack, (2, 1, 0)))
    image: Any = nib.Nifti1Image(volume, None)  # type: ignore[no-untyped-call]
    image.header.set_dim_info(slice=2)
    if spacing_mm is not None:
        image.header.set_zooms(spacing_mm)
        image.header.set_xyzt_units("mm")
    nib.save(image, path)
