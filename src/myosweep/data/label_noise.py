"""Errors of readers, put into region maps on purpose, to see what they do to training.

Every error is drawn from (seed, position of the slice), so it stays the same over the epochs and is
the same for all values of a sweep. What lies around the heart is the region that is most frequent
along the edges of the images.
"""

from collections.abc import Callable

import contourpy
import numpy as np
from contourpy import LineType
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage

from myosweep.config import Labels
from myosweep.data.polygon import polygon_mask
from myosweep.randomness import stream
from myosweep.regions import NO_REGION

RegionMaps = UInt8[np.ndarray, "slice y x"]

_GRAIN_PX = 8.0
"""Standard deviation of the Gaussian that makes contours waver smoothly."""


def spoil_labels(
    references: RegionMaps, patients: np.ndarray, rows: np.ndarray, labels: Labels, seed: int
) -> RegionMaps:
    """Region maps with the errors that ``labels`` asks for; the originals stay as they are.

    Args:
        references: region maps of the training part.
        patients: the patient of each slice.
        rows: the position of each slice in the dataset, where its errors are drawn from.
        seed: the run's.

    Pixels that no region covers (``NO_REGION``) keep that, and errors do not spread into them.
    Strength 0 and no slices give the same maps.
    """
    if labels.noise == "none" or labels.strength == 0 or not len(references):
        return references.copy()
    around = _most_frequent_at_edges(references)
    maps = _with_surroundings_0(references, around)
    if labels.noise in ("dropped", "swapped"):
        act = _drop if labels.noise == "dropped" else _swap
        spoilt = act(maps, patients, labels.strength, seed)
    else:
        change = _SLICE_WISE[labels.noise]
        streams = (stream(seed, "label noise", int(row)) for row in rows)
        changed = [
            change(one, labels.strength, rng) for one, rng in zip(maps, streams, strict=True)
        ]
        spoilt = np.stack(changed)
    spoilt = _with_surroundings_0(spoilt, around)
    return np.where(references == NO_REGION, NO_REGION, spoilt).astype(np.uint8)


def _most_frequent_at_edges(references: RegionMaps) -> int:
    edges = (references[:, 0], references[:, -1], references[:, :, 0], references[:, :, -1])
    seen = np.concatenate([edge.ravel() for edge in edges])
    return int(np.bincount(seen[seen != NO_REGION], minlength=1).argmax())


def _with_surroundings_0(maps: RegionMaps, around: int) -> RegionMaps:
    """Region ``around`` becomes 0 and 0 becomes it; unlabelled pixels belong to it, too.

    So no contour runs around unlabelled pixels. Done twice, regions have their numbers again.
    """
    other = np.arange(256, dtype=np.uint8)
    other[[0, around]], other[NO_REGION] = (around, 0), 0
    return other[maps]


def _jitter(regions: np.ndarray, strength_px: float, rng: np.random.Generator) -> np.ndarray:
    """All contours moved by a smooth random field with this root mean square along each axis."""
    shape = regions.shape
    field = np.stack([_smooth_noise(rng, shape) for _ in range(2)])
    places = np.indices(shape) + strength_px * field
    return ndimage.map_coordinates(regions, places, order=0, mode="nearest")


def _smooth_noise(rng: np.random.Generator, shape: tuple[int, ...]) -> Float[np.ndarray, "y x"]:
    """Gaussian noise with mean 0 and standard deviation 1, smooth over ``_GRAIN_PX``."""
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), _GRAIN_PX, mode="wrap")
    return noise * (2 * np.sqrt(np.pi) * _GRAIN_PX)


def _dilate(regions: np.ndarray, strength_px: float, rng: np.random.Generator) -> np.ndarray:
    """The heart's outer contour moved outward; new pixels belong to the nearest region."""
    if not (heart := regions > 0).any():
        return regions
    distance, nearest = ndimage.distance_transform_edt(~heart, return_indices=True)
    return np.where(distance <= strength_px, regions[tuple(nearest)], regions)


def _erode(regions: np.ndarray, strength_px: float, rng: np.random.Generator) -> np.ndarray:
    """The heart's outer contour moved inward, not that around a cavity within."""
    outside = ~ndimage.binary_fill_holes(regions > 0)
    if not outside.any():
        return regions
    return np.where(ndimage.distance_transform_edt(~outside) <= strength_px, 0, regions)


def _polygons(regions: np.ndarray, strength_px: float, rng: np.random.Generator) -> np.ndarray:
    """Every outline with a corner every so many pixels; regions painted from large to small."""
    outlines = [
        (region, outline)
        for region in np.unique(regions[regions > 0]).tolist()
        for outline in _outlines(ndimage.binary_fill_holes(regions == region))
    ]
    painted = np.zeros_like(regions)
    for region, outline in sorted(outlines, key=lambda one: -_area(one[1])):
        painted[_coarse(outline, strength_px, regions.shape)] = region
    return painted


def _outlines(mask: Bool[np.ndarray, "y x"]) -> list[np.ndarray]:
    """Closed lines (point, x and y) half-way between inside and outside, one per part."""
    padded = np.pad(mask.astype(float), 1)
    lines = contourpy.contour_generator(z=padded, line_type=LineType.Separate).lines(0.5)
    return [np.asarray(line) - 1 for line in lines]


def _area(outline: np.ndarray) -> float:
    x, y = outline.T
    return float(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2)


def _coarse(
    outline: np.ndarray, spacing_px: float, shape: tuple[int, int]
) -> Bool[np.ndarray, "y x"]:
    """The inside of a polygon whose corners lie on an outline, at least three of them."""
    steps = np.hypot(*np.diff(outline, axis=0).T)
    travelled = np.concatenate([[0.0], np.cumsum(steps)])
    corners = max(3, round(travelled[-1] / spacing_px))
    wanted = np.arange(corners) * travelled[-1] / corners
    x, y = (np.interp(wanted, travelled, axis) for axis in outline.T)
    return polygon_mask(y, x, *shape)


def _drop(references: RegionMaps, patients: np.ndarray, share: float, seed: int) -> RegionMaps:
    """Nothing is drawn on a share of the slices (rounded)."""
    count = min(round(share * len(references)), len(references))
    chosen = stream(seed, "label noise", 0).permutation(len(references))[:count]
    spoilt = references.copy()
    spoilt[chosen] = 0
    return spoilt


def _swap(references: RegionMaps, patients: np.ndarray, share: float, seed: int) -> RegionMaps:
    """A share of the patients (rounded to pairs) have each other's masks, level by level."""
    names = np.unique(patients)
    pairs = min(round(share * len(names) / 2), len(names) // 2)
    order = stream(seed, "label noise", 0).permutation(len(names))[: 2 * pairs]
    spoilt = references.copy()
    for one, other in names[order].reshape(-1, 2):
        here, there = np.flatnonzero(patients == one), np.flatnonzero(patients == other)
        spoilt[here] = references[_same_level(there, len(here))]
        spoilt[there] = references[_same_level(here, len(there))]
    return spoilt


def _same_level(slices: np.ndarray, count: int) -> np.ndarray:
    """For each of ``count`` slices, from base to apex, the one at the same share of the way."""
    places = np.linspace(0, len(slices) - 1, count) if count > 1 else [(len(slices) - 1) / 2]
    return slices[np.rint(places).astype(int)]


_SLICE_WISE: dict[str, Callable[[np.ndarray, float, np.random.Generator], np.ndarray]] = {
    "jitter": _jitter,
    "dilation": _dilate,
    "erosion": _erode,
    "polygons": _polygons,
}
