"""Reading a study back: RUNS and COUNTS by concatenating the run folders."""

import csv
import itertools
import json
import zlib
from collections.abc import Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import pandas as pd
import pyarrow as pa
from jaxtyping import UInt8
from pyarrow.parquet import ParquetFile

from myosweep.config import StudyConfig, flatten, read_study_config
from myosweep.errors import StudyError
from myosweep.regions import RegionScheme
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.results.rows import (
    COUNT_COLUMNS,
    ENSEMBLE,
    RUN_COLUMNS,
    RunSettingsFile,
    RunStatus,
)

_CATEGORIES = ("part", "slice", "region", "patient")
_MOST_ROWS = 2**24
"""Of one run's COUNTS; a file that says it has more would unfold to all memory."""


@dataclass(frozen=True, eq=False)
class Results:
    """The results tables of a study.

    ``runs`` has one row per whole run (``RUN_COLUMNS``, then every setting under its path),
    ``counts`` one per run, part, slice and region (``COUNT_COLUMNS``). ``fields`` are the paths
    that differ between runs by the study's will; with ensembles ``ensemble`` is the last of them.
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


def read_results(folder: Path | str, only: Container[str] | None = None) -> Results:
    """Read the whole runs of a study; unfinished ones are left out.

    Args:
        only: ids of the runs to read; default all.

    Raises:
        StudyError: if there is no study, no whole run, or a run's files are damaged.
    """
    study_folder = StudyFolder(Path(folder)).require()
    study = read_study_config(study_folder.study)
    with ThreadPoolExecutor() as readers:  # most of it is waiting for files, or in C++
        wanted = [run for run in study_folder.runs() if only is None or run.id in only]
        runs = [run for run in readers.map(_read_whole, wanted) if run is not None]
    if not runs:
        command = "tune" if study.tune else "run"
        raise StudyError(
            f"study {study.name!r} has no finished run yet; see `myosweep status`, or continue it "
            f"with `myosweep {command}`"
        )
    if len({json.dumps(run.settings.regions) for run in runs}) > 1:
        raise StudyError(f"the runs of study {study.name!r} have different region schemes")
    one = runs[0].settings
    scheme = RegionScheme.from_mapping(one.regions, one.ignored)
    rows = pd.DataFrame([run.row() for run in runs])
    rows = rows.astype({"repeat": "Int64", "fold": "Int64", "trial": "Int64", "cost": "Float64"})
    fields = study.fields
    if (rows["kind"] == "ensemble").any():
        rows[ENSEMBLE] = rows[ENSEMBLE].fillna(1).astype(int)
        fields = (*fields, ENSEMBLE)
    return Results(study_folder, study, scheme, fields, rows, _joined(runs))


@dataclass(frozen=True)
class _WholeRun:
    """All that is read of a whole run."""

    id: str
    settings: RunSettingsFile
    status: RunStatus
    counts: pa.Table

    def row(self) -> dict[str, Any]:
        """The run's row of RUNS."""
        known: Mapping[str, Any] = {"run": self.id, **dict(self.settings), **dict(self.status)}
        row = {name: known[name] for name in RUN_COLUMNS}
        settings = self.settings.settings
        fields = flatten(settings.model_dump()) if settings else {}
        return {**row, **fields, **self.settings.point}


def _read_whole(run: RunFolder) -> _WholeRun | None:
    """A run's files, or None if it is not whole."""
    status = run.read_status()
    if status is None or not status.whole:
        return None
    return _WholeRun(run.id, run.read_settings(), status, _read_counts(run))


def _read_counts(run: RunFolder) -> pa.Table:
    """``read_counts`` before it becomes a pandas table."""
    columns = [name for name in COUNT_COLUMNS if name != "run"]
    try:
        with ParquetFile(run.counts, read_dictionary=list(_CATEGORIES)) as file:
            if file.metadata.num_rows > _MOST_ROWS:
                raise ValueError
            return file.read(columns, use_threads=False).select(columns)
    except (OSError, ValueError, KeyError):
        raise StudyError(_damaged(run.counts)) from None


def _joined(runs: Sequence[_WholeRun]) -> pd.DataFrame:
    """COUNTS: the tables of all runs below each other."""
    joined = pa.concat_tables([run.counts for run in runs], promote_options="permissive")
    table = joined.to_pandas()
    for name in _CATEGORIES:
        column = table[name].astype("category")
        table[name] = column.cat.reorder_categories(sorted(column.cat.categories))
    of_row = np.repeat(np.arange(len(runs)), [run.counts.num_rows for run in runs])
    ids = pd.Index([run.id for run in runs])
    table.insert(0, "run", pd.Categorical.from_codes(of_row, ids))
    return table


def read_counts(run: RunFolder) -> pd.DataFrame:
    """The COUNTS rows of one run.

    Raises:
        StudyError: if the file is missing, damaged or lacks columns.
    """
    return _read_counts(run).to_pandas()


def read_history(run: RunFolder) -> pd.DataFrame:
    """``history.csv`` of one run, one row per epoch; empty for runs that trained nothing."""
    if not run.history.exists():
        return pd.DataFrame({"epoch": []})
    try:
        with run.history.open(newline="", encoding="utf-8") as file:
            names, *rows = csv.reader(file)
        numbers = [[float(cell or "nan") for cell in row] for row in rows]
        return pd.DataFrame(np.array(numbers).reshape(-1, len(names)), columns=names)
    except (OSError, ValueError, csv.Error):
        raise StudyError(_damaged(run.history)) from None


def read_masks(run: RunFolder) -> dict[str, UInt8[np.ndarray, "y x"]]:
    """Predicted region map of each validation and test slice, by slice key."""
    pairs = (zip(keys, masks, strict=True) for keys, masks in stream_masks(run))
    return dict(itertools.chain.from_iterable(pairs))


def stream_masks(
    run: RunFolder, at_once: int = 256
) -> Iterator[tuple[list[str], UInt8[np.ndarray, "slice y x"]]]:
    """``read_masks`` for many slices: keys and maps of some of them at a time.

    Raises:
        StudyError: if the file is missing or damaged.
    """
    with _mask_file(run) as (file, masks, shape):
        with file.open("slices.npy") as part:
            keys = np.lib.format.read_array(part, allow_pickle=False).tolist()
        if len(keys) != shape[0]:
            raise ValueError
        for start in range(0, len(keys), at_once):
            some = keys[start : start + at_once]
            pixels = np.frombuffer(masks.read(len(some) * shape[1] * shape[2]), np.uint8)
            yield some, pixels.reshape(len(some), *shape[1:])


def mask_shape(run: RunFolder) -> tuple[int, int] | None:
    """Height and width of a run's predicted masks, in pixels; None if it has no masks."""
    if not run.masks.exists():
        return None
    with _mask_file(run) as (_, _, (count, height, width)):
        return (height, width) if count else None


@contextmanager
def _mask_file(run: RunFolder) -> Iterator[tuple[ZipFile, IO[bytes], tuple[int, int, int]]]:
    """The masks file, its pixels and how many they are (slice, y, x)."""
    try:
        with ZipFile(run.masks) as file, file.open("masks.npy") as masks:
            np.lib.format.read_magic(masks)
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(masks)
            if len(shape) != 3 or fortran or dtype != np.uint8:
                raise ValueError
            yield file, masks, shape
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error):
        raise StudyError(_damaged(run.masks)) from None


def _damaged(path: Path) -> str:
    return (
        f"runs/{path.parent.name}/{path.name} is missing or damaged; remove that run's folder and "
        "run the study again"
    )
