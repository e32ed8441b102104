"""Which masks belong to which DICOM series, of whatever kind they are."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from myosweep.data.dicom.beside import (
    NIFTI,
    PICTURES,
    Beside,
    Pictures,
    doubles,
    pictures_beside,
    read_pictures,
    read_volume,
    volumes_beside,
)
from myosweep.data.dicom.drawn import Drawn, read_drawn
from myosweep.data.dicom.files import DicomFile, read_headers
from myosweep.data.dicom.frames import Frame, image_frames
from myosweep.data.dicom.masks import (
    RT_STRUCT,
    MaskFile,
    belongs_to,
    folded,
    in_words,
    is_prediction,
    mask_file,
)
from myosweep.data.dicom.series import Series, group_series
from myosweep.data.folder import files_in
from myosweep.data.problems import collecting, raise_problems
from myosweep.errors import DatasetError

Structures = Mapping[str, int]


@dataclass(frozen=True)
class MaskSource:
    """Where a series' masks are.

    Args:
        kind: DICOM SEG, RT-STRUCT, NIfTI or PNG.
        name: the file, or the first of the pictures.
        structures: numbers and names, where the file has them.
        read: the masks, given the codes of structures by name.
    """

    kind: str
    name: str
    structures: tuple[tuple[int, str], ...]
    read: Callable[[Structures], Drawn] = field(repr=False)


@dataclass(frozen=True)
class Pair:
    """A series and its masks; none, or one, or several by mistake."""

    series: Series
    masks: tuple[MaskSource, ...]


@dataclass(frozen=True)
class Found:
    """What two folders hold.

    Args:
        other_files: DICOM files that are neither images nor masks, such as reports.
        mask_files: all SEG and RT-STRUCT files.
    """

    pairs: tuple[Pair, ...]
    mask_files: tuple[MaskFile, ...]
    other_files: int


def find_pairs(images: Path, masks: Path, problems: list[str]) -> Found:
    """The series of one folder with their masks in another, which may be the same.

    Raises:
        DatasetError: if a folder does not exist, or there is no series.
    """
    folders = {"image": images, "mask": masks}
    raise_problems(
        [
            f"{kind} folder {folder.name!r} does not exist; check the path"
            for kind, folder in folders.items()
            if not folder.is_dir()
        ]
    )
    sorter = _Sorter(problems)
    apart = masks.resolve() != images.resolve()
    sorter.take(read_headers(images, problems), images=True, masks=not apart)
    if apart:
        sorter.take(read_headers(masks, problems), images=False, masks=True)
    series = group_series(sorter.frames)
    if not series:
        raise_problems(problems or [f"image folder {images.name!r} holds no DICOM images"])
    masks_of: list[list[MaskSource]] = [[] for _ in series]
    _join_files(sorter.mask_files, series, masks_of, problems)
    _join_beside(Beside.among(files_in(masks)), series, masks_of, problems, apart=apart)
    pairs = [Pair(one, tuple(sources)) for one, sources in zip(series, masks_of, strict=True)]
    return Found(tuple(pairs), tuple(sorter.mask_files), sorter.others)


class _Sorter:
    """Takes what is needed of each header, so that none is kept."""

    def __init__(self, problems: list[str]) -> None:
        self.frames: list[Frame] = []
        self.mask_files: list[MaskFile] = []
        self.others = 0
        self._problems = problems

    def take(self, files: Iterable[DicomFile], *, images: bool, masks: bool) -> None:
        """Sort files of a folder that holds images, masks, or both."""
        for found in files:
            is_image = found.kind == "image"
            is_mask = found.kind in ("segmentation", "structures")
            with collecting(self._problems, f"file {found.name!r} "):
                if is_image and images:
                    self.frames += image_frames(found)
                elif is_mask and masks and is_prediction(found):
                    self._pass_over(beside_images=images)
                elif is_mask and masks:
                    self.mask_files.append(mask_file(found))
                elif images:
                    self.others += 1

    def _pass_over(self, *, beside_images: bool) -> None:
        """A prediction of myosweep: in a folder of masks it is a mistake."""
        if not beside_images:
            raise DatasetError(
                "is a prediction of myosweep, no reference; remove it, or correct it and save it "
                "with a program for drawing"
            )
        self.others += 1


def _join_files(
    files: Sequence[MaskFile],
    series: Sequence[Series],
    masks_of: Sequence[list[MaskSource]],
    problems: list[str],
) -> None:
    """Give SEG and RT-STRUCT files to their series."""
    owners: dict[str, list[int]] = {}
    for number, one in enumerate(series):
        for instance in one.instances:
            owners.setdefault(instance, []).append(number)
    for file in files:
        with collecting(problems, f"mask {file.name!r} "):
            for number in belongs_to(file, series, owners):
                read = partial(_read_file, file, series[number], owners.keys())
                source = MaskSource(file.kind, file.name, file.structures, read)
                masks_of[number].append(source)


def _read_file(
    file: MaskFile, series: Series, instances: Set[str], structures: Structures
) -> Drawn:
    elsewhere = frozenset(instances - series.instances)
    return read_drawn(file, series, file.codes(structures), elsewhere)


def _join_beside(
    beside: Beside,
    series: Sequence[Series],
    masks_of: Sequence[list[MaskSource]],
    problems: list[str],
    *,
    apart: bool,
) -> None:
    """Give volumes and pictures to their series; in a folder of masks alone, none may be left."""
    volumes, used = volumes_beside(beside, series, problems)
    for number, (name, path) in volumes.items():
        read = partial(_read_volume, path, series[number])
        masks_of[number].append(MaskSource(NIFTI, name, (), read))
    for number, one in enumerate(series):
        if pictures := pictures_beside(beside, one):
            problems += doubles(pictures)
            names = [name for files in pictures.values() for name, _ in files]
            read = partial(_read_pictures, pictures, one)
            masks_of[number].append(MaskSource(PICTURES, names[0], (), read))
            used.update(names)
    if apart:
        problems += [
            f"mask {name!r} lies beside no DICOM series or file of that name; rename or remove it"
            for name in beside.names
            if name not in used
        ]


def _read_volume(path: Path, series: Series, _: Structures) -> Drawn:
    return read_volume(path, series)


def _read_pictures(pictures: Pictures, series: Series, _: Structures) -> Drawn:
    return read_pictures(pictures, series)


def structure_faults(files: Sequence[MaskFile], wanted: Structures) -> Iterator[str]:
    """Codes that are missing for contours, or given to structures that no file has."""
    names = sorted({name for file in files for name in file.names})
    contours = sorted({name for file in files if file.kind == RT_STRUCT for name in file.names})
    if contours and not wanted:
        yield (
            f"RT-STRUCT files have the structures {in_words(contours)}, but no codes; say which "
            f'code is which, for instance --structure "{contours[0]}=1"'
        )
    known = {folded(name) for name in names}
    for name in wanted:
        if folded(name) not in known:
            have = f"they have {in_words(names)}" if names else "only SEG and RT-STRUCT files do"
            yield f"no mask has a structure {name!r}; {have}"
