"""Writing what a run found: its COUNTS rows and its predicted masks."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from myosweep.files import whole_file
from myosweep.results.layout import RunFolder


def write_scores(
    folder: RunFolder,
    counts: pd.DataFrame,
    slice_keys: Sequence[str],
    masks: UInt8[np.ndarray, "slice y x"],
) -> None:
    """Write COUNTS rows, and the predicted region map of each named slice."""
    with whole_file(folder.counts) as draft:
        counts.to_parquet(draft, index=False, compression="zstd")
    with whole_file(folder.masks) as draft:
        np.savez_compressed(draft, slices=np.array(slice_keys, dtype=str), masks=masks)
