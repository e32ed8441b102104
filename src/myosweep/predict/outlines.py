"""Outlines of regions as polygons: as JSON, and drawn over the image."""

from collections.abc import Iterator, Sequence
from typing import Any

import contourpy
import numpy as np
from jaxtyping import Bool, Float, Float32, Shaped, UInt8

from myosweep.data.dicom.geometry import Plane
from myosweep.regions import RegionScheme

FORMAT = 1
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
    regions: UInt8[np.ndarray, "slice y x"],
    scheme: RegionScheme,
    spacing_yx_mm: tuple[float, float] | None,
    planes: Sequence[Plane | None],
) -> dict[str, Any]:
    """All outlines of a case as JSON holds them; nothing in it tells whose they are.

    Args:
        planes: where each slice lies in the patient; with it points are in mm as well (LPS).
    """
    return {
        "format": FORMAT,
        "height_px": regions.shape[1],
        "width_px": regions.shape[2],
        "spacing_yx_mm": spacing_yx_mm and list(spacing_yx_mm),
        "points": "points_yx_px: row and column, pixel centres are whole numbers; points_mm: "
        "patient coordinates of DICOM (left, posterior, superior); polygons are closed; a pixel is "
        "inside if it lies in an odd number of its region's polygons",
        "slices": [
            {"slice": number, "regions": _by_region(one, scheme, plane)}
            for number, (one, plane) in enumerate(zip(regions, planes, strict=True))
        ],
    }


def _by_region(
    regions: UInt8[np.ndarray, "y x"], scheme: RegionScheme, plane: Plane | None
) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [_polygon(points, plane) for points in outlines(regions == place)]
        for place, name in enumerate(scheme.names)
        if place > 0
    }


def _polygon(points: Float[np.ndarray, "point 2"], plane: Plane | None) -> dict[str, Any]:
    found = {"points_yx_px": points.round(3).tolist()}
    return found if plane is None else found | {"points_mm": plane.to_mm(points).round(3).tolist()}


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
