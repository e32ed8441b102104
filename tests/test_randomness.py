"""One independent stream per purpose and address, whatever else is drawn."""

import random

import numpy as np
import pytest

from myosweep.randomness import Purpose, stream


def test_the_same_address_gives_the_same_draws_in_any_order() -> None:
    addresses = [(0, 0), (0, 1), (1, 0), (7, 3)]
    forward = {one: stream(3, "augmentation", *one).random(4).tolist() for one in addresses}
    backward = {one: stream(3, "augmentation", *one).random(4).tolist() for one in addresses[::-1]}
    assert forward == backward
    assert len({tuple(draws) for draws in forward.values()}) == 4


def test_global_generators_neither_change_nor_are_changed() -> None:
    expected = stream(0, "order", 1).random(3).tolist()
    np.random.seed(5)
    random.seed(5)
    before = np.random.get_state(legacy=True)[1].tolist(), random.getstate()  # type: ignore[union-attr]
    assert stream(0, "order", 1).random(3).tolist() == expected
    after = np.random.get_state(legacy=True)[1].tolist(), random.getstate()  # type: ignore[union-attr]
    assert before == after


def test_seeds_purposes_and_addresses_give_different_draws() -> None:
    purposes: tuple[Purpose, ...] = ("initialisation", "order", "augmentation", "dropout", "split",
                                     "phantom", "bootstrap", "folds")  # fmt: skip
    draws = {
        float(stream(seed, purpose, *address).random())
        for seed in range(3)
        for purpose in purposes
        for address in [(1,), (2,), (1, 1), (1, 2), (2, 1)]
    }
    assert len(draws) == 3 * 8 * 5


def test_streams_of_neighbouring_images_are_independent() -> None:
    first = np.array([stream(0, "augmentation", 0, image).random(2) for image in range(1000)])
    assert abs(np.corrcoef(first[:-1, 0], first[1:, 0])[0, 1]) < 0.1
    assert abs(np.corrcoef(first[:, 0], first[:, 1])[0, 1]) < 0.1
    assert abs(first.mean() - 0.5) < 0.02


GOLDEN: dict[Purpose, float] = {
    "initialisation": 0.4410734005948086,
    "order": 0.6126759110572803,
    "augmentation": 0.983624011907764,
    "dropout": 0.616314264379917,
    "split": 0.1217521623448824,
    "phantom": 0.3683701279888981,
    "bootstrap": 0.4430908869385488,
}


@pytest.mark.parametrize("purpose", GOLDEN)
def test_golden_draws(purpose: Purpose) -> None:
    """They hold every run's weights: a new purpose goes to the end, and nothing else moves."""
    assert float(stream(1, purpose, 2, 3).random()) == GOLDEN[purpose]


def test_negative_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="non-negative"):
        stream(-1, "order")
