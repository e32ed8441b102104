"""What can be saved: tables as CSV, networks as safetensors with their card.

These run in a process of their own (``work``).
"""

import tempfile
import zipfile
from pathlib import Path
from typing import Literal

import pandas as pd

from myosweep.analysis.tuning.found import seen_part
from myosweep.files import whole_file
from myosweep.results.export import write_counts_csv
from myosweep.results.layout import StudyFolder
from myosweep.results.read import read_history, read_results

TableName = Literal["runs", "counts", "curves"]
MEDIA = {"svg": "image/svg+xml", "png": "image/png", "csv": "text/csv; charset=utf-8"}


def table_csv(folder: Path, name: TableName) -> bytes:
    """A results table: ``runs``, ``counts`` or ``curves`` (all rows of all histories).

    Of a search without test scores that nobody has looked at.

    Raises:
        InputError: if there is no whole run, or a file is damaged.
    """
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "table.csv"
        if name == "curves":
            _curves(StudyFolder(folder)).to_csv(path, index=False)
        else:
            results = read_results(folder)
            results = seen_part(results) if results.study.tune is not None else results
            if name == "counts":
                write_counts_csv(results, path)
            else:
                results.runs.to_csv(path, index=False)
        return path.read_bytes()


def _curves(folder: StudyFolder) -> pd.DataFrame:
    found = [
        read_history(run).assign(run=run.id, label=run.read_settings().label)
        for run in folder.runs()
        if run.history.exists()
    ]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame({"epoch": []})


def model_zip(run: Path, out: Path) -> None:
    """A run's network as ``myosweep export --as safetensors`` writes it, in one file.

    Raises:
        InputError: if the run has no network, or its files are damaged.
    """
    from myosweep.predict.export import export_model  # loads torch

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "model"
        export_model(run, folder, "safetensors")
        with whole_file(out) as draft, zipfile.ZipFile(draft, "w") as file:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    file.write(path, Path(run.name) / path.relative_to(folder))
