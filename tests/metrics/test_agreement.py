"""Agreement of samples: by hand, and where regions are missing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from myosweep.metrics.agreement import agreement, mean_pairwise_dice


def row(*masks: str) -> np.ndarray:
    """Samples of one slice of one row of pixels, as 0 and 1."""
    return np.array([[[[int(c) for c in mask]]] for mask in masks], dtype=bool)


def test_by_hand():
    # Dice of the pairs: 2*2/(2+3), 2*1/(2+1), 2*1/(3+1)
    masks = row("1100", "1110", "1000")
    assert mean_pairwise_dice(masks)[0] == pytest.approx((4 / 5 + 2 / 3 + 1 / 2) / 3)


def test_two_empty_masks_agree_and_one_empty_mask_does_not():
    assert mean_pairwise_dice(row("000", "000")).tolist() == [1]
    assert mean_pairwise_dice(row("000", "010")).tolist() == [0]
    assert mean_pairwise_dice(row("000", "000", "110"))[0] == pytest.approx(1 / 3)


def test_a_region_that_the_answer_lacks_has_no_agreement():
    nothing = np.zeros((3, 1, 2, 2), np.uint8)
    found = agreement(nothing, nothing[0], [(0,), (1,), (2,)])
    assert found.tolist() == [[1, 0, 0]]
    one_sees_it = nothing.copy()
    one_sees_it[0] = 2
    assert agreement(one_sees_it, nothing[0], [(2,)])[0, 0] == 0


def test_slices_stand_apart():
    votes = np.zeros((2, 2, 1, 4), np.uint8)
    votes[:, 0, 0, :2] = 1
    votes[0, 1, 0, :2] = 1
    votes[1, 1, 0, 1:3] = 1
    assert agreement(votes, votes[0], [(1,)])[:, 0].tolist() == [1, 0.5]


def test_parts_of_one_target_count_together():
    """Samples that quarrel about which part a pixel is, and not about the whole."""
    votes = np.array([[[[1, 1, 2, 0]]], [[[1, 2, 2, 0]]]], np.uint8)
    found = agreement(votes, votes[0], [(1,), (2,), (1, 2)])
    assert found[0] == pytest.approx([2 / 3, 2 / 3, 1])
    no_part = np.ones((2, 1, 1, 4), np.uint8)
    assert agreement(no_part, no_part[0], [(2,), (1, 2)]).tolist() == [[0, 1]]


@settings(deadline=None, max_examples=30)
@given(arrays(bool, (3, 2, 3, 3)))
def test_laws(masks: np.ndarray):
    found = mean_pairwise_dice(masks)
    assert ((found >= 0) & (found <= 1)).all()
    assert np.allclose(found, mean_pairwise_dice(masks[[2, 0, 1]]))
    assert np.allclose(found, mean_pairwise_dice(masks[:, :, ::-1]))
    assert (mean_pairwise_dice(masks[[0, 0, 0]]) == 1).all()


@pytest.mark.parametrize("samples", [2, 5])
def test_as_many_pairs_as_there_are(samples: int):
    masks = np.zeros((samples, 1, 1, samples), bool)
    masks[np.arange(samples), 0, 0, np.arange(samples)] = True  # disjoint
    assert mean_pairwise_dice(masks).tolist() == [0]
