"""Import of DICOM series with masks from DICOM SEG, RT-STRUCT, NIfTI or pictures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from myosweep.data.dicom.beside import without_ending
from myosweep.data.dicom.drawn import Drawn
from myosweep.data.dicom.pairs import Found, MaskSource, Pair, find_pairs, structure_faults
from myosweep.data.dicom.series import Series
from myosweep.data.intake import Progress, import_stacks
from myosweep.data.levels import Apex, ventricle_levels
from myosweep.data.names import NamePattern
from myosweep.data.patient_key import patient_code, read_key
from myosweep.data.problems import collecting, raise_problems
from myosweep.data.rules import Rules
from myosweep.data.stack import SourceSlice, Stack, Uncontoured
from myosweep.data.store import Dataset, refuse_taken
from myosweep.errors import DatasetError


@dataclass(frozen=True)
class DicomFindings:
    """What an import met, in numbers.

    Args:
        series: all series of images.
        without_masks: those that were left out, since nobody drew on them.
        left_out: slices without a mask, in the others.
        patients: of the dataset.
        other_files: DICOM files that are no images and no masks, such as reports.
    """

    series: int
    without_masks: int
    left_out: int
    patients: int
    other_files: int


@dataclass(frozen=True)
class Listing:
    """A series as the user's own terminal shows it.

    Args:
        number: from 1, in the order of first files.
        description: what the scanner's operator called it; for the terminal alone.
        masks: the kinds that it has.
        structures: numbers and names in its SEG and RT-STRUCT files.
        obstacle: why it cannot be imported, in words that follow "it".
    """

    number: int
    folder: str
    first_file: str
    description: str = field(repr=False)
    slices: int
    rows: int
    columns: int
    spacing_yx_mm: tuple[float, float] | None
    slice_spacing_mm: float | None
    masks: tuple[str, ...]
    structures: tuple[tuple[int, str], ...]
    obstacle: str | None


def import_dicom(
    images: Path,
    out: Path,
    *,
    masks: Path,
    rules: Rules,
    structures: Mapping[str, int] | None = None,
    patient: str | None = None,
    key_file: Path | None = None,
    apex: Apex | None = None,
    uncontoured: Uncontoured = "leave-out",
    progress: Progress | None = None,
) -> tuple[Dataset, DicomFindings]:
    """Make a dataset of the DICOM series in a folder that have masks.

    Slices are taken along the normal of their rows and columns (row direction x column direction),
    whatever their files are called. Nothing that identifies a patient is kept.

    Args:
        images: folder of DICOM files, with subfolders.
        masks: folder of masks; it may be the same.
        structures: codes of segments and regions of interest, by name. Without them a segment has
            its number as its code.
        patient: regular expression that finds the patient in the name of a series' first file, see
            ``NamePattern``; without it the patient's code is a keyed hash of the patient's ID.
        key_file: the key of that hash, see ``read_key``.
        apex: at which end of each series the apex is; without it levels are not known.
        uncontoured: slices without a mask are left out, or are background everywhere.

    Raises:
        DatasetError: listing every problem; then nothing was written.
    """
    refuse_taken(out)
    pattern = None if patient is None else NamePattern(patient)
    problems: list[str] = []
    found = find_pairs(images, masks, problems)
    pairs = [pair for pair in found.pairs if pair.masks]
    wanted = structures or {}
    unknown = list(structure_faults(found.mask_files, wanted))
    problems += unknown
    problems += [fault for pair in pairs for fault in _pair_faults(pair)]
    if not (pairs or problems):
        problems.append(f"none of the {len(found.pairs)} series has a mask in {masks.name!r}")
    patients = _patient_codes([pair.series for pair in pairs], pattern, key_file, problems)
    if not pairs:
        raise_problems(problems)
    nothing_to_draw = bool(wanted) and len(unknown) == len(wanted)
    reader = _Reader(rules, wanted, apex, uncontoured, nothing_to_draw)
    stacks = [
        reader.stack(pair, code)
        for pair, code in zip(pairs, patients, strict=True)
        if not any(True for _ in _pair_faults(pair))
    ]
    source = _source(found, structures, patient, apex, uncontoured)
    dataset = import_stacks(stacks, out, rules, source=source, problems=problems, progress=progress)
    findings = DicomFindings(
        series=len(found.pairs),
        without_masks=len(found.pairs) - len(pairs),
        left_out=sum(reader.left_out),
        patients=len(set(patients)),
        other_files=found.other_files,
    )
    return dataset, findings


def list_dicom(images: Path, masks: Path | None, problems: list[str]) -> list[Listing]:
    """The series of a folder, and what masks they have.

    Args:
        masks: folder of masks; without one they are looked for among the images.

    Raises:
        DatasetError: if a folder does not exist, or there is no series.
    """
    found = find_pairs(images, masks or images, problems)
    return [_listing(number, pair) for number, pair in enumerate(found.pairs, start=1)]


def _listing(number: int, pair: Pair) -> Listing:
    series = pair.series
    return Listing(
        number=number,
        folder=series.folder,
        first_file=series.first_file,
        description=series.description,
        slices=series.count,
        rows=series.rows,
        columns=series.columns,
        spacing_yx_mm=series.spacing_yx_mm,
        slice_spacing_mm=series.slice_spacing_mm,
        masks=tuple(source.kind for source in pair.masks),
        structures=tuple(one for source in pair.masks for one in source.structures),
        obstacle=series.obstacle,
    )


def _pair_faults(pair: Pair) -> Iterator[str]:
    """Why a series with masks cannot be imported."""
    if pair.series.obstacle:
        yield f"{pair.series.subject} {pair.series.obstacle}"
    if len(pair.masks) > 1:
        several = " and ".join(f"{mask.kind} {mask.name!r}" for mask in pair.masks[:3])
        yield f"{pair.series.subject} has {len(pair.masks)} masks, {several}; keep one"


def _patient_codes(
    series: Sequence[Series],
    pattern: NamePattern | None,
    key_file: Path | None,
    problems: list[str],
) -> list[str]:
    """The code of each series' patient; empty where nobody knows, which is a problem."""
    if pattern is None:
        unnamed = [one.subject for one in series if not one.identity]
        problems += [
            f"{subject} names no patient; find the patient in file names with --patient"
            for subject in unnamed
        ]
        key = read_key(key_file) if len(unnamed) < len(series) else b""
        return [patient_code(one.identity, key) if one.identity else "" for one in series]
    names = [without_ending(one.first_file) for one in series]
    known, unmatched = pattern.read(dict.fromkeys(names))
    problems += [
        f"file {name!r} does not match the patient pattern {pattern.text!r}; rename it or change "
        "--patient"
        for name in unmatched
    ]
    return [known[name].patient if name in known else "" for name in names]


