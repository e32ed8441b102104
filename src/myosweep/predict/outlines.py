"""Outlines of regions as polygons: as JSON, and drawn over the image."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import contourpy
import numpy as np
from jaxtyping import Bool, Float, Float32, Shaped, UInt8

from myosweep.predict.cases import Case
from myosweep.regions import RegionScheme

if TYPE_CHECKING:
    from myosweep.data.nifti.volume import NiftiVolume

FORMAT = 1
ToMm = Callable[[Float[np.ndarray, "point 2"]], Float[np.ndarray, "point 3"] | None]
_COLOURS = ((230, 159, 0), (86, 180, 233), (240, 228, 66), (204, 121, 167), (0, 158, 115))
"""Okabe and Ito's, which colour-blind readers tell apart; regions take them in turn."""
_WARNING = np.array([213, 30, 30])
_SMALLEST_PICTURE_PX = 384


def outlines(mask: Bool[np.ndarray, "y x"]) -> list[Float[np.ndarray, "point 2"]]:
    """Closed polygons (y, x) around a mask, none if it is empty; pixel centres are whole numbers.

    They pass half way between a pixel inside and its neighbours outside, and round holes as well.
    Which pixel centres lie inside an odd number of them gives the mask back exactly.
    """
    padded = np.pad(mask, 1).astype(float)
    lines = contourpy.contour_generator(z=padded).lines(0.5)
    return [np.asarray(line)[:, ::-1] - 1 for line in lines]


def contour_record(
    case: Case, regions: UInt8[np.ndarray, "slice y x"], scheme: RegionScheme
) -> dict[str, Any]:
    """All outlines of a case as JSON holds them; nothing in it tells whose they are."""
    return {
        "format": FORMAT,
        "height_px": regions.shape[1],
        "width_px": regions.shape[2],
        "spacing_yx_mm": case.spacing_yx_mm and list(case.spacing_yx_mm),
        **_grid(case),
        "points": "points_yx_px: row and column, pixel centres are whole numbers; points_mm: "
        "patient coordinates, as coordinates_mm says; polygons are closed; a pixel is inside if it "
        "lies in an odd number of its region's polygons",
        "slices": [
            {"slice": number, "regions": _by_region(one, scheme, partial(_to_mm, case, number))}
            for number, one in enumerate(regions)
        ],
    }


def _grid(case: Case) -> dict[str, Any]:
    """How slices, rows and columns, and millimetres, are counted; empty for what has neither."""
    if case.kind == "DICOM":
        return {"coordinates_mm": "LPS (left, posterior, superior)"}
    if case.kind != "NIfTI":
        return {}
    volume: "NiftiVolume" = case.source
    arrangement = {
        "axes": list(volume.arrangement.axes),
        "flipped": list(volume.arrangement.flipped),
        "arrangement": "slices, rows and columns are counted along these axes of the volume's "
        "array, from 0, and where flipped is true from the last voxel backwards",
    }
    known = {} if volume.affine is None else {"coordinates_mm": "RAS (right, anterior, superior)"}
    return arrangement | known


def _to_mm(
    case: Case, at: int, points: Float[np.ndarray, "point 2"]
) -> Float[np.ndarray, "point 3"] | None:
    """Points of a slice in the patient; none where that is not known."""
    if case.kind == "NIfTI":
        volume: "NiftiVolume" = case.source
        return volume.to_mm(at, points)
    plane = case.source.plane(at) if case.kind == "DICOM" else None
    return None if plane is None else plane.to_mm(points)


def _by_region(
    regions: UInt8[np.ndarray, "y x"], scheme: RegionScheme, to_mm: ToMm
) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [_polygon(points, to_mm) for points in outlines(regions == place)]
        for place, name in enumerate(scheme.names)
        if place > 0
    }


def _polygon(points: Float[np.ndarray, "point 2"], to_mm: ToMm) -> dict[str, Any]:
    found, points_mm = {"points_yx_px": points.round(3).tolist()}, to_mm(points)
    return found if points_mm is None else found | {"points_mm": points_mm.round(3).tolist()}


def overlay(
    image: Shaped[np.ndarray, "y x"],
    regions: UInt8[np.ndarray, "y x"],
    count: int,
    doubt: Float32[np.ndarray, "y x"] | None = None,
) -> UInt8[np.ndarray, "big_y big_x 3"]:
    """The image in grey with the outlines in colours, enlarged where it is small.

    Args:
        count: regions of the scheme; the first one is not drawn.
        doubt: the chance that each pixel is wrong; the higher, the redder it is.
    """
    low, high = np.percentile(image, (1, 99))
    grey = np.clip((image - low) / max(high - low, 1) * 255, 0, 255).astype(np.uint8)
    times = max(1, -(-_SMALLEST_PICTURE_PX // max(image.shape)))
    large = np.repeat(grey, times, 0).repeat(times, 1)
    picture = np.stack([large] * 3, -1)
    if doubt is not None:
        share = np.clip(1.2 * doubt, 0, 0.6).repeat(times, 0).repeat(times, 1)[:, :, None]
        picture = np.rint(picture * (1 - share) + share * _WARNING).astype(np.uint8)
    for region in range(1, count):
        mask = (regions == region).repeat(times, 0).repeat(times, 1)
        picture[_rim(mask)] = _COLOURS[(region - 1) % len(_COLOURS)]
    return picture


def _rim(mask: Bool[np.ndarray, "y x"]) -> Bool[np.ndarray, "y x"]:
    """Pixels of a mask with a neighbour outside of it; the image's edge is outside."""
    padded = np.pad(mask, 1)
    inner = np.logical_and.reduce([*_neighbours(padded)])
    return mask & ~inner


def _neighbours(padded: Bool[np.ndarray, "y x"]) -> Iterator[Bool[np.ndarray, "h w"]]:
    yield padded[:-2, 1:-1]
    yield padded[2:, 1:-1]
    yield padded[1:-1, :-2]
    yield padded[1:-1, 2:]
