"""What there is to predict: one case for each picture, volume, series or stack of the input."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt

from myosweep.data.names import NamePattern, SliceName
from myosweep.data.problems import collecting
from myosweep.data.raster import list_rasters, raster_header, read_raster
from myosweep.errors import DatasetError

Kind = Literal["picture", "NIfTI", "DICOM", "Segment"]


@dataclass(frozen=True, eq=False)
class Case:
    """Images of one file or series, which are read together, later.

    Args:
        name: relative name without ending; its results are called so.
        subject: what an error calls it.
        count, size: slices, and their height and width, as the header says.
        read: the pixels (slice, y, x), of 8 or 16 bits, as a dataset would hold them.
        source: for writing in the source's own form: a ``NiftiVolume`` or a ``Series``.
        stack: cases with the same stack show one heart at one place in their images.
    """

    name: str
    subject: str
    kind: Kind
    count: int
    size: tuple[int, int]
    spacing_yx_mm: tuple[float, float] | None
    read: Callable[[], UInt[np.ndarray, "slice y x"]] = field(repr=False)
    source: Any = field(default=None, repr=False)
    stack: str | None = None


@dataclass
class Found:
    """Cases in the order of their names, and what is wrong with the other files."""

    cases: list[Case]
    problems: list[str]


def find_cases(path: Path, *, patient: str | None = None, stack_number: int | None = None) -> Found:
    """All images of a file or folder: pictures, NIfTI, DICOM series, Segment files.

    Other files are passed over. Headers alone are read.

    Args:
        patient: regular expression that finds the patient in a picture's name, see
            ``NamePattern``; all pictures of a patient are one stack.
        stack_number: of Segment files, the stack to take, counted from 1.

    Raises:
        DatasetError: if there is nothing.
    """
    if not path.exists():
        raise DatasetError(f"there is no file or folder {path.name!r}; check the path")
    problems: list[str] = []
    cases: list[Case] = [*picture_cases(path, patient, problems)]
    cases.sort(key=lambda case: case.name)
    if not cases and not problems:
        raise DatasetError(
            f"{path.name!r} holds no images; give pictures (PNG, TIFF, BMP), NIfTI volumes, DICOM "
            "series or files of Segment"
        )
    return Found(_unique(cases, problems), problems)


def picture_cases(path: Path, patient: str | None, problems: list[str]) -> Iterator[Case]:
    """A case for each picture."""
    pictures = list_rasters(path)
    stacks: dict[str, SliceName] = {}
    if patient is not None:
        stacks, unmatched = NamePattern(patient).read(pictures)
        problems += [
            f"image {name!r} does not match the patient pattern {patient!r}; rename it or change "
            "--patient"
            for name in unmatched
        ]
    for name, files in pictures.items():
        if len(files) > 1:
            endings = ", ".join(file.suffix for file in files)
            problems.append(f"image {name!r} is there {len(files)} times ({endings}); keep one")
            continue
        with collecting(problems, f"image {name!r} "):
            size, _ = raster_header(files[0])
            yield Case(
                name=name,
                subject=f"image {name!r}",
                kind="picture",
                count=1,
                size=size,
                spacing_yx_mm=None,
                read=_picture_reader(files[0]),
                stack=stacks[name].patient if name in stacks else None,
            )


def _picture_reader(path: Path) -> Callable[[], UInt[np.ndarray, "slice y x"]]:
    return lambda: read_raster(path)[None]


def _unique(cases: Sequence[Case], problems: list[str]) -> list[Case]:
    """Cases without those whose results would have another's name."""
    kept: dict[str, Case] = {}
    for case in cases:
        other = kept.setdefault(case.name.casefold(), case)
        if other is not case:
            problems.append(
                f"{case.subject} and {other.subject} would get results of one name; rename one"
            )
    return list(kept.values())
