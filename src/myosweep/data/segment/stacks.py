"""Stacks of slices from files of Medviso Segment: found first, read later."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from myosweep.data.dicom.series import Series
from myosweep.data.names import NamePattern
from myosweep.data.patient_key import patient_code
from myosweep.data.problems import collecting
from myosweep.data.segment.choice import SegmentFile, choose, open_segment, segment_files
from myosweep.data.segment.header import StackHeader
from myosweep.data.segment.images import find_images, match_series
from myosweep.data.segment.source import SegmentSource
from myosweep.data.stack import Stack, Uncontoured
from myosweep.errors import DatasetError
from myosweep.regions import RegionScheme


@dataclass(frozen=True)
class ChosenStack:
    """What was taken of a file.

    Args:
        stack: its number in the file, counted from 1.
        frame, frames: the time frame whose contours were taken, counted from 1, and of how many.
        slices: how many are imported.
        uncontoured: slices without any contour; left out, unless they count as background.
        incomplete: slices left out because one of endocardium and epicardium is missing.
    """

    file: str
    stack: int
    frame: int
    frames: int
    slices: int
    uncontoured: int
    incomplete: int
    has_scar: bool
    has_spacing: bool


@dataclass(frozen=True)
class SegmentFindings:
    """What was found, and what the user should know of it."""

    stacks: tuple[Stack, ...]
    chosen: tuple[ChosenStack, ...]

    @property
    def uncontoured(self) -> int:
        """Slices without any contour."""
        return sum(one.uncontoured for one in self.chosen)

    @property
    def incomplete(self) -> int:
        """Slices with only one of endocardium and epicardium."""
        return sum(one.incomplete for one in self.chosen)


def find_segment_stacks(
    paths: Sequence[Path],
    *,
    scheme: RegionScheme,
    patient: NamePattern | None,
    key: bytes,
    stack: int | None,
    uncontoured: Uncontoured,
    problems: list[str],
    images: Path | None = None,
) -> SegmentFindings:
    """One stack of each file, which is read later.

    Slices run from base to apex. A slice that lacks endocardium or epicardium is left out; behind
    the last slice with a cavity, the epicardium alone is enough.

    Args:
        paths: .mat and .seg files, and folders of them.
        scheme: decides the type of the labels alone.
        patient: finds the patient in a file's name; without it the code is a keyed hash of the
            patient's number, or name, in the file.
        stack: the number of the stack to take of each file, counted from 1; see ``choose``.
        uncontoured: whether slices without any contour are left out, or count as background.
        problems: gets what is wrong with single files.
        images: folder with the DICOM series of .seg files.
    """
    series = find_images(images, problems)
    label_type = np.dtype(np.uint8 if max(scheme.codes) < 256 else np.uint16)
    stacks: list[Stack] = []
    chosen: list[ChosenStack] = []
    owners: dict[int, tuple[str, str]] = {}
    for name, path in segment_files(paths, problems):
        with collecting(problems, f"file {name!r} "):
            file = open_segment(name, path)
            source = _source(file, choose(file, stack), series, patient, images, uncontoured)
            code = _patient(file, source, patient, key)
            _refuse_shared(source.series, name, code, owners)
            stacks.append(_stack(source, code, label_type))
            chosen.append(_told(source))
    return SegmentFindings(tuple(stacks), tuple(chosen))


def _source(
    file: SegmentFile,
    header: StackHeader,
    series: Sequence[Series],
    patient: NamePattern | None,
    images: Path | None,
    uncontoured: Uncontoured,
) -> SegmentSource:
    """A chosen stack with its images.

    Raises:
        DatasetError: if it has none, or no slice has contours.
    """
    if not header.contoured.any():
        raise DatasetError(
            f"has a stack {header.number} without a slice that has endocardium and epicardium; "
            "draw them, or leave the file out"
        )
    own = None
    if header.dtype is None:
        if images is None:
            raise DatasetError("holds no images; give --images with the folder of its DICOM series")
        own = match_series(header, series, _without_ending(file.name), patient)
    kept = header.contoured
    if uncontoured == "background":
        kept = kept | ~header.shows_heart
    return SegmentSource(file.name, file.path, header, kept, own)


def _patient(
    file: SegmentFile, source: SegmentSource, patient: NamePattern | None, key: bytes
) -> str:
    name = _without_ending(file.name)
    if patient is not None:
        found, _ = patient.read([name])
        if name not in found:
            raise DatasetError(
                f"does not match the patient pattern {patient.text!r}; rename it or change "
                "--patient"
            )
        return found[name].patient
    headers = [source.header, *(one for one in file.stacks if isinstance(one, StackHeader))]
    known = [one.identity for one in headers] + [source.series.identity if source.series else ""]
    if not any(known):
        raise DatasetError(
            "does not tell its patient; give --patient with a pattern for the names of files"
        )
    return patient_code(next(filter(None, known)), key)


def _refuse_shared(
    series: Series | None, name: str, code: str, owners: dict[int, tuple[str, str]]
) -> None:
    """Raise if another patient's file has the same images; sizes alone cannot tell whose."""
    if series is None:
        return
    other, owner = owners.setdefault(id(series), (name, code))
    if owner != code:
        raise DatasetError(
            f"fits the same {series.subject} as {other!r}, which is another patient's; import "
            "them one by one"
        )


def _stack(source: SegmentSource, code: str, label_type: np.dtype) -> Stack:
    return Stack(
        subject=f"file {source.name!r}",
        patient=code,
        order=source.name,
        sizes=[source.header.size] * int(source.kept.sum()),
        image_type=source.image_type,
        label_type=label_type,
        read=source.read,
        spacing_yx_mm=source.spacing_yx_mm,
    )


def _told(source: SegmentSource) -> ChosenStack:
    header = source.header
    return ChosenStack(
        file=source.name,
        stack=header.number,
        frame=header.frame + 1,
        frames=header.frames,
        slices=int(source.kept.sum()),
        uncontoured=int((~header.shows_heart).sum()),
        incomplete=int(header.incomplete.sum()),
        has_scar=header.has_scar,
        has_spacing=source.spacing_yx_mm is not None,
    )


def _without_ending(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()
