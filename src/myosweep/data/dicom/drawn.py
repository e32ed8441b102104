"""What SEG frames and RT-STRUCT contours draw on the slices of a series."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Shaped
from pydicom.dataset import Dataset

from myosweep.data.dicom.files import DicomFile, items, read_header, text, whole
from myosweep.data.dicom.frames import Frame, image_frames
from myosweep.data.dicom.masks import SEG, MaskFile, contour_instance, contour_points_mm
from myosweep.data.dicom.pixels import decode_frames
from myosweep.data.dicom.series import Series
from myosweep.data.polygon import polygon_mask
from myosweep.errors import DatasetError

_DECIMALS = 3
"""Of a vertex in pixels: files hold decimals of millimetres, so that a vertex on the centre of a
pixel comes back a hair beside it, and would be rounded this way or that."""


@dataclass(frozen=True)
class Drawn:
    """The masks of a series.

    Args:
        labels: codes of each slice (y, x), 0 where nothing is drawn; pictures may have any size.
        has_mask: whether anybody drew on the slice.
    """

    labels: Sequence[np.ndarray]
    has_mask: Sequence[bool]


def read_drawn(
    file: MaskFile, series: Series, codes: Mapping[int, int], elsewhere: frozenset[str]
) -> Drawn:
    """The masks that a SEG or RT-STRUCT file has for a series.

    Args:
        codes: by the structure's number; other structures are left out.
        elsewhere: instances of other series: what was drawn on them is theirs.

    Raises:
        DatasetError: if they cannot be read or laid on the series' pixels.
    """
    if series.spacing_yx_mm is None:
        raise DatasetError("is drawn in millimetres, but the images have no known pixel spacing")
    found = read_header(file.name, file.path)
    assert found is not None
    if file.kind == SEG:
        return _segments(found, series, codes)
    return _contours(found.header, series, codes, elsewhere)


def _segments(found: DicomFile, series: Series, codes: Mapping[int, int]) -> Drawn:
    """Frames on their slices, in the order of the segments' numbers: later ones lie on top."""
    labels = np.zeros((series.count, series.rows, series.columns), np.uint16)
    has_mask = [False] * series.count
    wanted = _frames_of(found, codes)
    size = whole(found.header, "Rows"), whole(found.header, "Columns")
    stored = decode_frames(found.path, size, [frame.index for _, frame in wanted])
    for (segment, frame), pixels in zip(wanted, stored, strict=True):
        at, placed = _place(frame, pixels, series)
        for number, mask in _masks(found.header, segment, placed, codes):
            labels[at][mask] = codes[number]
            has_mask[at] |= bool(mask.any())
    return Drawn(list(labels), has_mask)


def _frames_of(found: DicomFile, codes: Mapping[int, int]) -> list[tuple[int | None, Frame]]:
    """Frames with their segment, those with codes alone; none means all segments at once."""
    is_map = text(found.header, "SegmentationType") == "LABELMAP"
    pairs = [
        (None if is_map else _segment(found.header, frame.index), frame)
        for frame in image_frames(found)
    ]
    wanted = [pair for pair in pairs if pair[0] is None or pair[0] in codes]
    return sorted(wanted, key=lambda pair: (pair[0] or 0, pair[1].index))


def _segment(header: Dataset, index: int) -> int | None:
    """The segment that a frame belongs to."""
    own = items(header, "PerFrameFunctionalGroupsSequence")[index : index + 1]
    for group in [*own, *items(header, "SharedFunctionalGroupsSequence")[:1]]:
        for named in items(group, "SegmentIdentificationSequence"):
            return whole(named, "ReferencedSegmentNumber")
    raise DatasetError(f"does not say which segment its frame {index + 1} shows; is it damaged?")


def _masks(
    header: Dataset,
    segment: int | None,
    pixels: Shaped[np.ndarray, "y x"],
    codes: Mapping[int, int],
) -> Iterator[tuple[int, Bool[np.ndarray, "y x"]]]:
    """Number and pixels of each segment of a frame; a fraction counts from a half."""
    if segment is None:
        yield from ((number, pixels == number) for number in sorted(codes))
    elif text(header, "SegmentationType") == "FRACTIONAL":
        most = whole(header, "MaximumFractionalValue") or 255
        yield segment, 2 * pixels.astype(np.int64) >= most
    else:
        yield segment, pixels > 0


def _place(
    frame: Frame, pixels: Shaped[np.ndarray, "y x"], series: Series
) -> tuple[int, Shaped[np.ndarray, "height width"]]:
    """The slice that a frame lies on, and its pixels there."""
    plane = frame.plane
    if plane is None:
        raise DatasetError("does not say where it lies; is it damaged?")
    placed = series.lay_on(pixels, plane)
    if placed is None:
        raise DatasetError("lies on other slices or pixels than those images; draw it on them")
    return placed


def _contours(
    header: Dataset, series: Series, codes: Mapping[int, int], elsewhere: frozenset[str]
) -> Drawn:
    """Each structure's contours by even-odd, then the structures, the largest one first."""
    labels = np.zeros((series.count, series.rows, series.columns), np.uint16)
    masks: dict[int, dict[int, np.ndarray]] = {}
    for roi in items(header, "ROIContourSequence"):
        number = whole(roi, "ReferencedROINumber")
        for contour in items(roi, "ContourSequence") if number in codes else ():
            points = contour_points_mm(contour)
            if len(points) and contour_instance(contour) not in elsewhere:
                at, mask = _filled(points, series)
                known = masks.setdefault(at, {})
                known[number] = known[number] ^ mask if number in known else mask
    for at, by_number in masks.items():
        for number in sorted(by_number, key=lambda n: -int(by_number[n].sum())):
            labels[at][by_number[number]] = codes[number]
    return Drawn(list(labels), [at in masks for at in range(series.count)])


def _filled(
    points_mm: Float[np.ndarray, "point 3"], series: Series
) -> tuple[int, Bool[np.ndarray, "y x"]]:
    """The slice of a contour, and the pixels inside."""
    assert series.orientation is not None
    depths = points_mm @ np.array(series.orientation.normal)
    if np.ptp(depths) > 2 * series.reach_mm:
        raise DatasetError("has a contour across several slices, not in one; draw on the slices")
    at = series.slice_at(float(depths.mean()))
    if at is None:
        away = np.abs(np.array(series.depths_mm) - depths.mean()).min()
        raise DatasetError(
            f"has a contour {away:.1f} mm away from the nearest slice; are all images there?"
        )
    plane = series.plane(at)
    assert plane is not None
    places = plane.to_pixels(points_mm).round(_DECIMALS)
    return at, polygon_mask(places[:, 0], places[:, 1], series.rows, series.columns)
