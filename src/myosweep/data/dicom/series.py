"""DICOM series: their slices sorted by place, what their headers tell, and their pixels."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Shaped, UInt8, UInt16

from myosweep.data.dicom.files import DamagedFile, read_headers, text
from myosweep.data.dicom.frames import Frame, image_frames
from myosweep.data.dicom.geometry import Orientation, Plane, Vector, even_spacing, lay_on
from myosweep.data.dicom.pixels import read_frames, scaled_alike
from myosweep.data.names import natural_key
from myosweep.data.problems import collecting
from myosweep.data.signal import Signal
from myosweep.errors import DatasetError

MOST_VOXELS = 2**27
"""A series with more is not read: in memory it would take a gigabyte."""
_SAME_PLACE_MM = 0.05
_SAME_SLICE = 0.4
"""Another plane is a slice's if it is closer than this share of the slice's reach."""
_THICKNESS_MM = 1.0
"""Of a single slice that does not tell its own."""


@dataclass(frozen=True)
class Series:
    """Slices of one size and direction, sorted by their place along ``orientation.normal``.

    Args:
        subject: what an error calls it, by its folder or first file.
        folder: where its first file lies, relative to the folder that the user gave; "." is that
            folder itself.
        first_file: its first file in the order of names, relative.
        obstacle: why it cannot be imported, in words that follow ``subject``.
        orientation: directions of rows and columns, patient coordinates (LPS).
        positions_mm: centre of the first pixel of each slice (LPS).
        identity: what identifies the patient; for the keyed hash alone.
        frames: where each slice's pixels are; with the UIDs of their files.
    """

    subject: str
    folder: str
    first_file: str
    rows: int
    columns: int
    spacing_yx_mm: tuple[float, float] | None
    slice_spacing_mm: float | None
    vendor: str | None
    obstacle: str | None
    orientation: Orientation | None
    positions_mm: tuple[Vector, ...]
    identity: str = field(repr=False)
    description: str = field(repr=False)
    frames: tuple[Frame, ...] = field(repr=False)

    @property
    def count(self) -> int:
        """Number of slices."""
        return len(self.frames)

    @property
    def image_type(self) -> np.dtype:
        """What ``read_pixels`` gives: uint8 only if that is sure."""
        small = all(f.file.bits_allocated <= 8 and not f.file.is_signed for f in self.frames)
        return np.dtype(np.uint8 if small and scaled_alike(self.frames) else np.uint16)

    @property
    def depths_mm(self) -> tuple[float, ...]:
        """How far along the normal each slice lies, ascending; none without an orientation."""
        if self.orientation is None:
            return ()
        return tuple(self.orientation.depth_mm(position) for position in self.positions_mm)

    @property
    def reach_mm(self) -> float:
        """How far from a slice a place still belongs to it: half way to the next, or its half."""
        gaps = np.diff(self.depths_mm)
        if len(gaps):
            return float(gaps.min()) / 2
        return (self.frames[0].thickness_mm or _THICKNESS_MM) / 2

    def slice_at(self, depth_mm: float) -> int | None:
        """The slice that a depth lies in or beside, at most ``reach_mm`` away."""
        away = np.abs(np.array(self.depths_mm) - depth_mm)
        if not len(away) or away.min() > self.reach_mm:
            return None
        return int(away.argmin())

    def plane(self, at: int) -> Plane | None:
        """Where a slice's pixels lie; none if that is not known."""
        return self.frames[at].plane

    def lay_on(
        self, pixels: Shaped[np.ndarray, "y x"], plane: Plane
    ) -> tuple[int, Shaped[np.ndarray, "height width"]] | None:
        """Pixels of another plane as those of one of the slices; none if they do not meet.

        Args:
            plane: where the pixels lie.
        """
        if self.orientation is None:
            return None
        corners = plane.corners_mm((pixels.shape[0], pixels.shape[1]))
        depths = corners @ np.array(self.orientation.normal)
        at = self.slice_at(float(depths.mean()))
        own = None if at is None else self.plane(at)
        if at is None or own is None:
            return None
        if np.abs(depths - self.depths_mm[at]).max() > _SAME_SLICE * self.reach_mm:
            return None
        placed = lay_on(pixels, own.to_pixels(corners), (self.rows, self.columns))
        return None if placed is None else (at, placed)

    @property
    def uid(self) -> str:
        """Of the series; it never leaves the program, nor do the other two."""
        return self.frames[0].file.series

    @property
    def frame_of_reference(self) -> str:
        return self.frames[0].file.frame_of_reference

    @property
    def instances(self) -> frozenset[str]:
        """UIDs of the files."""
        return frozenset(frame.file.instance for frame in self.frames) - {""}

    def read_pixels(
        self,
    ) -> tuple[UInt8[np.ndarray, "slice y x"] | UInt16[np.ndarray, "slice y x"], Signal]:
        """All slices, larger is brighter, and what their pixels mean.

        Raises:
            DatasetError: if there is an obstacle, or a file cannot be read.
        """
        if self.obstacle:
            raise DatasetError(self.obstacle)
        return read_frames(self.frames)


def find_series(
    folder: Path, problems: list[str], damaged: list[DamagedFile] | None = None
) -> list[Series]:
    """The series of a folder and its subfolders, in the order of their first files.

    Files that are no DICOM images are passed over; a damaged one is a problem.

    Args:
        damaged: gets each file that cannot be read.
    """
    frames: list[Frame] = []
    for found in read_headers(folder, problems, damaged):
        if found.kind == "image":
            before = len(problems)
            with collecting(problems, f"file {found.name!r} "):
                frames += image_frames(found)
            if damaged is not None and len(problems) > before:
                uid = text(found.header, "SeriesInstanceUID")
                damaged.append(DamagedFile(found.name.rpartition("/")[0], uid))
    return group_series(frames)


