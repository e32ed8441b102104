"""One image stack of a Segment file: what its fields say, in this project's coordinates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from myosweep.data.segment.fields import (
    cosines,
    identity,
    maker,
    number,
    scaling,
    slice_spacing_mm,
    spacing_mm,
    text,
    whole,
)
from myosweep.data.segment.values import MOST_VALUES, Extent, Fields, Wanted
from myosweep.data.stack import MOST_PIXELS
from myosweep.errors import DatasetError

CONTOURS = ("Endo", "Epi", "RVEndo")
_MOST_POINTS = 10_000
"""Of one contour; Segment's own have 80."""
_SIZES = ("XSize", "YSize", "TSize", "ZSize")
_SCAR_SIZES = ("Auto", "Result", "NoReflow", "Manual")
_TEXTS = ("ImageType", "ImageViewPlane", "Scanner")
_NUMBERS = (
    *("ResolutionX", "ResolutionY", "Resolution", "SliceThickness", "SliceGap", "Rotated"),
    *("IntensityScaling", "IntensityOffset", "ImageOrientation"),
    *("XMin", "YMin", "OrgXSize", "OrgYSize"),
)
_FIELDS = (
    *("IM", "Scar", "PatientInfo", "ID", "Name"),
    *_SIZES,
    *_SCAR_SIZES,
    *_TEXTS,
    *_NUMBERS,
    *(f"{name}{axis}" for name in CONTOURS for axis in "XY"),
)
HEADER = Wanted(_FIELDS, sizes=("IM", *_SCAR_SIZES))
"""What is read of a file when it is found: no pixels."""


def everything(number: int) -> Wanted:
    """What is read of one stack (counted from 1) when its turn comes."""
    return Wanted(_FIELDS, stack=number - 1)


@dataclass(frozen=True, eq=False)
class Contour:
    """A structure's closed outlines; a place that Segment left empty is NaN.

    Args:
        rows_px, columns_px: (0, 0) is the centre of the upper left pixel.
    """

    rows_px: Float[np.ndarray, "point frame slice"]
    columns_px: Float[np.ndarray, "point frame slice"]

    @property
    def drawn(self) -> Bool[np.ndarray, "frame slice"]:
        """Where there is an outline: at least three points."""
        return np.isfinite(self.rows_px + self.columns_px).sum(axis=0) >= 3

    def outline(self, frame: int, number: int) -> Float[np.ndarray, "point 2"]:
        """Points (row, column) of one slice; none if nothing was drawn."""
        points = np.stack([self.rows_px[:, frame, number], self.columns_px[:, frame, number]], 1)
        return points[~np.isnan(points).any(axis=1)]

    def moved(self, rows: int, columns: int) -> "Contour":
        """The same outlines in an image that begins so many pixels earlier."""
        return Contour(self.rows_px + rows, self.columns_px + columns)


