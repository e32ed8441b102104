"""Which stack of its patient a slice comes from, and its number there.

A stack is what was acquired at once: a NIfTI volume, a DICOM series, a stack of a Segment file. A
patient may have several (two visits, end-diastole and end-systole, magnitude and phase), and slices
that nobody drew on may have been left out of one. Who adds up slices must know both.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Int64

from myosweep.data.store import Dataset

_FILE_OF_STACK = {"NIfTI": "image_file_hash", "Segment": "mask_file_hash"}
"""Which file holds exactly one stack, by the kind of a dataset's source."""


def stack_numbers(dataset: Dataset) -> Int64[np.ndarray, " slice"]:
    """The number of each slice's stack within its patient, from 1; 0 where nobody knows it.

    In datasets of older versions a stack is told by its file, where files hold one stack each.
    """
    table = dataset.slices
    if "stack" in table:
        return table["stack"].fillna(0).to_numpy(np.int64)
    file = _FILE_OF_STACK.get(dataset.manifest.source.get("kind", ""))
    if file is None or file not in table:
        return np.zeros(len(table), np.int64)
    numbered = table.groupby("patient", sort=False)[file].transform(_in_order)
    return numbered.to_numpy(np.int64)


def _in_order(files: pd.Series) -> np.ndarray:
    """1 for the first file, 2 for the second, ...; 0 where none is known."""
    return pd.factorize(files)[0] + 1


def keeps_places(dataset: Dataset) -> bool:
    """False if slices may have been left out between others, and nobody has noted where."""
    leaves_out = dataset.manifest.source.get("kind") in ("DICOM", "Segment")
    return "place" in dataset.slices or not leaves_out


def has_gaps(places: Sequence[int]) -> bool:
    """Whether numbers are missing between those of a stack's slices.

    >>> has_gaps([2, 3, 4]), has_gaps([1, 2, 5])
    (False, True)
    """
    return max(places) - min(places) + 1 > len(set(places))
