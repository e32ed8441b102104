"""Writing what a run found: its COUNTS rows and its predicted masks."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import UInt8
from pandas.api.types import is_numeric_dtype

from myosweep.files import whole_file
from myosweep.results.layout import RunFolder


def write_scores(
    folder: RunFolder,
    counts: pd.DataFrame,
    slice_keys: Sequence[str],
    masks: UInt8[np.ndarray, "slice y x"],
) -> None:
    """Write COUNTS rows, and the predicted region map of each named slice."""
    texts = [name for name in counts if not is_numeric_dtype(counts[name])]
    with whole_file(folder.counts) as draft:  # small to read: without what nobody looks up in it
        counts.to_parquet(
            draft, index=False, compression="zstd", use_dictionary=texts, write_statistics=False
        )
    with whole_file(folder.masks) as draft:
        np.savez_compressed(draft, slices=np.array(slice_keys, dtype=str), masks=masks)