@dataclass(frozen=True, eq=False)
class StackHeader:
    """What is known of a stack before its pixels are read.

    Args:
        number: its place in the file, counted from 1.
        rows, columns, frames, slices: of its images; of a segmentation-only export, of the images
            that were segmented, before a crop.
        image_type, view: Segment's own words; empty where it does not tell.
        dtype: of its images; none if it has none.
        contours: by the names of ``CONTOURS``.
        frame: the time frame (counted from 0) whose contours are taken.
        cosines: directions of rows and columns in the patient, as DICOM gives them.
        crop: rows and columns of the whole images that lie before the segmented part.
        identity: what identifies the patient; for the keyed hash alone.
    """

    number: int
    rows: int
    columns: int
    frames: int
    slices: int
    image_type: str
    view: str
    is_rotated: bool
    has_scar: bool
    dtype: np.dtype | None
    spacing_yx_mm: tuple[float, float] | None
    slice_spacing_mm: float | None
    vendor: str | None
    contours: Mapping[str, Contour]
    frame: int
    cosines: tuple[float, ...] | None
    scaling: tuple[float, float]
    crop: tuple[int, int]
    segmented: tuple[int, int]
    identity: str = field(repr=False)

    @property
    def size(self) -> tuple[int, int]:
        return self.rows, self.columns

    def drawn(self, name: str) -> Bool[np.ndarray, "slice"]:
        """In which slices one of ``CONTOURS`` is drawn, in the time frame that is taken."""
        return self.contours[name].drawn[self.frame]

    @property
    def contoured(self) -> Bool[np.ndarray, "slice"]:
        """Slices with everything that makes a mask.

        Those are endocardium and epicardium. Behind the last of these slices (they run from base
        to apex) the cavity has an end, and there the epicardium alone is enough.
        """
        both = self.drawn("Endo") & self.drawn("Epi")
        for at in range(1, self.slices):
            if both[at - 1] and not self.drawn("Endo")[at:].any():
                both[at] = self.drawn("Epi")[at]
        return both

    @property
    def incomplete(self) -> Bool[np.ndarray, "slice"]:
        """Slices in which only one of the two is drawn, and the other is missing."""
        return self.shows_heart & ~self.contoured

    @property
    def shows_heart(self) -> Bool[np.ndarray, "slice"]:
        return self.drawn("Endo") | self.drawn("Epi")


def read_header(fields: Fields, at: int) -> StackHeader:
    """A stack's header from its fields.

    Raises:
        DatasetError: if sizes contradict each other, or are missing or too large.
    """
    image: Any = fields.get("IM")
    extent = _four(image.shape) if _has_pixels(image) else None
    segmented = extent or _told_size(fields)
    _check_sizes(fields, segmented)
    crop = (0, 0) if extent else _crop(fields)
    contours = {name: _contour(fields, name, segmented).moved(*crop) for name in CONTOURS}
    rows, columns = segmented[:2] if extent else _whole_size(fields, segmented, crop)
    return StackHeader(
        number=at,
        rows=rows,
        columns=columns,
        frames=segmented[2],
        slices=segmented[3],
        image_type=text(fields, "ImageType"),
        view=text(fields, "ImageViewPlane"),
        is_rotated=bool(number(fields, "Rotated", 0)),
        has_scar=has_scar(fields),
        dtype=image.dtype if extent else None,
        spacing_yx_mm=spacing_mm(fields),
        slice_spacing_mm=slice_spacing_mm(fields),
        vendor=maker(text(fields, "Scanner")),
        contours=contours,
        frame=_best_frame(contours),
        cosines=cosines(fields),
        scaling=scaling(fields),
        crop=crop,
        segmented=(segmented[0], segmented[1]),
        identity=identity(fields),
    )


def has_scar(fields: Fields) -> bool:
    """Whether there is a scar with anything in it that makes a mask."""
    return any(_shape(scar_field(fields, name)) != (0, 0) for name in _SCAR_SIZES)


def scar_field(fields: Fields, name: str) -> Any:
    """An array of the scar, an empty one if it is missing."""
    scar = fields.get("Scar")
    found = scar[0].get(name) if isinstance(scar, list) and scar else None
    return found if isinstance(found, Extent | np.ndarray) else np.zeros((0, 0))


def _shape(array: Extent | np.ndarray) -> tuple[int, ...]:
    return (0, 0) if 0 in array.shape else array.shape


def _has_pixels(image: Any) -> bool:
    return isinstance(image, Extent | np.ndarray) and 0 not in image.shape


