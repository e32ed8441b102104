"""Fewer patients that train: nested, the same for all values, with as many steps."""

import itertools

import numpy as np
from tests.training.runs import TINY, tiny_plan

from myosweep.config import settings_from_paths
from myosweep.data.split import subset_of_patients
from myosweep.data.store import Dataset
from myosweep.training.samples import mini_batches

OWNERS = np.repeat([f"P{number:02d}" for number in range(20)], 3)
ROWS = np.arange(6, 60)


def patients(fraction: float, seed: int = 0) -> set[str]:
    return set(OWNERS[subset_of_patients(ROWS, OWNERS, fraction, seed)])


def test_smaller_subsets_lie_in_larger_ones_and_hold_whole_patients() -> None:
    found = [patients(fraction) for fraction in (0.01, 0.25, 0.5, 0.75, 1.0)]
    assert [len(one) for one in found] == [1, 4, 9, 14, 18]
    assert all(small < large for small, large in itertools.pairwise(found))
    rows = subset_of_patients(ROWS, OWNERS, 0.5, 0)
    assert len(rows) == 9 * 3
    assert np.array_equal(rows, np.sort(rows))


def test_another_seed_takes_other_patients() -> None:
    assert patients(0.25, 0) != patients(0.25, 1)


def test_validation_and_test_part_stay_whole_and_l2_changes_no_subset(
    small_dataset: Dataset,
) -> None:
    whole = tiny_plan(small_dataset).samples()
    halves = [
        tiny_plan(small_dataset, data__fraction=0.5, l2__strength=strength).samples()
        for strength in (0.0, 1.0)
    ]
    assert 0 < len(halves[0]["training"]) < len(whole["training"])
    assert np.array_equal(halves[0]["training"].rows, halves[1]["training"].rows)
    for part in ("validation", "test"):
        assert np.array_equal(halves[0][part].rows, whole[part].rows)


def test_an_epoch_keeps_its_steps_and_an_image_that_returns_is_changed_anew(
    small_dataset: Dataset,
) -> None:
    plan = tiny_plan(small_dataset, data__fraction=0.25, batch_size=2)
    settings = settings_from_paths({**TINY, "batch_size": 2, "data.fraction": 0.25})
    training = plan.samples()["training"]
    batches = list(mini_batches(training, settings, 0, 1, [(2, 2, 2)]))
    assert len(batches) == len(plan.split.training) // 2
    assert len(training) < 2 * len(batches)
    images = np.concatenate([batch.images.numpy() for batch in batches])
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)


def test_turns_go_on_through_the_epochs(small_dataset: Dataset) -> None:
    training = tiny_plan(small_dataset, data__fraction=0.25).samples()["training"]
    settings = settings_from_paths({**TINY, "batch_size": 1, "dropout": 0.0})
    epochs = [
        np.concatenate([b.images.numpy() for b in mini_batches(training, settings, 0, epoch, [])])
        for epoch in (1, 2)
    ]
    every = np.concatenate(epochs)
    assert len(np.unique(every.reshape(len(every), -1), axis=0)) == len(every)