def group_series(frames: Iterable[Frame]) -> list[Series]:
    """Frames by series, and within one by what must be equal in a stack."""
    groups: dict[Hashable, list[Frame]] = {}
    directions: dict[Hashable, list[Orientation]] = {}
    for frame in frames:
        alike = _alike(frame)
        direction = _number_of(frame.orientation, directions.setdefault(alike, []))
        groups.setdefault((alike, direction), []).append(frame)
    parts = [part for group in groups.values() for part in _by_kind(_sorted(group))]
    parts.sort(key=lambda part: (natural_key(_first(part).file.name), _first(part).index))
    owners = Counter(folder for part in parts for folder in {_folder(frame) for frame in part})
    return [_series(part, owners) for part in parts]


def _alike(frame: Frame) -> Hashable:
    """What frames of a stack share, the orientation aside.

    The patient is part of it, since some programs that remove names give all series one UID.
    """
    file, spacing = frame.file, frame.spacing_yx_mm
    return (
        file.series or _folder(frame),
        file.identity,
        file.frame_of_reference,
        (file.rows, file.columns),
        spacing and tuple(round(mm, 4) for mm in spacing),
    )


def _number_of(orientation: Orientation | None, known: list[Orientation]) -> int | None:
    """Which of the known orientations this is; a new one is added to them."""
    if orientation is None:
        return None
    for number, other in enumerate(known):
        if orientation.is_like(other):
            return number
    known.append(orientation)
    return len(known) - 1


def _sorted(frames: list[Frame]) -> list[Frame]:
    """By place along the normal; else as the scanner counted."""
    orientation = frames[0].orientation
    if orientation is None or any(frame.position_mm is None for frame in frames):
        return sorted(frames, key=lambda f: (f.file.number, natural_key(f.file.name), f.index))
    return sorted(frames, key=lambda f: orientation.depth_mm(f.position_mm or (0.0, 0.0, 0.0)))


def _by_kind(frames: list[Frame]) -> list[list[Frame]]:
    """Magnitude and phase-sensitive images of one series as two stacks, if they share places."""
    if _most_at_one_place(frames) <= 1:
        return [frames]
    kinds: dict[str, list[Frame]] = {}
    for frame in frames:
        kinds.setdefault(frame.kind, []).append(frame)
    parts = list(kinds.values())
    return parts if max(map(_most_at_one_place, parts)) == 1 else [frames]


def _most_at_one_place(frames: Sequence[Frame]) -> int:
    """The largest number of frames at one depth; 0 where depths are not known."""
    orientation = frames[0].orientation
    if orientation is None or any(frame.position_mm is None for frame in frames):
        return 0
    depths = [orientation.depth_mm(f.position_mm) for f in frames if f.position_mm]
    steps = np.flatnonzero(np.diff(depths) > _SAME_PLACE_MM)
    edges = [-1, *steps.tolist(), len(depths) - 1]
    return int(max(np.diff(edges)))


def _first(frames: Sequence[Frame]) -> Frame:
    return min(frames, key=lambda frame: (natural_key(frame.file.name), frame.index))


def _folder(frame: Frame) -> str:
    return PurePosixPath(frame.file.name).parent.as_posix()


def _series(frames: list[Frame], owners: Mapping[str, int]) -> Series:
    """A series of sorted frames; ``owners`` tells how many series have a file in a folder."""
    first = _first(frames)
    folder, orientation = _folder(first), first.orientation
    obstacle = _obstacle(frames)
    positions = tuple(f.position_mm for f in frames if f.position_mm)
    depths = [orientation.depth_mm(position) for position in positions] if orientation else []
    whole_folder = folder != "." and owners[folder] == 1
    return Series(
        subject=f"series {folder + '/' if whole_folder else first.place!r}",
        folder=folder,
        first_file=first.file.name,
        rows=first.file.rows,
        columns=first.file.columns,
        spacing_yx_mm=first.spacing_yx_mm,
        slice_spacing_mm=even_spacing(depths) if len(positions) == len(frames) else None,
        vendor=first.file.vendor,
        obstacle=obstacle,
        orientation=orientation,
        positions_mm=positions,
        identity=first.file.identity,
        description=first.file.description,
        frames=tuple(frames),
    )


def _obstacle(frames: Sequence[Frame]) -> str | None:
    """Why a series cannot be imported."""
    for frame in frames:
        if frame.file.obstacle:
            return frame.file.obstacle
    names: dict[str, str] = {}
    for frame in frames:
        name, instance = frame.file.name, frame.file.instance
        if instance and (other := names.setdefault(instance, name)) != name:
            return f"has the same image twice, in {other!r} and {name!r}; remove one"
    if frames[0].orientation is None or any(frame.position_mm is None for frame in frames):
        return "does not say where its images lie (is it a screenshot?); export the scanner's own"
    if (most := _most_at_one_place(frames)) > 1:
        return (
            f"has up to {most} images at one place (phases of the heart, inversion times?); give "
            "a folder with one image for each place"
        )
    if frames[0].file.rows * frames[0].file.columns * len(frames) > MOST_VOXELS:
        return f"has {len(frames)} images, more than are read at once; is it an LGE series?"
    return None
