"""The COUNTS table as CSV, for other programs."""

from pathlib import Path

import pandas as pd

from myosweep.files import whole_file
from myosweep.results.read import Results
from myosweep.results.rows import COUNT_COLUMNS, RUN_COLUMNS

_RUN_FACTS = ("kind", "seed", "repeat", "fold")
_TRIAL_FACTS = ("trial", "cost")


def write_counts_csv(results: Results, path: Path) -> int:
    """Write COUNTS with facts and swept fields of each run; gives the number of rows."""
    runs = results.runs[["run", *_facts(results), *results.fields]]
    counts = results.counts.assign(run=results.counts["run"].astype(str))
    table = pd.merge(runs, counts, on="run", how="right", validate="one_to_many")
    with whole_file(path) as draft:
        table.to_csv(draft, index=False)
    return len(table)


def describe_columns(results: Results) -> list[tuple[str, str]]:
    """Each column of the CSV file and what it is."""
    facts = [(name, RUN_COLUMNS[name]) for name in _facts(results)]
    swept = [(path, "swept field; empty for baselines") for path in results.fields]
    run, *rest = COUNT_COLUMNS.items()
    return [run, *facts, *swept, *rest]


def _facts(results: Results) -> tuple[str, ...]:
    return _RUN_FACTS if results.study.tune is None else (*_RUN_FACTS, *_TRIAL_FACTS)
