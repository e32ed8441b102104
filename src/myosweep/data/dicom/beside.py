"""Masks beside a DICOM series: a NIfTI volume on its grid, or a picture for each image."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Float, Integer

from myosweep.data.dicom.drawn import Drawn
from myosweep.data.dicom.files import ENDINGS
from myosweep.data.dicom.frames import Frame
from myosweep.data.dicom.series import Series
from myosweep.data.names import natural_key
from myosweep.data.nifti.grid import Arrangement
from myosweep.data.nifti.volume import NiftiVolume, open_nifti
from myosweep.data.prepare import size_text
from myosweep.data.problems import collecting
from myosweep.data.raster import SUFFIXES, read_raster
from myosweep.errors import DatasetError

NIFTI, PICTURES = "NIfTI", "PNG"
_VOLUMES = (".nii", ".nii.gz")
_SAME_VOXEL = 0.2
"""Grids are one if no corner is further away than this share of a voxel."""
_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""NIfTI counts millimetres to the right and the front, DICOM to the left and the back."""


Pictures = Mapping[int, list[tuple[str, Path]]]
"""Names and files of the pictures of each slice; more than one by mistake."""


@dataclass(frozen=True)
class Beside:
    """The files of a masks folder that could lie beside a series, by relative name."""

    volumes: Mapping[str, Path] = field(repr=False)
    pictures: Mapping[str, list[tuple[str, Path]]] = field(repr=False)

    @property
    def names(self) -> list[str]:
        """Of all files, in natural order."""
        pictures = (name for files in self.pictures.values() for name, _ in files)
        return sorted((*self.volumes, *pictures), key=natural_key)

    @classmethod
    def among(cls, files: Iterable[tuple[str, Path]]) -> "Beside":
        """Those of all files; pictures are found by their name without ending."""
        volumes: dict[str, Path] = {}
        pictures: dict[str, list[tuple[str, Path]]] = {}
        for name, path in files:
            if name.lower().endswith(_VOLUMES):
                volumes[name] = path
            elif path.suffix.lower() in SUFFIXES:
                stem = PurePosixPath(name).with_suffix("").as_posix()
                pictures.setdefault(stem, []).append((name, path))
        return cls(volumes, pictures)


def volumes_beside(
    beside: Beside, series: Sequence[Series], problems: list[str]
) -> tuple[dict[int, tuple[str, Path]], set[str]]:
    """The volume of each series that has one, by the series' place in the list; names looked at.

    It has the name of the series' folder, or is the only volume in a folder of that name. Where
    several series share a folder, the volume is of the one on whose grid it lies.
    """
    found: dict[int, tuple[str, Path]] = {}
    seen: set[str] = set()
    for folder, members in _by_folder(series).items():
        names = _volume_names(beside, folder)
        seen.update(names)
        if len(names) > 1:
            few = " and ".join(map(repr, names[:3]))
            problems.append(f"folder {folder!r} has {len(names)} volumes of masks, {few}; keep one")
        elif names:
            path = beside.volumes[names[0]]
            with collecting(problems, f"mask {names[0]!r} "):
                found[_owner(path, series, members)] = names[0], path
    return found, seen


def _by_folder(series: Sequence[Series]) -> dict[str, list[int]]:
    folders: dict[str, list[int]] = {}
    for number, one in enumerate(series):
        folders.setdefault(one.folder, []).append(number)
    return folders


def _volume_names(beside: Beside, folder: str) -> list[str]:
    inside = [name for name in beside.volumes if PurePosixPath(name).parent.as_posix() == folder]
    named = [f"{folder}{ending}" for ending in _VOLUMES]
    others = [name for name in beside.volumes if name in named]
    return sorted(others + inside, key=natural_key)


def _owner(path: Path, series: Sequence[Series], members: Sequence[int]) -> int:
    """Which of a folder's series a volume belongs to."""
    usable = [number for number in members if not series[number].obstacle] or members
    if len(usable) == 1:
        return usable[0]
    volume = open_nifti(path)
    fitting = [number for number in usable if _fits(series[number], volume)]
    if len(fitting) == 1:
        return fitting[0]
    subjects = ", ".join(series[number].subject for number in usable)
    how = "none" if not fitting else "several"
    raise DatasetError(f"lies on the grid of {how} of {subjects}; give each a folder of its own")


def _fits(series: Series, volume: NiftiVolume) -> bool:
    try:
        arrangement_on(series, volume)
    except DatasetError:
        return False
    return True


def read_volume(path: Path, series: Series) -> Drawn:
    """A volume's labels, slice by slice as the series has them; every slice has a mask.

    Raises:
        DatasetError: if it is damaged, no label map, or on another grid.
    """
    volume = open_nifti(path)
    return Drawn(list(_whole(volume.read(arrangement_on(series, volume)))), [True] * series.count)


def _whole(values: np.ndarray) -> Integer[np.ndarray, "slice y x"]:
    if values.dtype.kind == "f":
        if not (np.isfinite(values).all() and (values == np.rint(values)).all()):
            raise DatasetError("holds fractions, no codes; is it an image? save a label map")
        return values.clip(-(2**31), 2**31).astype(np.int64)
    return values


