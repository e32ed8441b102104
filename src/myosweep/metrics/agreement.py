"""How far several answers to one image agree: the mean Dice of all pairs of them.

Source: Roy et al., Bayesian QuickNAT (NeuroImage 2019), "structure-wise uncertainty"; in Zenk et
al.'s comparison of failure detectors (Medical Image Analysis 2025) it did best.
"""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool, Float64, UInt8


def mean_pairwise_dice(
    masks: Bool[np.ndarray, "sample slice y x"],
) -> Float64[np.ndarray, " slice"]:
    """Mean Dice over all pairs of samples, slice by slice; two empty masks agree, with Dice 1.

    Args:
        masks: at least two samples.
    """
    samples, slices = masks.shape[:2]
    flat = np.moveaxis(masks.reshape(samples, slices, -1), 1, 0).astype(np.float32)
    common = (flat @ np.moveaxis(flat, 1, 2)).astype(np.float64)
    areas = np.diagonal(common, axis1=1, axis2=2)
    both = areas[:, :, None] + areas[:, None, :]
    pairs = np.divide(2 * common, both, out=np.ones_like(common), where=both > 0)
    first, second = np.triu_indices(samples, 1)
    return pairs[:, first, second].mean(1)


def agreement(
    votes: UInt8[np.ndarray, "sample slice y x"],
    answer: UInt8[np.ndarray, "slice y x"],
    targets: Iterable[tuple[int, ...]],
) -> Float64[np.ndarray, "slice target"]:
    """The agreement on each target: ``mean_pairwise_dice``, but 0 where the answer lacks it.

    Samples that all see nothing agree, and yet that is no evidence that nothing is there: a target
    that was missed altogether must not look safe.

    Args:
        votes: region maps, at least two.
        answer: the region map that is given out.
        targets: the regions that make each, together.
    """
    found = [
        np.where(np.isin(answer, of).any((1, 2)), mean_pairwise_dice(np.isin(votes, of)), 0.0)
        for of in targets
    ]
    return np.stack(found, 1)