def _four(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The axes (x, y, time, slice), of which MATLAB drops the last ones if their length is 1."""
    if len(shape) > 4:
        raise DatasetError(f"has images with {len(shape)} axes instead of 4; is it damaged?")
    rows, columns, frames, slices = (*shape, 1, 1)[:4]
    return rows, columns, frames, slices


def _told_size(fields: Fields) -> tuple[int, int, int, int]:
    """The size of a stack without images: from its own numbers, or from its contours."""
    shape = next(
        (_outline_shape(fields[name]) for name in ("EndoX", "EpiX") if _is_drawn(fields, name)),
        (0, 1, 1),
    )[:3]
    rows, columns = (number(fields, f"Org{axis}Size", 0) for axis in "XY")
    defaults = (rows - _crop(fields)[0], columns - _crop(fields)[1], *shape[1:])
    rows, columns, frames, slices = (
        whole(number(fields, name, default)) for name, default in zip(_SIZES, defaults, strict=True)
    )
    return rows, columns, frames, slices


def _crop(fields: Fields) -> tuple[int, int]:
    """Rows and columns of the whole images that lie before the segmented part."""
    return whole(number(fields, "XMin", 1)) - 1, whole(number(fields, "YMin", 1)) - 1


def _is_drawn(fields: Fields, name: str) -> bool:
    return isinstance(fields.get(name), np.ndarray) and fields[name].size > 0


def _check_sizes(fields: Fields, size: tuple[int, int, int, int]) -> None:
    rows, columns, frames, slices = size
    found = f"{rows} x {columns} pixels, {frames} frames and {slices} slices"
    if min(size) < 1 or rows * columns > MOST_PIXELS or rows * columns * slices > MOST_VALUES:
        raise DatasetError(f"says it has {found}; is it damaged?")
    told = [number(fields, name, is_) for name, is_ in zip(_SIZES, size, strict=True)]
    if told != [float(is_) for is_ in size]:
        raise DatasetError(f"has {found}, and says that it has others; is it damaged?")


def _whole_size(
    fields: Fields, segmented: tuple[int, ...], crop: tuple[int, int]
) -> tuple[int, int]:
    """Rows and columns of the images that were segmented, of which the stack is a part."""
    rows, columns = (
        whole(number(fields, f"Org{axis}Size", part + before))
        for axis, part, before in zip("XY", segmented[:2], crop, strict=True)
    )
    fits = rows >= segmented[0] + crop[0] and columns >= segmented[1] + crop[1]
    if min(crop) < 0 or not fits or rows * columns > MOST_PIXELS:
        raise DatasetError(
            f"says it is a part of images of {rows} x {columns} pixels that does not lie in them; "
            "is it damaged?"
        )
    return rows, columns


def _outline_shape(array: np.ndarray) -> tuple[int, ...]:
    """The axes (point, time, slice), of which MATLAB drops the last one if its length is 1."""
    return (*array.shape, 1)[: max(array.ndim, 3)]


def _contour(fields: Fields, name: str, size: tuple[int, int, int, int]) -> Contour:
    """The outlines of one structure: (point, time, slice), 1-based in the file."""
    given: list[Any] = [fields.get(f"{name}{axis}") for axis in "XY"]
    if not any(isinstance(one, np.ndarray) and one.size for one in given):
        nothing = np.full((1, size[2], size[3]), np.nan)
        return Contour(nothing, nothing)
    arrays = [one for one in given if isinstance(one, np.ndarray) and one.dtype.kind in "biuf"]
    shapes = {_outline_shape(one) for one in arrays}
    if any(shape[0] > _MOST_POINTS for shape in shapes):
        raise DatasetError(f"has {name} contours of too many points; is it damaged?")
    if len(arrays) < 2 or {shape[1:] for shape in shapes} != {size[2:]} or len(shapes) > 1:
        raise DatasetError(
            f"has {name} contours for other frames or slices than it has; is it damaged?"
        )
    rows, columns = (one.reshape(_outline_shape(one)).astype(np.float64) for one in arrays)
    absent = np.isnan(rows) | np.isnan(columns) | ((rows == 0) & (columns == 0))
    return Contour(np.where(absent, np.nan, rows) - 1, np.where(absent, np.nan, columns) - 1)


def _best_frame(contours: Mapping[str, Contour]) -> int:
    """The first time frame with both contours in most slices; else with any in most."""
    endo, epi = contours["Endo"].drawn, contours["Epi"].drawn
    counts: Int[np.ndarray, "frame"] = (endo & epi).sum(axis=1)
    if not counts.any():
        counts = (endo | epi).sum(axis=1)
    return int(counts.argmax())