def arrangement_on(series: Series, volume: NiftiVolume) -> Arrangement:
    """How a volume's axes become the slices, rows and columns of a series.

    A volume that does not know how the patient lies must have columns, rows and slices as its axes.

    Raises:
        DatasetError: if they are not on one grid.
    """
    wanted = (series.columns, series.rows, series.count)
    if volume.affine is None:
        if volume.shape != wanted:
            raise DatasetError(
                f"has {size_text(volume.shape)} voxels, the images {size_text(wanted)}, and it "
                "does not know how the patient lies; give it the size of the images"
            )
        return Arrangement((2, 1, 0), (False, False, False))
    grid = _affine_lps(series)
    steps, own = grid[:3, :3], (_TO_LPS @ volume.affine)[:3, :3]
    turn = (steps / np.linalg.norm(steps, axis=0)).T @ (own / np.linalg.norm(own, axis=0))
    column, row, slice_ = np.abs(turn).argmax(axis=1).tolist()
    axes = (slice_, row, column)
    arrangement = Arrangement(
        axes, (bool(turn[2, slice_] < 0), bool(turn[1, row] < 0), bool(turn[0, column] < 0))
    )
    shape = tuple(volume.shape[axis] for axis in (column, row, slice_))
    if shape != wanted or sorted(axes) != [0, 1, 2]:
        raise DatasetError(
            f"has {size_text(shape)} voxels, the images {size_text(wanted)}; draw it on the "
            "images, or resample it to them with nearest neighbours"
        )
    away = _distance_mm(grid, _TO_LPS @ volume.affine, arrangement, volume.shape)
    if away > _SAME_VOXEL * min(np.linalg.norm(steps[:, :2], axis=0)):
        raise DatasetError(
            f"lies up to {away:.2f} mm away from the images; draw it on the images, or resample it "
            "to them with nearest neighbours"
        )
    return arrangement


def _affine_lps(series: Series) -> Float[np.ndarray, "4 4"]:
    """From column, row and slice to millimetres.

    Raises:
        DatasetError: if the slices are not evenly spaced, as those of a volume are.
    """
    plane = series.plane(0)
    if plane is None:
        raise DatasetError("lies in millimetres, but the images have no known pixel spacing")
    if series.count > 1 and series.slice_spacing_mm is None:
        raise DatasetError(
            "is a volume, but the images are not evenly spaced (is one missing?); give pictures or "
            "DICOM SEG"
        )
    first, right, down = plane.corners_mm((2, 2))
    last = np.array(series.positions_mm[-1])
    through = np.array(plane.orientation.normal)
    if series.count > 1:
        through = (last - first) / (series.count - 1)
    affine = np.eye(4)
    affine[:3] = np.stack([right - first, down - first, through, first], axis=1)
    return affine


def _distance_mm(
    grid: Float[np.ndarray, "4 4"],
    other: Float[np.ndarray, "4 4"],
    arrangement: Arrangement,
    shape: tuple[int, int, int],
) -> float:
    """How far apart the corners of two grids are, at most."""
    away = []
    for corner in np.ndindex(2, 2, 2):
        own = [at * (length - 1) for at, length in zip(corner, shape, strict=True)]
        pairs = zip(arrangement.axes, arrangement.flipped, strict=True)
        slice_, row, column = (
            shape[axis] - 1 - own[axis] if flipped else own[axis] for axis, flipped in pairs
        )
        apart = grid @ np.array([column, row, slice_, 1.0]) - other @ np.array([*own, 1.0])
        away.append(float(np.linalg.norm(apart[:3])))
    return max(away)


def pictures_beside(beside: Beside, series: Series) -> Pictures:
    """The pictures of each slice that has any."""
    found = {at: _pictures(beside, frame) for at, frame in enumerate(series.frames)}
    return {at: files for at, files in found.items() if files}


def _pictures(beside: Beside, frame: Frame) -> list[tuple[str, Path]]:
    number = f"_{frame.index + 1:03d}" if frame.file.frames > 1 else ""
    stems = dict.fromkeys((f"{without_ending(frame.file.name)}{number}",
                           f"{frame.file.name}{number}"))  # fmt: skip
    return [file for stem in stems for file in beside.pictures.get(stem, ())]


def without_ending(name: str) -> str:
    """A DICOM file's name without its ending; a number in a name is none.

    >>> without_ending("P1/IM1.dcm"), without_ending("P1/1.2.840")
    ('P1/IM1', 'P1/1.2.840')
    """
    ending = PurePosixPath(name).suffix
    return name.removesuffix(ending) if ending.lower() in ENDINGS else name


def read_pictures(pictures: Pictures, series: Series) -> Drawn:
    """The slices' pictures; a slice without one has no mask.

    Raises:
        DatasetError: listing what cannot be read.
    """
    labels = [np.zeros((series.rows, series.columns), np.uint8) for _ in series.frames]
    problems: list[str] = []
    drawn: list[np.ndarray] = list(labels)
    for at, files in pictures.items():
        for name, path in files[:1]:
            with collecting(problems, f"{name!r} "):
                drawn[at] = read_raster(path, labels=True)
    if problems:
        raise DatasetError(problems)
    return Drawn(drawn, [at in pictures for at in range(series.count)])


def doubles(pictures: Pictures) -> Iterator[str]:
    """Slices with more than one picture."""
    for files in pictures.values():
        if len(files) > 1:
            yield f"masks {files[0][0]!r} and {files[1][0]!r} are of one image; keep one"
