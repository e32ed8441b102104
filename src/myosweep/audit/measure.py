"""What is measured on each slice: grey values, areas, places and shapes of its regions."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Shaped, UInt8
from scipy import ndimage

from myosweep.audit.greys import is_constant, percentiles
from myosweep.audit.records import Progress
from myosweep.audit.structures import Structures, belongs
from myosweep.data.source_stacks import stack_numbers
from myosweep.data.store import Dataset
from myosweep.metrics.shape import axis_ratio
from myosweep.regions import NO_REGION

CHUNK = 64
"""Slices read at once: enough to read quickly, few enough for slices of any size."""
SPECK_PX = 10
"""Pieces and holes below this many pixels are specks, as a brush or a resampling leaves them."""
_GREYS = ("p01", "p25", "p50", "p75", "p99")
_PERCENTILES = (1.0, 25.0, 50.0, 75.0, 99.0)
_EVERYWHERE = np.ones((3, 3), int)
"""Pixels that touch at a corner belong to one piece."""
_SIDES = (
    (slice(1, None), slice(None), slice(None, -1), slice(None)),
    (slice(None, -1), slice(None), slice(1, None), slice(None)),
    (slice(None), slice(1, None), slice(None), slice(None, -1)),
    (slice(None), slice(None, -1), slice(None), slice(1, None)),
)
"""Each pixel beside its neighbour: two slices for the pixel, two for the neighbour."""
_Box = tuple[int, int, int, int]


def measure_slices(
    dataset: Dataset, structures: Structures, progress: Progress | None = None
) -> pd.DataFrame:
    """Measure every slice, a few at a time.

    Returns:
        One row per slice in the dataset's order: ``slice``, ``patient``, ``stack`` (see
        ``source_stacks``), ``position`` (0, 1, ... in its stack) and ``of`` (slices of the stack);
        percentiles ``p01`` to ``p99`` of the grey values without padding (NaN if all is padding)
        and ``constant``; ``area_px`` of the ventricle, ``pool_px``, ``myocardium_px`` (NaN if not
        known), ``area_px: NAME`` of each region; ``centroid_y``, ``centroid_x`` and ``axis_ratio``
        of the filled ventricle (NaN if empty); ``pieces`` (large ones) and ``specks`` of pool and
        of myocardium beyond the first, ``hole_px``, ``open_share`` (of the pool's outline that lies
        against the background), ``border`` (touches the edge of the image); ``overlap`` (mean Dice
        of the ventricle with that of the neighbouring slices).
    """
    patients = dataset.slices["patient"].astype(str).to_numpy(str)
    stacks = stack_numbers(dataset)
    follows = np.append(False, (patients[1:] == patients[:-1]) & (stacks[1:] == stacks[:-1]))
    rows, overlaps = [], np.full(len(dataset), np.nan)
    before = np.zeros(dataset.images.shape[1:], bool)
    for number, (image, regions, padding) in enumerate(_slices(dataset)):
        ventricle = belongs(regions, structures.ventricle)
        if follows[number]:
            overlaps[number] = _overlap(before, ventricle)
        before = ventricle
        row = _grey_row(image, padding)
        row |= {
            f"area_px: {name}": float(area)
            for name, area in zip(structures.names, _areas(regions, structures), strict=True)
        }
        rows.append(row | _mask_row(regions, ~padding, structures))
        if progress:
            progress(number + 1, len(dataset))
    table = pd.DataFrame(rows)
    table.insert(0, "slice", dataset.slices["slice"].astype(str).to_numpy(str))
    table.insert(1, "patient", patients)
    table.insert(2, "stack", stacks)
    groups = table.groupby(["patient", "stack"], sort=False)["slice"]
    table.insert(3, "position", groups.cumcount())
    table.insert(4, "of", groups.transform("size").astype(int))
    table["overlap"] = _mean_of_both(overlaps)
    return table


def _slices(dataset: Dataset) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    scheme = dataset.scheme
    for start in range(0, len(dataset), CHUNK):
        rows = slice(start, start + CHUNK)
        yield from zip(
            np.asarray(dataset.images[rows]),
            dataset.reference(scheme, rows),
            dataset.padding(rows),
            strict=True,
        )


def _grey_row(image: Shaped[np.ndarray, "y x"], padding: Bool[np.ndarray, "y x"]) -> dict[str, Any]:
    valid = image[~padding]
    if not valid.size:
        return {**dict.fromkeys(_GREYS, np.nan), "constant": True}
    levels = percentiles(valid, _PERCENTILES).tolist()
    return {**dict(zip(_GREYS, levels, strict=True)), "constant": is_constant(valid)}


def _areas(regions: UInt8[np.ndarray, "y x"], structures: Structures) -> np.ndarray:
    return np.bincount(regions.ravel(), minlength=NO_REGION + 1)[: len(structures.names)]


def _mask_row(
    regions: UInt8[np.ndarray, "y x"], valid: Bool[np.ndarray, "y x"], structures: Structures
) -> dict[str, Any]:
    """Places and shapes; all that is not known is NaN."""
    box = _box(regions != 0)
    inside = _cut(np.ones(regions.shape, bool), box)
    regions, valid = _cut(regions, box), _cut(valid, box)
    ventricle = belongs(regions, structures.ventricle)
    row: dict[str, Any] = {
        "area_px": float(ventricle.sum()), "pool_px": np.nan, "myocardium_px": np.nan,
        "centroid_y": np.nan, "centroid_x": np.nan, "axis_ratio": np.nan, "pieces": 0,
        "specks": 0, "hole_px": 0, "open_share": np.nan, "border": _at_border(ventricle, valid),
    }  # fmt: skip
    parts = [ventricle]
    if structures.complete:
        pool = regions == structures.pool
        myocardium = belongs(regions, structures.myocardium)
        parts = [pool, myocardium]
        row["pool_px"], row["myocardium_px"] = float(pool.sum()), float(myocardium.sum())
        row["open_share"] = _open_share(pool, regions == 0, inside)
    for sizes in (_piece_sizes(part) for part in parts if part.any()):
        row["pieces"] += int((sizes[1:] >= SPECK_PX).sum())
        row["specks"] += int((sizes[1:] < SPECK_PX).sum())
    if ventricle.any():
        row |= _shape_row(ventricle, box)
    return row


def _shape_row(ventricle: Bool[np.ndarray, "y x"], box: _Box) -> dict[str, Any]:
    """Holes, and place and shape of the filled ventricle."""
    outside, _ = ndimage.label(~ventricle)
    filled = outside != outside[0, 0]
    y, x = np.nonzero(filled)
    return {
        "hole_px": int(filled.sum()) - int(ventricle.sum()),
        "centroid_y": float(y.mean()) + box[0] - 1,
        "centroid_x": float(x.mean()) + box[2] - 1,
        "axis_ratio": axis_ratio(filled),
    }


def _box(mask: Bool[np.ndarray, "y x"]) -> _Box:
    """First row, row after the last, first column, column after the last; 0 for an empty mask."""
    found = [np.flatnonzero(mask.any(axis)) for axis in (1, 0)]
    top, bottom, left, right = (
        int(number) for one in found for number in ((one[0], one[-1] + 1) if len(one) else (0, 0))
    )
    return top, bottom, left, right


def _cut(image: Shaped[np.ndarray, "y x"], box: _Box) -> Shaped[np.ndarray, "h w"]:
    """The part of an image in a box and one pixel around it, 0 beyond the image's edge.

    Shapes are quick to measure there, in large images, too.
    """
    top, bottom, left, right = box
    cut = np.zeros((bottom - top + 2, right - left + 2), image.dtype)
    above, before = min(top, 1), min(left, 1)
    part = image[top - above : bottom + 1, left - before : right + 1]
    cut[1 - above : 1 - above + len(part), 1 - before : 1 - before + part.shape[1]] = part
    return cut


def _piece_sizes(mask: Bool[np.ndarray, "y x"]) -> np.ndarray:
    """Pixels of each connected piece, largest first."""
    pieces, _ = ndimage.label(mask, _EVERYWHERE)
    return np.sort(np.bincount(pieces.ravel())[1:])[::-1]


def _open_share(
    pool: Bool[np.ndarray, "y x"],
    background: Bool[np.ndarray, "y x"],
    inside: Bool[np.ndarray, "y x"],
) -> float:
    """Share of the pool's pixel sides towards other regions that lie against the background."""
    sides = leaking = 0
    for y, x, beside_y, beside_x in _SIDES:
        edge = pool[y, x] & ~pool[beside_y, beside_x] & inside[beside_y, beside_x]
        sides += int(edge.sum())
        leaking += int((edge & background[beside_y, beside_x]).sum())
    return leaking / sides if sides else float("nan")


def _at_border(ventricle: Bool[np.ndarray, "y x"], valid: Bool[np.ndarray, "y x"]) -> bool:
    """Whether the ventricle touches the edge of the image, or the padding around it.

    Both arrays reach one pixel further than the ventricle; nothing is valid beyond the image.
    """
    inner = np.ones_like(valid)
    for y, x, beside_y, beside_x in _SIDES:
        inner[y, x] &= valid[beside_y, beside_x]
    return bool((ventricle & ~inner).any())


def _overlap(one: Bool[np.ndarray, "y x"], other: Bool[np.ndarray, "y x"]) -> float:
    """Dice of two masks; NaN if one of them is empty."""
    if not (one.any() and other.any()):
        return float("nan")
    return 2 * int((one & other).sum()) / (int(one.sum()) + int(other.sum()))


def _mean_of_both(with_the_one_before: np.ndarray) -> np.ndarray:
    """Mean overlap with both neighbours, with one where there is one, NaN where there is none."""
    both = np.stack([with_the_one_before, np.append(with_the_one_before[1:], np.nan)])
    known = np.isfinite(both)
    total, terms = np.where(known, both, 0).sum(0), known.sum(0)
    return np.divide(total, terms, out=np.full(len(total), np.nan), where=terms > 0)
