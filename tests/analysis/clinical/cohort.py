"""A small cohort whose clinical measures are known, and a study on it without training."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage
from tests.toy import DIVERGED, Toy, toy_study

from myosweep.data.store import Dataset, new_dataset, open_dataset
from myosweep.regions import NO_REGION, RegionScheme, named_scheme

FIVE, THREE = named_scheme("five"), named_scheme("three")
SPACING_MM, SLICES_MM = 2.0, 10.0
VOXEL_G = SPACING_MM * SPACING_MM * SLICES_MM / 1000 * 1.05
SIDE = 40
LEVELS = ("base", "middle", "apex")
WITHOUT_INFARCT = 3
"""Of every four patients, the last has no infarct."""


def cohort(
    folder: Path,
    patients: int = 20,
    scheme: RegionScheme = FIVE,
    *,
    levels: bool = True,
    stretch: float = 1.0,
    blank: int = 0,
    scarred: bool = True,
    **row: Any,
) -> Dataset:
    """Round hearts with infarcts on the right, of several sizes, every second with no-reflow.

    Args:
        stretch: how much longer hearts are along rows; only then are they not round.
        blank: so many of the first patients have no label.
        scarred: False for hearts without any infarct.
    """
    known = {"spacing_mm": SPACING_MM, "slice_spacing_mm": SLICES_MM, **row}
    kinds = np.dtype(np.uint8), np.dtype(np.uint8)
    with new_dataset(folder, *kinds, scheme, {"kind": "toy"}) as draft:
        for patient in range(patients):
            for number, level in enumerate(LEVELS):
                kind = patient if scarred else WITHOUT_INFARCT
                labels = heart(kind, stretch) * np.uint8(patient >= blank)
                rng = np.random.default_rng(10 * patient + number)
                image = np.choose(labels, [90, 200, 60, 190, 50]) + rng.normal(0, 6, labels.shape)
                name = f"P{patient:02d}"
                draft.append(
                    image.clip(0, 255).astype(np.uint8),
                    labels,
                    slice=f"{name}_{number:03d}",
                    patient=name,
                    level=level if levels else None,
                    **known,
                )
    return open_dataset(folder)


def heart(patient: int, stretch: float = 1.0) -> np.ndarray:
    """The codes of any slice of a patient."""
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    x = x / stretch
    radius, angle = np.hypot(y, x), np.abs(np.arctan2(-y, x))
    outer = 13 + patient % 3
    labels = np.where(radius < outer, 2, 0)
    if patient % 4 != WITHOUT_INFARCT:
        scar = (labels == 2) & (angle < 0.3 + 0.05 * patient)
        labels[scar] = 3
        if patient % 2:
            labels[scar & (angle < 0.15)] = 4
    labels[radius < 9] = 1
    return labels.astype(np.uint8)


def grown(reference: np.ndarray, steps: int) -> np.ndarray:
    """A network that marks infarct too large by some pixels; in patients without any, it marks the
    wall's top from 2 steps on."""
    if steps == DIVERGED:
        return np.full_like(reference, NO_REGION)
    found = reference.copy()
    for one in found:
        wall = (one >= 2) & (one != NO_REGION)
        scar = (one >= 3) & wall
        larger = ndimage.binary_dilation(scar, iterations=steps) & wall if steps else scar
        if steps >= 2 and not scar.any():
            larger = wall & (np.arange(SIDE)[:, None] < SIDE // 2 - 9)
        one[larger & ~scar] = 3
    return found


def thicker(reference: np.ndarray, steps: int) -> np.ndarray:
    """A network of three regions whose epicardium lies some pixels too far outside."""
    found = reference.copy()
    for one in found:
        ring = ndimage.binary_dilation(one > 0, iterations=steps) if steps else one > 0
        one[ring & (one == 0)] = 2
    return found


def clinical_study(folder: Path, shifts: dict[Any, Any] | None = None, **config: Any) -> Toy:
    """A five-region study: exact networks, and networks whose infarct is too large."""
    shifts = shifts or {(5e-3,): (1, 1, 2), (5e-4,): (0, 0, 0), (5e-5,): (0, 0, 0)}
    data = config.pop("data", None) or cohort(folder / "data")
    settings = {"data": data, "scheme": FIVE, "answer": grown, "baselines": False, **config}
    if "replicates" not in config:  # folds divide patients by themselves
        settings["split"] = {"by": "patient", "fractions": [0.3, 0.2, 0.5]}
    question = {"region": settings["scheme"].names[2], "reference": 5e-4}
    return toy_study(folder, shifts, question=question, **settings)
