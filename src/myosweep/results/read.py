"""Reading a study back: RUNS and COUNTS by concatenating the run folders."""

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from myosweep.config import StudyConfig, flatten, read_study_config
from myosweep.errors import StudyError
from myosweep.regions import RegionScheme
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.results.rows import COUNT_COLUMNS, RUN_COLUMNS, RunSettingsFile, RunStatus


@dataclass(frozen=True)
class Results:
    """The results tables of a study.

    ``runs`` has one row per whole run (``RUN_COLUMNS``, then every setting under its path),
    ``counts`` one per run, part, slice and region (``COUNT_COLUMNS``). ``fields`` are the paths
    that differ between runs by the study's will.
    """

    folder: StudyFolder
    study: StudyConfig
    scheme: RegionScheme
    fields: tuple[str, ...]
    runs: pd.DataFrame
    counts: pd.DataFrame

    @property
    def networks(self) -> pd.DataFrame:
        """The runs that are networks, not baselines."""
        return self.runs[self.runs["kind"] != "baseline"]


def read_results(folder: Path | str) -> Results:
    """Read the whole runs of a study; unfinished ones are left out.

    Raises:
        StudyError: if there is no study, no whole run, or a run's files are damaged.
    """
    study_folder = StudyFolder(Path(folder)).require()
    study = read_study_config(study_folder.study)
    runs, counts, schemes = [], [], {}
    for run in study_folder.runs():
        status = run.read_status()
        if status is None or not status.whole:
            continue
        settings = run.read_settings()
        runs.append(_run_row(run, settings, status))
        counts.append(read_counts(run).assign(run=run.id))
        schemes[json.dumps(settings.regions)] = settings
    if not runs:
        raise StudyError(
            f"study {study.name!r} has no finished run yet; see `myosweep status`, or continue it "
            "with `myosweep run`"
        )
    if len(schemes) > 1:
        raise StudyError(f"the runs of study {study.name!r} have different region schemes")
    one = next(iter(schemes.values()))
    table = pd.concat(counts, ignore_index=True)[list(COUNT_COLUMNS)]
    for column in ("run", "part", "slice", "region", "patient"):
        table[column] = table[column].astype("category")
    scheme = RegionScheme.from_mapping(one.regions, one.ignored)
    rows = pd.DataFrame(runs).astype({"repeat": "Int64", "fold": "Int64"})
    return Results(study_folder, study, scheme, tuple(study.sweep), rows, table)


def read_counts(run: RunFolder) -> pd.DataFrame:
    """The COUNTS rows of one run.

    Raises:
        StudyError: if the file is missing, damaged or lacks columns.
    """
    try:
        return pd.read_parquet(run.counts, columns=[c for c in COUNT_COLUMNS if c != "run"])
    except (OSError, ValueError):
        raise StudyError(_damaged(run.counts)) from None


def read_history(run: RunFolder) -> pd.DataFrame:
    """``history.csv`` of one run, one row per epoch; empty for runs that trained nothing."""
    if not run.history.exists():
        return pd.DataFrame({"epoch": []})
    try:
        return pd.read_csv(run.history)
    except (OSError, ValueError):
        raise StudyError(_damaged(run.history)) from None


def read_masks(run: RunFolder) -> dict[str, UInt8[np.ndarray, "y x"]]:
    """Predicted region map of each validation and test slice, by slice key."""
    try:
        with run.masks.open("rb") as file, np.load(file, allow_pickle=False) as content:
            return dict(zip(content["slices"].tolist(), content["masks"], strict=True))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        raise StudyError(_damaged(run.masks)) from None


def _run_row(run: RunFolder, settings: RunSettingsFile, status: RunStatus) -> dict[str, Any]:
    known: Mapping[str, Any] = {"run": run.id, **dict(settings), **dict(status)}
    row = {name: known[name] for name in RUN_COLUMNS}
    fields = flatten(settings.settings.model_dump()) if settings.settings else {}
    return {**row, **fields, **settings.point}


def _damaged(path: Path) -> str:
    return (
        f"runs/{path.parent.name}/{path.name} is missing or damaged; remove that run's folder and "
        "run the study again"
    )
