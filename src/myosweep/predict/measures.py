"""Volumes and masses of predicted hearts: pixels are counted case by case, measured at the end.

As with scores, counts are written with each case, so a prediction that was stopped continues; what
the regions mean is asked at the end, and may be said anew.
"""

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from myosweep.analysis.number_words import counted
from myosweep.data.names import natural_key
from myosweep.data.resample import is_plausible
from myosweep.errors import InputError, StudyError
from myosweep.files import read_json, whole_file
from myosweep.metrics.clinical import UNKNOWN, Amount, Amounts, Parts, Spacing, amounts_row
from myosweep.predict.cases import Case

MEASURES = "measures.csv"
_FORMAT = 1
_LEAST_BETWEEN_MM, _MOST_BETWEEN_MM = 0.1, 50.0
"""Distances of slices that can be true; others count as not known."""
Counts = Int64[np.ndarray, "slice region"]
"""Pixels of each region on each slice."""


@dataclass(frozen=True)
class HeartAmounts:
    """What was measured of one heart.

    Attributes:
        slices: that were predicted; those with myocardium are ``amounts.slices``.
        two_spacings: whether a header contradicts itself.
        lost: pictures of the patient that could not be predicted.
    """

    heart: str
    slices: int
    spacing: Spacing
    amounts: Amounts
    two_spacings: bool = False
    lost: int = 0


def amounts_record(case: Case, names: Sequence[str], pixels: Counts) -> bytes:
    """What is kept of a case: pixels of every region on every slice, and their distances."""
    between = case.slice_spacing_mm
    in_plane: tuple[float | None, float | None] = case.spacing_yx_mm or (None, None)
    if not all(side is not None and is_plausible(side) for side in in_plane):
        in_plane = None, None
    if between is not None and not _LEAST_BETWEEN_MM <= between <= _MOST_BETWEEN_MM:
        between = None
    record = {
        "format": _FORMAT,
        "stack": case.stack,
        "regions": list(names),
        "pixels": pixels.tolist(),
        "spacing_mm": [between, *in_plane],
        "two_spacings": getattr(case.source, "doubtful_spacing", None) is not None,
    }
    return json.dumps(record, allow_nan=False).encode()


def measure_hearts(
    files: Iterable[tuple[str, Path]], parts: Parts, lost: Mapping[str, int]
) -> list[HeartAmounts]:
    """Amounts of each heart, in the order of their names; pictures of one patient are one heart.

    Args:
        files: the name and the file of counts of each case; one is read at a time.
        parts: which region is which structure.
        lost: how many pictures of a patient could not be predicted.

    Raises:
        StudyError: if a file is damaged.
    """
    pixels: dict[tuple[str, bool], list[Counts]] = {}
    spacings: dict[tuple[str, bool], set[Spacing]] = {}
    doubtful = set()
    for name, path in files:
        stack, counts, spacing, two_spacings = _read(path)
        heart = stack or name, stack is None
        doubtful |= {heart} if two_spacings else set()
        pixels.setdefault(heart, []).append(counts)
        spacings.setdefault(heart, set()).add(spacing)
    found = []
    for heart in sorted(pixels, key=lambda one: natural_key(one[0])):
        spacing = spacings[heart].pop() if len(spacings[heart]) == 1 else UNKNOWN
        counts = np.concatenate(pixels[heart])
        measured = _amounts(counts, parts, spacing)
        found.append(
            HeartAmounts(
                heart[0],
                len(counts),
                spacing,
                measured,
                heart in doubtful,
                0 if heart[1] else lost.get(heart[0], 0),
            )
        )
    return found


def _amounts(pixels: Counts, parts: Parts, spacing: Spacing) -> Amounts:
    """As of a ``Ventricle``: infarct includes no-reflow, and myocardium both."""

    def amount(regions: tuple[int, ...]) -> Amount:
        count = int(pixels[:, regions].sum())
        return Amount(count, count * spacing.voxel_ml)

    infarct = (*parts.infarct, *parts.no_reflow)
    wall = (*parts.myocardium, *infarct)
    return Amounts(
        amount(parts.cavity),
        amount(wall),
        amount(infarct) if parts.infarct else None,
        amount(parts.no_reflow) if parts.no_reflow else None,
        int(pixels[:, wall].any(1).sum()),
    )


def _read(path: Path) -> tuple[str | None, Counts, Spacing, bool]:
    try:
        record = read_json(path)
        between, y, x = record["spacing_mm"]
        pixels = np.array(record["pixels"], np.int64)
        if pixels.shape[1:] != (len(record["regions"]),):
            raise ValueError
        two_spacings = record.get("two_spacings", False) is True
        return record["stack"], pixels, Spacing(y, x, between), two_spacings
    except (OSError, ValueError, KeyError, TypeError, RecursionError, InputError):
        raise StudyError(
            f"the counts {path.name!r} are damaged; remove that file and predict again"
        ) from None


def write_measures(hearts: Sequence[HeartAmounts], out: Path) -> None:
    """Write ``measures.csv``: a row for each heart; nothing without hearts.

    Cells are empty where a measure is not known: without spacing there are pixels and per cent.
    """
    if not hearts:
        return
    rows = [_row(one) for one in hearts]
    with whole_file(out / MEASURES) as draft, draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _row(one: HeartAmounts) -> dict[str, object]:
    measured: dict[str, object] = {
        name: "" if math.isnan(value) else value if name.endswith("_px") else f"{value:.2f}"
        for name, value in amounts_row(one.amounts).items()
    }
    return {
        "heart": one.heart,
        "slices": one.slices,
        "slices_with_myocardium": one.amounts.slices,
        **measured,
        "words": _words(one),
    }


def _words(one: HeartAmounts) -> str:
    if one.lost:
        return f"{counted(one.lost, 'picture')} of it could not be predicted: all is too small"
    if one.amounts.myocardium.pixels == 0:
        return "no myocardium found"
    if not one.spacing.in_plane_known:
        return "pixel spacing not known: no ml and no g"
    if not one.spacing.volume_known:
        return "distance of slices not known: no ml and no g"
    if one.two_spacings:
        return "one spacing in pixdim and another in the affine; pixdim was taken"
    return ""
