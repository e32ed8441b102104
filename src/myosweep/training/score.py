"""From predicted region maps to a run's COUNTS rows and masks."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from myosweep.data.store import Dataset
from myosweep.metrics import SliceCounts, count_slices, outline_lengths_px
from myosweep.regions import RegionScheme
from myosweep.results.layout import RunFolder
from myosweep.results.rows import count_rows
from myosweep.results.write import write_scores

RegionMaps = UInt8[np.ndarray, "slice y x"]


def write_run_scores(
    folder: RunFolder,
    dataset: Dataset,
    rows: Mapping[str, np.ndarray],
    scheme: RegionScheme,
    maps: Mapping[str, Iterable[tuple[RegionMaps, RegionMaps]]],
) -> None:
    """Count and write what predictions got right; masks of validation and test part are kept.

    Args:
        rows: per part the positions in the dataset of its slices.
        maps: per part the reference and predicted region maps of these slices, in their order,
            some at a time.
    """
    tables, masks, keys = [], [np.empty((0, *dataset.images.shape[1:]), np.uint8)], []
    for part, chunks in maps.items():
        counts: list[SliceCounts] = []
        outlines = [np.empty((0, len(scheme.regions)))]
        for references, predictions in chunks:
            outlines.append(outline_lengths_px(references, len(scheme.regions)))
            counts.append(count_slices(references, predictions, len(scheme.regions)))
            if part != "training":
                masks.append(predictions)
        slices = dataset.slices.iloc[rows[part]]
        lengths = np.concatenate(outlines).reshape(-1)
        tables.append(count_rows(part, slices, scheme.names, lengths, _joined(counts)))
        keys += [] if part == "training" else slices["slice"].tolist()
    write_scores(folder, pd.concat(tables, ignore_index=True), keys, np.concatenate(masks))


def _joined(counts: list[SliceCounts]) -> dict[str, np.ndarray]:
    columns = [some.columns() for some in counts]
    return {name: np.concatenate([some[name] for some in columns]) for name in columns[0]}
