"""The table of clinical measures as a file for other programs."""

from pathlib import Path

import pandas as pd

from myosweep.analysis.clinical.measure import REFERENCE
from myosweep.analysis.points import points
from myosweep.files import whole_file
from myosweep.results.read import Results


def write_patients_csv(results: Results, table: pd.DataFrame, path: Path) -> None:
    """Write every measure: one row per run and patient, with the run's value and seed.

    The rows of the reference come first, with ``reference`` for run and value.
    """
    value = {run: point.label for point in points(results) for run in point.runs}
    seed = {
        run: seed
        for point in points(results)
        for run, seed in zip(point.runs, point.seeds, strict=True)
    }
    named = table.copy()
    named.insert(1, "value", named["run"].map(value).fillna(REFERENCE))
    named.insert(2, "seed", named["run"].map(seed).astype("Int64"))
    with whole_file(path) as draft:
        named.to_csv(draft, index=False, lineterminator="\n")
