"""What there is to predict: one case for each picture, volume, series or stack of the input."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import UInt

from myosweep.data.folder import files_in
from myosweep.data.names import NamePattern, SliceName, natural_key
from myosweep.data.problems import collecting
from myosweep.data.raster import list_rasters, raster_header, read_raster
from myosweep.data.signal import store_signal
from myosweep.errors import DatasetError
from myosweep.predict.folder import folders_of_results

if TYPE_CHECKING:
    from myosweep.data.dicom.files import DamagedFile
    from myosweep.data.dicom.series import Series
    from myosweep.data.nifti.volume import NiftiVolume
    from myosweep.data.segment.source import SegmentSource

_NIFTI = (".nii.gz", ".nii", ".hdr")
_SEGMENT = (".mat", ".seg")
Kind = Literal["picture", "NIfTI", "DICOM", "Segment"]


@dataclass(frozen=True, eq=False)
class Case:
    """Images of one file or series, which are read together, later.

    Args:
        name: relative name without ending; its results are called so.
        subject: what an error calls it.
        count, size: slices, and their height and width, as the header says.
        spacing_yx_mm, slice_spacing_mm: distances of pixels and of slices, where they are known.
        read: the pixels (slice, y, x), of 8 or 16 bits, as a dataset would hold them.
        files: the files that hold them, in the order of their slices.
        part: which part of these files they are, where there is a choice.
        source: for writing in the source's own form: a ``NiftiVolume`` or a ``Series``.
        stack: cases with the same stack show one heart at one place in their images.
        seg_file: of a DICOM series, where its DICOM SEG belongs.
    """

    name: str
    subject: str
    kind: Kind
    count: int
    size: tuple[int, int]
    spacing_yx_mm: tuple[float, float] | None
    slice_spacing_mm: float | None
    read: Callable[[], UInt[np.ndarray, "slice y x"]] = field(repr=False)
    files: tuple[Path, ...] = field(default=(), repr=False)
    part: str = ""
    source: Any = field(default=None, repr=False)
    stack: str | None = None
    seg_file: Path | None = field(default=None, repr=False)


@dataclass
class Found:
    """Cases in the order of their names, and what is wrong with the other files."""

    cases: list[Case]
    problems: list[str]


def find_cases(
    path: Path,
    *,
    out: Path | None = None,
    patient: str | None = None,
    stack_number: int | None = None,
    seg_folder: Path | None = None,
    seg_mark: str = "myosweep",
) -> Found:
    """All images of a file or folder: pictures, NIfTI, DICOM series, Segment files.

    Other files are passed over. Headers alone are read.

    Args:
        out: a folder of results; what lies in it is no input, nor are masks of earlier ones.
        patient: regular expression that finds the patient in a picture's name, see
            ``NamePattern``; all pictures of a patient are one stack.
        stack_number: of Segment files, the stack to take, counted from 1.
        seg_folder: where each series' DICOM SEG belongs, in a folder as its source has; by default
            beside its source.
        seg_mark: a part of its name, which says how it was made.

    Raises:
        DatasetError: if there is nothing, or it lies among the results.
    """
    if not path.exists():
        raise DatasetError(f"there is no file or folder {path.name!r}; check the path")
    problems: list[str] = []
    results = frozenset(() if out is None else (out.resolve(),))
    if _lies_in(path, results):
        raise DatasetError(
            f"the input {path.name!r} lies in the folder of the results; give another folder for "
            "the results (it may lie in the input)"
        )
    is_result = _finder(results.union(folders_of_results(path)))
    cases = [
        *picture_cases(path, is_result, patient, problems),
        *nifti_cases(path, is_result, problems),
        *dicom_cases(path, seg_folder, seg_mark, problems),
        *segment_cases(path, stack_number, problems),
    ]
    cases.sort(key=lambda case: natural_key(case.name))
    if not cases and not problems:
        raise DatasetError(
            f"{path.name!r} holds no images; give pictures (PNG, TIFF, BMP), NIfTI volumes, DICOM "
            "series or files of Segment"
        )
    return Found(cases, problems)


def picture_cases(
    path: Path, is_result: Callable[[Path], bool], patient: str | None, problems: list[str]
) -> Iterator[Case]:
    """A case for each picture."""
    found = list_rasters(path).items()
    pictures = {name: files for name, files in found if not is_result(files[0])}
    stacks: dict[str, SliceName] = {}
    if patient is not None:
        stacks, unmatched = NamePattern(patient).read(pictures)
        problems += [
            f"image {name!r} does not match the patient pattern {patient!r}; rename it or change "
            "--patient"
            for name in unmatched
        ]
        pictures = {name: files for name, files in pictures.items() if name in stacks}
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
                slice_spacing_mm=None,
                read=_picture_reader(files[0]),
                files=(files[0],),
                stack=stacks[name].patient if name in stacks else None,
            )


def _picture_reader(path: Path) -> Callable[[], UInt[np.ndarray, "slice y x"]]:
    return lambda: read_raster(path)[None]


def nifti_cases(
    path: Path, is_result: Callable[[Path], bool], problems: list[str]
) -> Iterator[Case]:
    """A case for each NIfTI volume."""
    for name, file in files_in(path):
        ending = next((end for end in _NIFTI if name.lower().endswith(end)), None)
        if ending is None or is_result(file):
            continue
        with collecting(problems, f"image {name!r} "):
            from myosweep.data.nifti.volume import open_nifti

            volume = open_nifti(file)
            yield Case(
                name=name[: -len(ending)],
                subject=f"image {name!r}",
                kind="NIfTI",
                count=volume.slices,
                size=volume.size_yx,
                spacing_yx_mm=volume.spacing_yx_mm,
                slice_spacing_mm=volume.slice_spacing_mm,
                read=_nifti_reader(volume),
                files=tuple(dict.fromkeys((volume.path, volume.data_path))),
                source=volume,
            )


def _nifti_reader(volume: "NiftiVolume") -> Callable[[], UInt[np.ndarray, "slice y x"]]:
    return lambda: store_signal(volume.read())[0]


def dicom_cases(
    path: Path, seg_folder: Path | None, seg_mark: str, problems: list[str]
) -> Iterator[Case]:
    """A case for each series of DICOM images, slices along the normal; masks are passed over.

    Of several stacks that begin in one file, as magnitude and phase-sensitive images do, the name
    has the number of the first frame.
    """
    from myosweep.data.dicom.beside import without_ending
    from myosweep.data.dicom.series import find_series

    damaged: list[DamagedFile] = []
    every = find_series(path, problems, damaged)
    stacks = Counter(series.first_file for series in every)
    owners = Counter(folder for series in every for folder in _folders(series))
    for series in every:
        if obstacle := series.obstacle or _missing(series, damaged, owners):
            problems.append(f"{series.subject} {obstacle}")
            continue
        name, several = without_ending(series.first_file), stacks[series.first_file] > 1
        first = min(
            (frame for frame in series.frames if frame.file.name == series.first_file),
            key=lambda frame: frame.index,
        )
        name += f"-frame-{first.index + 1}" if several else ""
        folder = first.file.path.parent
        place = folder / Path(name).name if seg_folder is None else seg_folder / name
        yield Case(
            name=name,
            subject=series.subject,
            kind="DICOM",
            count=series.count,
            size=(series.rows, series.columns),
            spacing_yx_mm=series.spacing_yx_mm,
            slice_spacing_mm=series.slice_spacing_mm,
            read=_dicom_reader(series),
            files=tuple(dict.fromkeys(frame.file.path for frame in series.frames)),
            source=series,
            seg_file=place.with_name(f"{place.name}.{seg_mark}.seg.dcm"),
        )


def _missing(
    series: "Series", damaged: Sequence["DamagedFile"], owners: Mapping[str, int]
) -> str | None:
    """Why a series may lack slices, in words that follow its subject; None if it seems whole.

    A damaged file that does not tell its series is taken for one of the only series in its folder;
    beside several, for one that is missing where there is a gap.

    Args:
        owners: how many series have a file in a folder.
    """
    if series.uid and any(one.series == series.uid for one in damaged):
        return "may lack slices: files of it cannot be read; mend or remove them"
    has_gap = series.count > 1 and series.slice_spacing_mm is None
    doubtful = {folder for folder in _folders(series) if has_gap or owners[folder] == 1}
    if any(not one.series and one.folder in doubtful for one in damaged):
        return "may lack slices: files of its folder cannot be read; mend or remove them"
    return None


def _folders(series: "Series") -> set[str]:
    return {frame.file.name.rpartition("/")[0] for frame in series.frames}


def _dicom_reader(series: "Series") -> Callable[[], UInt[np.ndarray, "slice y x"]]:
    return lambda: series.read_pixels()[0]


def segment_cases(path: Path, number: int | None, problems: list[str]) -> Iterator[Case]:
    """A case for each file of Segment: its late-enhancement short-axis stack, drawn on or not."""
    if not any(name.lower().endswith(_SEGMENT) for name, _ in files_in(path)):
        return
    from myosweep.data.segment.choice import choose, open_segment, segment_files
    from myosweep.data.segment.source import SegmentSource

    for name, file in segment_files([path], problems):
        with collecting(problems, f"file {name!r} "):
            header = choose(open_segment(name, file), number)
            if header.dtype is None:
                raise DatasetError("holds no images; give the folder of its DICOM series instead")
            source = SegmentSource(name, file, header, np.ones(header.slices, bool), None)
            yield Case(
                name=name.rpartition(".")[0],
                subject=f"file {name!r}",
                kind="Segment",
                count=header.slices,
                size=header.size,
                spacing_yx_mm=source.spacing_yx_mm,
                slice_spacing_mm=header.slice_spacing_mm,
                read=_segment_reader(source),
                files=(file,),
                part=f"stack {header.number}",
            )


def _segment_reader(source: "SegmentSource") -> Callable[[], UInt[np.ndarray, "slice y x"]]:
    return source.pixels


def _finder(results: frozenset[Path]) -> Callable[[Path], bool]:
    """Tells whether a file lies among results, links followed; looks each folder up once."""
    is_there = cache(lambda folder: _lies_in(folder, results))
    return lambda file: is_there((file.resolve() if file.is_symlink() else file).parent)


def _lies_in(path: Path, folders: frozenset[Path]) -> bool:
    whole = path.resolve()
    return not folders.isdisjoint((whole, *whole.parents))
