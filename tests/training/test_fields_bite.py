"""A knob must bite: for every field of RunSettings, two values give different weights."""

from pathlib import Path
from typing import Any

import pytest
from tests.training.runs import COMPUTER, same_bits, tiny_plan, trained_weights

from myosweep.config import settings_paths
from myosweep.data.store import Dataset
from myosweep.training.device import Computer

LEARNED = {"l2.strength": "learned", "learning_rate": 1e-2}
DECOUPLED = {"l2.kind": "decoupled"}
JITTER = {"labels.noise": "jitter", "labels.strength": 2.0}
NOISE = {"images.noise": "noise", "images.strength": 1.0, "normalisation": "zero-centre"}

TWO_VALUES: dict[str, tuple[Any, Any]] = {
    "l2.kind": ("penalty", "decoupled"),
    "l2.strength": (5e-3, 5e-4),
    "l2.time_scale_epochs": (1.0, 3.0),
    "l2.learned.start": (1e-2, 1e-1),
    "l2.learned.rate": (0.5, 1.0),
    "l2.learned.per": ("network", "layer"),
    "learning_rate": (1e-3, 2e-3),
    "schedule": ("constant", "one-cycle"),
    "batch_size": (2, 3),
    "epochs": (2, 3),
    "first_filters": (2, 3),
    "depth": (1, 2),
    "dropout": (0.5, 0.2),
    "norm": ("none", "group"),
    "normalisation": ("zero-centre", "z-score"),
    "shuffle": ("once", "every-epoch"),
    "augmentation.flip": (0.5, 0.0),
    "augmentation.shift_px": (10.0, 2.0),
    "augmentation.rotation_deg": (0.0, 30.0),
    "augmentation.scale": (0.1, 0.3),
    "augmentation.intensity": (0.0, 0.3),
    "loss": ("cross-entropy", "dice"),
    "data.fraction": (0.5, 1.0),
    "labels.noise": ("jitter", "dilation"),
    "labels.strength": (1.0, 2.0),
    "images.noise": ("noise", "blur"),
    "images.strength": (1.0, 0.5),
    "images.parts": ("training", "all"),
    "precision": ("float32", "bfloat16"),
}
NEEDED: dict[str, dict[str, Any]] = {
    "l2.time_scale_epochs": DECOUPLED,
    "l2.learned.start": LEARNED,
    "l2.learned.rate": LEARNED,
    "l2.learned.per": LEARNED,
    "labels.noise": JITTER,
    "labels.strength": JITTER,
    "images.noise": NOISE,
    "images.strength": NOISE,
    # other images in validation and test part change the weights through nothing but learned L2
    "images.parts": {**NOISE, **LEARNED, "l2.learned.rate": 1.0},
}
"""What else must be set for a field to act."""
ELSEWHERE = {"init_from", "test_time_averaging"}
"""Needs a file: see test_initial.py; changes predictions, not weights: see test_run.py."""


def test_every_field_is_here() -> None:
    assert TWO_VALUES.keys() | ELSEWHERE == set(settings_paths())


@pytest.mark.parametrize("path", TWO_VALUES)
def test_two_values_give_different_weights(
    path: str, small_dataset: Dataset, tmp_path: Path
) -> None:
    results = []
    for value in TWO_VALUES[path]:
        values = {"epochs": 2, **NEEDED.get(path, {}), path: value}
        plan = tiny_plan(small_dataset, **{key.replace(".", "__"): values[key] for key in values})
        computer = Computer("cpu", plan.settings.precision, 1)  # type: ignore[arg-type]
        results.append(trained_weights(plan, tmp_path, computer))
    assert not same_bits(*results)


def test_the_same_settings_give_the_same_bits(small_dataset: Dataset, tmp_path: Path) -> None:
    plan = tiny_plan(small_dataset)
    one, other = (trained_weights(plan, tmp_path / name, COMPUTER) for name in ("a", "b"))
    assert same_bits(one, other)


def test_another_seed_gives_other_weights(small_dataset: Dataset, tmp_path: Path) -> None:
    one, other = (trained_weights(tiny_plan(small_dataset, seed=s), tmp_path) for s in (0, 1))
    assert not same_bits(one, other)


@pytest.mark.parametrize("norm", ["group", "instance"])
def test_normalisation_layers_learn_in_bfloat16(
    norm: str, small_dataset: Dataset, tmp_path: Path
) -> None:
    plan = tiny_plan(small_dataset, norm=norm, first_filters=8, precision="bfloat16")
    weights = trained_weights(plan, tmp_path, Computer("cpu", "bfloat16", 1))
    assert all(one.isfinite().all() for one in weights.values())
    assert not (weights["bridge.first_norm.weight"] == 1).all()
    assert plan.settings.norm == norm
