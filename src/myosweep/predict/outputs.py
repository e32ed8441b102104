"""The files of a case's results: which there are, whether they are there, and writing them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt, UInt8
from PIL import Image

from myosweep.data.folder import files_in
from myosweep.data.problems import collecting
from myosweep.errors import DatasetError
from myosweep.files import whole_file
from myosweep.metrics.clinical import targets_of
from myosweep.predict.cases import Case
from myosweep.predict.facts import ModelFacts
from myosweep.predict.folder import MASKS, PLACES
from myosweep.predict.measures import amounts_record
from myosweep.predict.outlines import contour_record, overlay
from myosweep.predict.watch import score_record

Form = Literal[
    "png", "nifti", "dicom-seg", "contours", "overlay", "uncertainty", "agreement", "measures"
]


@dataclass(frozen=True)
class Answer:
    """What the model says of a case: region maps on the source's own grid.

    Args:
        images: the source's pixels.
        doubt: the chance that each pixel's region is wrong; None if nobody asked.
        scores: agreement of the samples on each target; None if nobody asked.
    """

    case: Case
    images: UInt[np.ndarray, "slice y x"]
    regions: UInt8[np.ndarray, "slice y x"]
    doubt: Float32[np.ndarray, "slice y x"] | None = None
    scores: Float64[np.ndarray, "slice region"] | None = None


def forms_of(case: Case, wanted: Sequence[Form]) -> tuple[Form, ...]:
    """The forms of a case's results: as wanted, masks first; by default volumes, else pictures.

    A DICOM SEG, which names the patient, is only made where it is asked for.
    """
    masks = [form for form in wanted if form not in PLACES]
    return (
        *(masks or [_usual_form(case)]),
        *(form for form in wanted if form in PLACES),
    )


def check_form(case: Case, form: Form) -> None:
    """Raise a ``DatasetError`` if a case cannot have a form."""
    possible = {"nifti": ("NIfTI", "DICOM"), "dicom-seg": ("DICOM",)}.get(form, (case.kind,))
    if case.kind not in possible:
        raise DatasetError(
            f"is no {' and no '.join(possible)}, so --as {form} cannot be had of it; take --as png"
        )
    if form == "dicom-seg":
        from myosweep.predict.dicom_seg import check_possible

        check_possible(case)
    elif form == "nifti" and case.kind == "DICOM":
        from myosweep.predict.volumes import series_affine

        series_affine(case.source)


def _usual_form(case: Case) -> Form:
    if case.kind == "DICOM":
        try:
            check_form(case, "nifti")
        except DatasetError:
            return "png"
    return "nifti" if case.kind in ("NIfTI", "DICOM") else "png"


def files_of(case: Case, forms: Sequence[Form], out: Path) -> list[Path]:
    """All files of a case's results."""
    return [path for form in forms for path in _files(case, form, out)]


def possible_files(case: Case, out: Path) -> Iterator[Path]:
    """All files that a case's results may have in the folder; a DICOM SEG lies elsewhere."""
    forms: list[Form] = ["png", "contours", "overlay", "uncertainty", "agreement", "measures"]
    if case.kind in ("NIfTI", "DICOM"):
        forms.append("nifti")
    return (path for form in forms for path in _files(case, form, out))


def _files(case: Case, form: Form, out: Path) -> list[Path]:
    place = out / PLACES.get(form, MASKS)
    if form == "nifti":
        return [place / f"{case.name}.nii.gz"]
    if form == "dicom-seg":
        assert case.seg_file is not None
        return [case.seg_file]
    if form in ("contours", "agreement", "measures"):
        return [place / f"{case.name}.json"]
    if form == "uncertainty" and _usual_form(case) == "nifti":
        return [place / f"{case.name}.nii.gz"]
    if case.kind == "picture":
        return [place / f"{case.name}.png"]
    return [place / case.name / f"{number:03d}.png" for number in range(case.count)]


