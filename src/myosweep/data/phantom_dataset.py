"""A dataset of synthetic LGE slices, for trying myosweep out and for tests."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from myosweep.data.phantom import REGIONS, phantom_patient
from myosweep.data.store import (
    DESCRIPTION_COLUMNS,
    Dataset,
    new_dataset,
    open_dataset,
    refuse_taken,
)
from myosweep.errors import DatasetError


def make_phantom(
    out: Path | str,
    *,
    patients: int,
    seed: int = 0,
    size: int = 128,
    progress: Callable[[int, int], None] | None = None,
) -> Dataset:
    """Make a dataset of phantom patients; infarct and no-reflow keep codes of their own.

    Args:
        out: the dataset folder to make.
        patients: how many; patient k is the same however many are made.
        seed: another seed gives other patients.
        size: side of a slice, pixels.
        progress: called with patients done and patients in all.

    Raises:
        DatasetError: if ``patients`` is below 1, ``size`` or ``seed`` too small, or ``out`` in use.
    """
    if patients < 1:
        raise DatasetError(f"a phantom dataset needs at least 1 patient, got {patients}")
    out = Path(out)
    refuse_taken(out)
    slices = []
    for number in range(1, patients + 1):
        slices += phantom_patient(seed, number, size)
        if progress:
            progress(number, patients)
    source = {"kind": "phantom", "patients": patients, "seed": seed}
    types = np.dtype(np.uint16), np.dtype(np.uint8)
    with new_dataset(out, *types, REGIONS, source) as draft:
        for one in slices:
            row = {name: getattr(one, name) for name in _ROW}
            draft.append(one.image, one.labels, slice=f"{one.patient}_{one.slice}", **row)
    return open_dataset(out)


_ROW = ("patient", *DESCRIPTION_COLUMNS)