def _source(
    found: Found,
    structures: Mapping[str, int] | None,
    patient: str | None,
    apex: Apex | None,
    uncontoured: Uncontoured,
) -> dict[str, Any]:
    """How the dataset was made: kinds and choices, no name and no path."""
    kinds = sorted({mask.kind for pair in found.pairs for mask in pair.masks})
    return {
        "kind": "DICOM",
        "masks": ", ".join(kinds),
        "structures": dict(structures or {}),
        "patient_pattern": patient,
        "apex": apex,
        "uncontoured": uncontoured,
    }


class _Reader:
    """Makes stacks of series with masks, and counts the slices that it leaves out."""

    def __init__(
        self,
        rules: Rules,
        structures: Mapping[str, int],
        apex: Apex | None,
        uncontoured: Uncontoured,
        nothing_to_draw: bool,
    ) -> None:
        """``nothing_to_draw``: no file has any of the structures, and that has been told."""
        scheme = rules.scheme
        self.left_out: list[int] = []
        self._structures = structures
        self._nothing_to_draw = nothing_to_draw
        self._apex = apex
        self._keeps_all = uncontoured == "background"
        self._no_heart = [*scheme.regions[0].codes, *scheme.ignored]
        self._label_type = np.dtype(np.uint8 if max(scheme.codes) < 256 else np.uint16)

    def stack(self, pair: Pair, patient: str) -> Stack:
        series = pair.series
        return Stack(
            subject=series.subject,
            patient=patient,
            order=f"{without_ending(series.first_file)} {min(f.index for f in series.frames)}",
            sizes=[(series.rows, series.columns)] * series.count,
            image_type=series.image_type,
            label_type=self._label_type,
            read=partial(self._read, series, pair.masks[0]),
            spacing_yx_mm=series.spacing_yx_mm,
        )

    def _read(self, series: Series, source: MaskSource) -> list[SourceSlice]:
        """The slices to import; called in a thread."""
        problems: list[str] = []
        drawn = None
        if not (self._nothing_to_draw and source.structures):
            with collecting(problems, f"has masks {source.name!r}: "):
                drawn = source.read(self._structures)
        with collecting(problems):
            pixels, signal = series.read_pixels()
        if problems:
            raise DatasetError(problems)
        if drawn is None:
            return []
        row = {**signal.row(), "vendor": series.vendor, "slice_spacing_mm": series.slice_spacing_mm}
        known = {key: value for key, value in row.items() if value is not None}
        slices = [
            SourceSlice(
                subject=f"image {frame.place!r}",
                image=image,
                labels=labels,
                place=place,
                spacing_yx_mm=series.spacing_yx_mm,
                row={**known, "level": level} if level else known,
            )
            for place, (frame, image, labels, level) in enumerate(
                zip(series.frames, pixels, drawn.labels, self._levels(drawn), strict=True), 1
            )
        ]
        kept = [
            one
            for one, has_mask in zip(slices, drawn.has_mask, strict=True)
            if has_mask or self._keeps_all
        ]
        self.left_out.append(len(slices) - len(kept))
        return kept

    def _levels(self, drawn: Drawn) -> list[str | None]:
        shows = [bool((~np.isin(labels, self._no_heart)).any()) for labels in drawn.labels]
        return ventricle_levels(shows, self._apex)