def record_files(out: Path, form: Form) -> Iterator[tuple[str, Path]]:
    """The name and the file of a form of each case in the folder, whatever input it was in."""
    for name, path in files_in(out / PLACES[form]):
        if path.suffix == ".json":
            yield name.removesuffix(".json"), path


def write_answer(
    answer: Answer, facts: ModelFacts, mark: str, forms: Sequence[Form], out: Path
) -> None:
    """Write all files of a case that are not there; each appears whole or not at all.

    Args:
        mark: of the way in which the model was asked.

    Raises:
        DatasetError: if a form cannot be written of this source; all others are.
    """
    problems: list[str] = []
    for form in forms:
        files = _files(answer.case, form, out)
        if all(path.exists() for path in files):
            continue
        with collecting(problems):
            contents = _contents(answer, facts, mark, form, forms)
            for path, content in zip(files, contents, strict=True):
                _write(path, content, form)
    if problems:
        raise DatasetError(problems)


def _write(path: Path, content: bytes, form: Form) -> None:
    try:
        with whole_file(path) as draft:
            draft.write_bytes(content)
    except OSError:
        if form != "dicom-seg":  # of the folder of the results, which stops everything
            raise
        from myosweep.predict.dicom_seg import NOT_WRITABLE

        raise DatasetError(NOT_WRITABLE) from None


def _contents(
    answer: Answer, facts: ModelFacts, mark: str, form: Form, forms: Sequence[Form]
) -> Iterator[bytes]:
    if form == "png":
        yield from map(_png, label_codes(answer.regions, facts))
    elif form == "overlay":
        count = len(facts.regions)
        doubt = answer.doubt if "uncertainty" in forms else None
        for at, (image, regions) in enumerate(zip(answer.images, answer.regions, strict=True)):
            yield _png(overlay(image, regions, count, None if doubt is None else doubt[at]))
    elif form == "uncertainty":
        assert answer.doubt is not None
        if _usual_form(answer.case) == "nifti":
            from myosweep.predict.volumes import nifti_bytes

            yield nifti_bytes(answer.case, answer.doubt)
        else:
            yield from map(_png, np.rint(answer.doubt * 255).astype(np.uint8))
    elif form == "agreement":
        assert answer.scores is not None
        areas = region_pixels(answer.regions, len(facts.regions))
        targets = targets_of(facts.scheme.names)
        of_targets = np.stack([areas[:, of].sum(1) for of in targets.values()], 1)
        yield score_record(tuple(targets), answer.scores, of_targets)
    elif form == "measures":
        areas = region_pixels(answer.regions, len(facts.regions))
        yield amounts_record(answer.case, facts.scheme.names, areas)
    elif form == "contours":
        record = contour_record(answer.case, answer.regions, facts.scheme)
        yield json.dumps(record, allow_nan=False).encode()
    elif form == "nifti":
        from myosweep.predict.volumes import nifti_bytes

        yield nifti_bytes(answer.case, label_codes(answer.regions, facts))
    else:
        from myosweep.predict.dicom_seg import segmentation_bytes

        yield segmentation_bytes(answer.case, answer.regions, facts, mark)


def region_pixels(
    regions: UInt8[np.ndarray, "slice y x"], count: int
) -> Int64[np.ndarray, "slice region"]:
    """How many pixels each region has on each slice."""
    return np.stack([(regions == k).sum((1, 2)) for k in range(count)], 1)


def label_codes(
    regions: UInt8[np.ndarray, "slice y x"], facts: ModelFacts
) -> UInt[np.ndarray, "slice y x"]:
    """The first code of each region, as the masks of the training had it.

    8 bits where they are enough.
    """
    codes = [region.codes[0] for region in facts.scheme.regions]
    return np.array(codes, np.uint8 if max(codes) < 256 else np.uint16)[regions]


def _png(pixels: UInt[np.ndarray, "..."]) -> bytes:
    from io import BytesIO

    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
