"""What the networks learned from and were tested on, in counts; from the results tables."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from myosweep.analysis.card.records import DataFacts, PartFacts, Range, SplitFacts
from myosweep.analysis.cautions import patients_in_several_parts
from myosweep.analysis.study_dataset import study_dataset
from myosweep.data.split import PARTS
from myosweep.data.store import Dataset
from myosweep.errors import MyosweepError
from myosweep.results.layout import RunFolder
from myosweep.results.read import Results

_SOURCES = {
    "phantom": "synthetic phantoms, made by myosweep",
    "image folder": "folders of pictures",
    "NIfTI": "NIfTI volumes",
    "DICOM": "DICOM series",
    "Segment": "files of Medviso Segment",
}


def data_facts(runs: Sequence[RunFolder], results: Results | None) -> DataFacts:
    """The data of some networks; without a study's results little more than their hashes."""
    settings = [run.read_settings() for run in runs]
    known: dict[str, Any] = {}
    if results is not None:
        known = _counted(results, [run.id for run in runs])
    dataset = None if results is None else _dataset(results)
    source = {} if dataset is None else dataset.manifest.source
    kind = source.get("kind")
    return DataFacts(
        source=_SOURCES.get(kind, kind) if isinstance(kind, str) else None,
        at_hand=dataset is not None,
        licence=None if dataset is None else dataset.manifest.licence,
        crop_px=source.get("crop"),
        crop_around=source.get("crop_around"),
        resample_mm=source.get("resample_mm"),
        **{"patients": None, "slices": None, "levels_known": None, "new_sites": None, **known},
        parts=_parts(results, [run.id for run in runs]) if results is not None else (),
        split=None if results is None else _split(results),
        pixel_hash=settings[0].pixel_hash,
        split_hashes=tuple(sorted({what.split_hash for what in settings})),
    )


def spacing_mm(counts: pd.DataFrame) -> tuple[float, float] | None:
    """Smallest and largest side of a pixel; None if it is not known for every slice."""
    spacing = counts["spacing_mm"]
    if not len(spacing) or spacing.isna().any():
        return None
    return float(spacing.min()), float(spacing.max())


def _dataset(results: Results) -> Dataset | None:
    """The study's dataset; None if it is not there, or is another one."""
    try:
        return study_dataset(results)
    except (MyosweepError, OSError):
        return None


def _counted(results: Results, runs: Sequence[str]) -> dict[str, int | None]:
    rows = results.counts[results.counts["run"].isin(runs)]
    slices = rows.drop_duplicates("slice")
    sites = {part: _names(rows[rows["part"] == part], "site") for part in ("training", "test")}
    known = rows["site"].notna().all() and all(sites.values())
    return {
        "patients": int(rows["patient"].nunique()),
        "slices": len(slices),
        "levels_known": int(slices["level"].notna().sum()),
        "new_sites": len(sites["test"] - sites["training"]) if known else None,
    }


def _parts(results: Results, runs: Sequence[str]) -> tuple[PartFacts, ...]:
    rows = results.counts[results.counts["run"].isin(runs)]
    made = []
    for part in PARTS:
        there = rows[rows["part"] == part]
        if there.empty:
            continue
        of_run = there.groupby(there["run"].astype(str))
        made.append(
            PartFacts(
                part=part,
                patients=_range(of_run["patient"].nunique()),
                slices=_range(of_run["slice"].nunique()),
                sites=len(_names(there, "site")) or None,
                vendors=len(_names(there, "vendor")) or None,
            )
        )
    return tuple(made)


def _names(rows: pd.DataFrame, column: str) -> set[str]:
    return set(map(str, rows[column].dropna().unique()))


def _range(numbers: pd.Series) -> Range:
    return int(numbers.min()), int(numbers.max())


def _split(results: Results) -> SplitFacts:
    study = results.study
    return SplitFacts(
        design=study.replicates.design,
        by=study.split.by,
        fractions=study.split.fractions,
        seed=study.split.seed,
        from_file=study.split.file is not None,
        folds=study.replicates.folds,
        repeats=study.replicates.repeats,
        shared=patients_in_several_parts(results),
        allow_leakage=study.allow_leakage,
    )
