"""A study whose networks are drawn, not trained, which takes no time; and its slices as files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from PIL import Image
from tests.toy import toy_study

from myosweep.data.normalise import Normaliser
from myosweep.data.store import Dataset
from myosweep.files import write_json
from myosweep.model.weights import write_tensors
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.training.plan import network_of


@dataclass(frozen=True)
class Trained:
    """A finished study of values of L2, two networks each; and its dataset."""

    folder: Path
    dataset: Dataset

    @property
    def runs(self) -> list[RunFolder]:
        found = list(StudyFolder(self.folder).runs())
        return [run for run in found if run.read_settings().kind == "trained"]

    def of_value(self, value: float) -> list[RunFolder]:
        chosen = [r for r in self.runs if r.read_settings().point["l2.strength"] == value]
        return sorted(chosen, key=lambda run: run.read_settings().seed)

    def write_pictures(self, folder: Path, count: int = 5) -> list[str]:
        """The first slices as PNG; gives their names."""
        folder.mkdir(parents=True, exist_ok=True)
        keys = self.dataset.slices["slice"].tolist()[:count]
        for key, image in zip(keys, self.dataset.images, strict=False):
            Image.fromarray(np.asarray(image)).save(folder / f"{key}.png")
        return keys


def give_weights(
    run: RunFolder,
    seed: int,
    kind: Literal["zero-centre", "z-score"] = "zero-centre",
    regions: int = 3,
    **settings: Any,
) -> None:
    """Make a toy run one of a small network with random weights."""
    what = run.read_settings()
    assert what.settings is not None
    small = {"first_filters": 4, "depth": 2, "normalisation": kind, **settings}
    chosen = what.settings.model_copy(update=small)
    write_json(run.settings, what.model_copy(update={"settings": chosen}).model_dump(mode="json"))
    network = network_of(chosen, regions, torch.Generator().manual_seed(seed))
    facts = Normaliser(kind, 0.0, 255.0, 90.0 + seed).facts()
    write_tensors(run.weights, dict(network.named_parameters()), facts)


@pytest.fixture
def trained(tmp_path: Path) -> Trained:
    """``make_trained``, for each test anew."""
    return make_trained(tmp_path / "toy")


def make_trained(folder: Path) -> Trained:
    """Zero-centred 8-bit images of 32 x 32; the second value's networks differ in their means."""
    toy = toy_study(folder, {(5e-3,): (1, 2), (5e-5,): (0, 1)}, baselines=False, patients=6)
    study = Trained(toy.folder, toy.data)
    for seed, run in enumerate(study.runs):
        same_mean = run.read_settings().point["l2.strength"] == 5e-3
        give_weights(run, 7 if same_mean else seed)
    return study
