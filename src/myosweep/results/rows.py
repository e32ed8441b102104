"""What a run leaves behind: its settings, its status, and its rows of the COUNTS table."""

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd

from myosweep.config import Early, EarlyAction, EarlyRule, Record, RunSettings, Value
from myosweep.distances import SQUARED_DISTANCES_PX

Kind = Literal["trained", "masks", "baseline", "ensemble"]
State = Literal["complete", "diverged", "stopped", "failed"]


ENSEMBLE = "ensemble"
"""The field that tells ensembles from single networks: how many networks answer together."""


class RunSettingsFile(Record):
    """What a run is: written when the study starts. ``members`` are the runs of an ensemble."""

    kind: Kind
    label: str
    point: dict[str, Value]
    seed: int
    repeat: int | None = None
    fold: int | None = None
    trial: int | None = None
    cost: float | None = None
    members: tuple[str, ...] = ()
    settings: RunSettings | None
    pixel_hash: str
    split_hash: str
    regions: dict[str, tuple[int, ...]]
    ignored: tuple[int, ...]
    adjustment: int = 0
    """Which entry of the early rule's list changed the settings, from 1; 0: none."""


class EarlyRecord(Record):
    """What the study's early rule found in a run, and what it was to do.

    ``accuracy`` is the highest validation accuracy up to ``epoch``; None where none was a number.
    ``continued``: the run was stopped by the rule, and went on when it was no longer to stop.
    """

    fraction: float
    threshold: float
    action: EarlyAction
    epoch: int
    accuracy: float | None
    passed: bool
    continued: bool = False

    @classmethod
    def of(cls, rule: EarlyRule, found: Early, *, continued: bool = False) -> "EarlyRecord":
        """The record of a rule and of what it found."""
        return cls(
            fraction=rule.fraction,
            threshold=rule.threshold,
            action=rule.action,
            epoch=found.epoch,
            accuracy=None if math.isnan(found.accuracy) else found.accuracy,
            passed=found.passed,
            continued=continued,
        )


class RunStatus(Record):
    """How a run ended: written last; a run without it is not whole.

    A run that the early rule stopped keeps its checkpoint: it can be continued.
    """

    status: State
    epochs_done: int = 0
    seconds: float = 0.0
    device: str = ""
    precision: str = ""
    threads: int = 0
    processes: int = 1
    machines: tuple[str, ...] = ()
    versions: dict[str, str] = {}
    validation_accuracy: float | None = None
    largest_l2_ratio: float | None = None
    error: str = ""
    early_rule: EarlyRecord | None = None

    @property
    def whole(self) -> bool:
        """Whether the run is trained and scored; a failed or stopped one is not."""
        return self.status in ("complete", "diverged")


RUN_COLUMNS: dict[str, str] = {
    "run": "id of the run: hash of settings, seed, pixels, split and regions",
    "kind": "trained here, masks of another program, ensemble, or baseline",
    "label": "the swept values in words",
    "seed": "seed of the network",
    "repeat": "with folds: which division of the patients, from 1",
    "fold": "with folds: which part of that division is the test part, from 1",
    "trial": "with [tune]: number of the trial whose settings it has",
    "cost": "with [tune]: what it costs, in runs of the default",
    "split_hash": "hash that names the split into training, validation and test part",
    "adjustment": "which entry of the early rule's list changed the settings; 0: none",
    "status": "complete or diverged",
    "epochs_done": "epochs trained",
    "seconds": "time spent training and scoring",
    "device": "cpu, cuda or mps",
    "precision": "float32 or bfloat16",
    "threads": "processor threads used",
    "validation_accuracy": "share of labelled validation pixels that are right, at the end",
    "largest_l2_ratio": "largest ratio of L2 gradient norm to data gradient norm in an epoch; none "
    "with decoupled decay, which is no gradient",
}
"""RUNS: one row per whole run. Settings follow under their paths, ``l2.strength`` and so on."""

COUNT_COLUMNS: dict[str, str] = {
    "run": "id of the run",
    "part": "training, validation or test",
    "slice": "key of the slice",
    "region": "name of the region",
    "patient": "patient code",
    "site": "hospital, where known",
    "vendor": "scanner vendor, where known",
    "level": "base, middle or apex, where known",
    "spacing_mm": "side of a pixel in mm, where known",
    "slice_spacing_mm": "distance of slices in mm, where known",
    "reference_present": "whether the reference mask has the region on this slice",
    "reference_outline_px": "length of the region's outer outline in the reference, pixels",
    "tp": "pixels of the region, predicted as such",
    "fp": "pixels outside the region, predicted as the region",
    "fn": "pixels of the region, predicted otherwise",
    "tn": "labelled pixels outside the region, predicted as outside",
    "reference_boundary": "boundary pixels of the reference region",
    "prediction_boundary": "boundary pixels of the predicted region",
    **{
        f"{side}_hits_{squared}": f"boundary pixels of the {side} within {squared}**0.5 px of the "
        "other boundary"
        for side in ("reference", "prediction")
        for squared in SQUARED_DISTANCES_PX
    },
}
"""COUNTS: one row per run, part, slice and region."""

_DESCRIPTION = ("patient", "site", "vendor", "level", "spacing_mm", "slice_spacing_mm")


def count_rows(
    part: str,
    slices: pd.DataFrame,
    regions: tuple[str, ...],
    outlines_px: np.ndarray,
    counts: Mapping[str, np.ndarray],
) -> pd.DataFrame:
    """The COUNTS rows of one run and part, without the column ``run``.

    Args:
        part: training, validation or test.
        slices: the dataset's rows of the scored slices, in their order.
        regions: names of the regions, in scheme order.
        outlines_px: length of each region's outer outline in each slice's reference, as ``counts``.
        counts: every count of ``COUNT_COLUMNS`` from ``tp`` on, flat: slice by slice, and within
            each slice region by region.
    """
    repeated = slices.loc[slices.index.repeat(len(regions))].reset_index(drop=True)
    table = pd.DataFrame({"part": part, "slice": repeated["slice"]})
    table["region"] = np.tile(np.array(regions, dtype=object), len(slices))
    for column in _DESCRIPTION:
        table[column] = repeated[column]
    table["reference_present"] = counts["tp"] + counts["fn"] > 0
    table["reference_outline_px"] = outlines_px.astype(np.float32)
    measured = pd.DataFrame({name: np.asarray(values) for name, values in counts.items()})
    table = pd.concat([table, measured], axis=1)
    return table[[name for name in COUNT_COLUMNS if name != "run"]]
