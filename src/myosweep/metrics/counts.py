"""Counts of one prediction against its reference: all that overlap and boundary scores need.

The scores themselves are pure functions of these counts (``overlap``, ``boundary``), so a table of
counts can be scored again with another tolerance, without the images.

How the counting is fast. A mask row becomes a few 64-bit words: bit ``i`` of word ``w`` is column
``64 w + i``, which is what ``packbits(bitorder="little")`` gives when its bytes are read as
little-endian words. Then one machine instruction handles 64 pixels: the overlap is AND and a count
of set bits, a neighbour in the same row is a shift by one bit (the bit that falls out of a word is
carried into the next), a neighbour in the same column is the next row. "Within distance d of the
other boundary" is the other boundary dilated by a disc. A disc is a stack of horizontal strips, so
each row of the disc is one strip dilation moved up or down, and a disc grows from one distance to
the next by the few strips that became wider. Packed arrays have the axes ``[y, word, mask...]``:
with the masks last, every step runs over long stretches of memory, and sets of slices are counted
in chunks that fit the processor's cache.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from math import isqrt
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Int32, UInt8, UInt64

from myosweep.distances import SQUARED_DISTANCES_PX
from myosweep.errors import InputError
from myosweep.regions import NO_REGION

_WORD_BITS = 64
_WORDS_PER_CHUNK = 1 << 15  # 256 KiB an array: a chunk stays in the cache

PackedMasks: TypeAlias = UInt64[np.ndarray, "y word *mask"]


@dataclass(frozen=True, eq=False)
class SliceCounts:
    """Pixel counts of every slice and region.

    Attributes:
        tp, fp, fn, tn: labelled pixels of the slice; the four add up to all labelled pixels.
        reference_boundary, prediction_boundary: lengths of the boundaries in pixels; 0 if empty.
        reference_hits: reference boundary pixels whose distance to the prediction's boundary is at
            most ``sqrt(d2)``, for each ``d2`` of ``SQUARED_DISTANCES_PX`` (cumulative); 0 if the
            prediction's boundary is empty.
        prediction_hits: the converse.
    """

    tp: Int32[np.ndarray, "slice region"]
    fp: Int32[np.ndarray, "slice region"]
    fn: Int32[np.ndarray, "slice region"]
    tn: Int32[np.ndarray, "slice region"]
    reference_boundary: Int32[np.ndarray, "slice region"]
    prediction_boundary: Int32[np.ndarray, "slice region"]
    reference_hits: Int32[np.ndarray, "slice region distance"]
    prediction_hits: Int32[np.ndarray, "slice region distance"]

    def columns(self) -> dict[str, Int32[np.ndarray, " row"]]:
        """The counts as table columns, one row per slice and region: slice by slice, then region.

        Hits get one column per squared distance: ``reference_hits_0`` ... ``prediction_hits_25``.
        """
        columns: dict[str, np.ndarray] = {}
        for name in _names():
            counts: np.ndarray = getattr(self, name)
            if counts.ndim == 2:
                columns[name] = counts.reshape(-1)
                continue
            for position, squared_px in enumerate(SQUARED_DISTANCES_PX):
                columns[f"{name}_{squared_px}"] = counts[:, :, position].reshape(-1)
        return columns


@dataclass(frozen=True, eq=False)
class BoundaryHits:
    """Boundary lengths and cumulative hits of pairs of masks; 0 where a boundary is empty."""

    reference_boundary: Int32[np.ndarray, "*mask"]
    prediction_boundary: Int32[np.ndarray, "*mask"]
    reference_hits: Int32[np.ndarray, "*mask distance"]
    prediction_hits: Int32[np.ndarray, "*mask distance"]


def count_slices(
    reference: UInt8[np.ndarray, "slice y x"],
    prediction: UInt8[np.ndarray, "slice y x"],
    regions: int,
) -> SliceCounts:
    """Count overlap, boundary lengths and boundary hits of every slice and region.

    The boundary of a region is its pixels with at least one 4-neighbour outside the region; beyond
    the image edge is outside. Pixels without a region in the reference are ignored: they count
    nowhere, and the prediction loses them before its boundaries are drawn. ``NO_REGION`` elsewhere
    in the prediction is "no answer": a missed pixel (fn) of the true region.

    Args:
        reference: region map, values 0 .. regions - 1 or ``NO_REGION``. No slices give no rows.
        prediction: region map of the same shape.
        regions: number of regions, 1 .. 254.

    Raises:
        InputError: if the shapes differ, or a value is neither a region nor ``NO_REGION``.
    """
    check_region_maps(reference, prediction, regions)
    slices, height, width = reference.shape
    words_per_slice = height * _words(width) * regions
    step = max(1, _WORDS_PER_CHUNK // max(1, words_per_slice))
    chunks = [
        _count_chunk(reference[start : start + step], prediction[start : start + step], regions)
        for start in range(0, max(1, slices), step)
    ]
    return SliceCounts(
        **{
            name: np.ascontiguousarray(np.concatenate([getattr(chunk, name) for chunk in chunks]))
            for name in _names()
        }
    )


def boundary_hits(
    reference: Bool[np.ndarray, "mask y x"],
    prediction: Bool[np.ndarray, "mask y x"],
    squared_distances_px: Sequence[int] = SQUARED_DISTANCES_PX,
) -> BoundaryHits:
    """Boundary lengths and cumulative hits of pairs of masks, for any squared distances.

    Memory grows with the largest distance times the size of the masks packed as bits.

    Args:
        squared_distances_px: whole numbers from 0 on, ascending.
    """
    return _boundary_hits(_pack(reference), _pack(prediction), squared_distances_px)


def check_region_maps(
    reference: UInt8[np.ndarray, "..."], prediction: UInt8[np.ndarray, "..."], regions: int
) -> None:
    """Check two region maps before they are counted.

    Raises:
        InputError: with every broken rule, unless both are region maps of one shape.
    """
    problems = []
    if reference.shape != prediction.shape:
        problems.append(
            "reference and prediction have one shape, got "
            f"{reference.shape} and {prediction.shape}; resample the prediction to the reference"
        )
    if not 1 <= regions < NO_REGION:
        problems.append(
            f"there are 1 to {NO_REGION - 1} regions, got {regions}; pass the scheme's number"
        )
    for role, region_map in (("reference", reference), ("prediction", prediction)):
        if problems or not region_map.size:
            continue
        following = region_map + np.uint8(1)  # wraps NO_REGION to 0, so one maximum checks all
        if (highest := int(following.max())) > regions:
            problems.append(
                f"a region map holds 0..{regions - 1} or {NO_REGION}, the {role} holds "
                f"{highest - 1}; make region maps of label codes with RegionScheme.encode"
            )
    if problems:
        raise InputError(problems, "these maps cannot be counted")


def _names() -> list[str]:
    return [field.name for field in fields(SliceCounts)]


def _count_chunk(
    reference: UInt8[np.ndarray, "slice y x"],
    prediction: UInt8[np.ndarray, "slice y x"],
    regions: int,
) -> SliceCounts:
    """``count_slices`` of few slices; packed masks have the axes [y, word, region, slice]."""
    reference_bits = _pack_regions(reference, regions)
    prediction_bits = _pack_regions(prediction, regions)
    prediction_bits &= np.bitwise_or.reduce(reference_bits, axis=2, keepdims=True)
    true, predicted = _popcount(reference_bits), _popcount(prediction_bits)
    tp = _popcount(reference_bits & prediction_bits)
    labelled = true.sum(axis=0, dtype=np.int32)
    hits = _boundary_hits(reference_bits, prediction_bits, SQUARED_DISTANCES_PX)
    return SliceCounts(
        tp=tp.T,
        fp=(predicted - tp).T,
        fn=(true - tp).T,
        tn=(labelled - true - predicted + tp).T,
        reference_boundary=hits.reference_boundary.T,
        prediction_boundary=hits.prediction_boundary.T,
        reference_hits=hits.reference_hits.swapaxes(0, 1),
        prediction_hits=hits.prediction_hits.swapaxes(0, 1),
    )


def _boundary_hits(
    reference: PackedMasks, prediction: PackedMasks, squared_distances_px: Sequence[int]
) -> BoundaryHits:
    reference_boundary, prediction_boundary = _boundary(reference), _boundary(prediction)
    return BoundaryHits(
        reference_boundary=_popcount(reference_boundary),
        prediction_boundary=_popcount(prediction_boundary),
        reference_hits=_hits(reference_boundary, prediction_boundary, squared_distances_px),
        prediction_hits=_hits(prediction_boundary, reference_boundary, squared_distances_px),
    )


def _hits(
    boundary: PackedMasks, other: PackedMasks, squared_distances_px: Sequence[int]
) -> Int32[np.ndarray, "*mask distance"]:
    """Pixels of ``boundary`` within each distance of ``other``, which grows disc by disc."""
    rows, columns = len(other), _WORD_BITS * other.shape[1]
    strips = [other]  # strips[w] is other, dilated by w columns to the left and right
    disc = np.zeros_like(other)
    hits = []
    for widened in _disc_growth(squared_distances_px, rows, columns):
        for dy, half_width in widened:
            while len(strips) <= half_width:
                strips.append(strips[-1] | _to_left(strips[-1]) | _to_right(strips[-1]))
            disc[dy:] |= strips[half_width][: rows - dy]
            if dy:
                disc[: rows - dy] |= strips[half_width][dy:]
        hits.append(_popcount(disc & boundary))
    return np.stack(hits, axis=-1)


def _disc_growth(
    squared_distances_px: Sequence[int], rows: int, columns: int
) -> Iterator[list[tuple[int, int]]]:
    """For each distance the strips ``(dy, half width)`` by which the disc is wider than before.

    Strips longer than the image, or moved out of it, add nothing and are cut off.

    >>> list(_disc_growth((0, 1, 2), rows=9, columns=64))
    [[(0, 0)], [(0, 1), (1, 0)], [(1, 1)]]
    """
    reached: dict[int, int] = {}
    for squared_px in squared_distances_px:
        widened = []
        for dy in range(min(isqrt(squared_px) + 1, rows)):
            half_width = min(isqrt(squared_px - dy * dy), columns)
            if half_width > reached.get(dy, -1):
                reached[dy] = half_width
                widened.append((dy, half_width))
        yield widened


def _words(width: int) -> int:
    return -(-width // _WORD_BITS)


def _pack_regions(
    region_map: UInt8[np.ndarray, "slice y x"], regions: int
) -> UInt64[np.ndarray, "y word region slice"]:
    masks = region_map == np.arange(regions, dtype=np.uint8)[:, None, None, None]
    slices, height, width = region_map.shape
    packed = _pack(masks.reshape(regions * slices, height, width))
    return packed.reshape(height, _words(width), regions, slices)


def _pack(masks: Bool[np.ndarray, "mask y x"]) -> UInt64[np.ndarray, "y word mask"]:
    """Pack rows into words; columns beyond the width are 0, as is all beyond the image."""
    count, height, width = masks.shape
    if spare := -width % _WORD_BITS:
        masks = np.concatenate([masks, np.zeros((count, height, spare), np.bool)], axis=2)
    words = np.packbits(masks.reshape(-1), bitorder="little").view("<u8")
    by_row = words.reshape(count, height, _words(width)).transpose(1, 2, 0)
    return np.ascontiguousarray(by_row, dtype=np.uint64)


def _to_left(bits: PackedMasks) -> PackedMasks:
    """All pixels moved by one column towards x = 0; a 0 comes in on the right."""
    moved: np.ndarray = bits >> 1
    moved[:, :-1] |= bits[:, 1:] << (_WORD_BITS - 1)
    return moved


def _to_right(bits: PackedMasks) -> PackedMasks:
    """All pixels moved by one column away from x = 0; a 0 comes in on the left."""
    moved: np.ndarray = bits << 1
    moved[:, 1:] |= bits[:, :-1] >> (_WORD_BITS - 1)
    return moved


def _boundary(bits: PackedMasks) -> PackedMasks:
    """Pixels with a 4-neighbour outside the mask or beyond the image."""
    inner = _to_left(bits) & _to_right(bits)
    inner[1:] &= bits[:-1]
    inner[:-1] &= bits[1:]
    inner[:1] = inner[-1:] = 0
    boundary: np.ndarray = bits & ~inner
    return boundary


def _popcount(bits: PackedMasks) -> Int32[np.ndarray, "*mask"]:
    """Number of set pixels of each mask."""
    pixels: np.ndarray = np.bitwise_count(bits).sum(axis=(0, 1), dtype=np.int32)
    return pixels
