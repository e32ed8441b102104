"""Tiny runs for the tests of training."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from myosweep.config import Replicate, SplitConfig, settings_from_paths
from myosweep.data.split import make_split
from myosweep.data.store import Dataset
from myosweep.model.weights import read_tensors
from myosweep.results.layout import StudyFolder
from myosweep.training.device import Computer
from myosweep.training.plan import RunPlan
from myosweep.training.run import perform_run

COMPUTER = Computer("cpu", "float32", 1)
TINY: dict[str, Any] = {
    "first_filters": 2,
    "depth": 2,
    "epochs": 3,
    "learning_rate": 1e-3,
    "precision": "float32",
}


def tiny_plan(dataset: Dataset, seed: int = 0, **values: Any) -> RunPlan:
    """A plan on a small dataset; ``values`` are settings with ``__`` for the dot."""
    changed = {path.replace("__", "."): value for path, value in values.items()}
    split = make_split(dataset, SplitConfig(fractions=(0.5, 0.17, 0.33)))
    settings = settings_from_paths({**TINY, **changed})
    return RunPlan({}, settings, Replicate(seed), dataset, split, dataset.scheme)


def trained_weights(
    plan: RunPlan, folder: Path, computer: Computer = COMPUTER
) -> dict[str, Tensor]:
    """Perform a run and read its weights."""
    study = StudyFolder(folder)
    status = perform_run(plan, study, computer)
    assert status is not None
    return read_tensors(study.run(plan.id).weights)[0]


def same_bits(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
