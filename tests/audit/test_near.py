"""Neighbouring slices of a patient resemble each other; copies must be told from them."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from tests.audit.planted import Slices

from myosweep.audit.fingerprint import fingerprints, grey_image
from myosweep.audit.near import best_correlations, details_of, near_pairs
from myosweep.data.store import Dataset


def alike(change: float, count: int, size: int = 64) -> Slices:
    """One patient whose slices go over into each other: by how much, ``change`` says."""
    random = np.random.default_rng(2)
    fields = ndimage.gaussian_filter(random.normal(0, 1, (count, size, size)), (0, 1.5, 1.5))
    for place in range(1, count):
        fields[place] = (1 - change) * fields[place - 1] + change * fields[place]
    images = np.clip(1000 + 5000 * fields, 0, 4095).astype(np.uint16)
    labels = np.zeros(images.shape, np.uint8)
    rows = [{"patient": "A", "slice": f"A{place:02d}"} for place in range(count)]
    return Slices(images, labels, rows)


@pytest.mark.parametrize("change", [0.1, 0.25])
def test_neighbours_that_are_all_alike_are_no_near_duplicates(
    change: float, tmp_path: Path
) -> None:
    dataset = alike(change, 10).dataset(tmp_path)
    one, other = (details_of_row(dataset, row) for row in (4, 5))
    assert (best_correlations(one, other)[0] > 0.97) == (change < 0.2)
    assert not len(near_pairs(dataset, fingerprints(dataset)).pairs)


def test_a_copy_among_neighbours_that_are_unlike_must_be_very_close(tmp_path: Path) -> None:
    slices = alike(1, 10)
    random = np.random.default_rng(0)
    for place, noise in ((3, 0.05), (6, 0.5)):
        image = slices.images[place]
        slices.append(
            np.clip(image + random.normal(0, noise * image.std(), image.shape), 0, 4095),
            slices.labels[place],
            "A",
        )
    dataset = slices.dataset(tmp_path)
    near = near_pairs(dataset, fingerprints(dataset))
    assert near.pairs.tolist() == [[3, 10]]


def details_of_row(dataset: Dataset, row: int) -> np.ndarray:
    image = np.asarray(dataset.images[row])
    return details_of(grey_image(image, np.zeros(image.shape, bool)))[None]
