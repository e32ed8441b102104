"""Overlap scores as pure functions of pixel counts.

Where a score is undefined it is NaN, and never a warning. Two rules of "undefined" are offered:

- MATLAB's (``strict=False``, the paper's table): a score is undefined only where its formula is
  0 / 0. A region that is absent from the reference but was predicted has IoU and Dice 0.
- strict (``strict=True``, for verdicts): defined means defined by the reference. A region that is
  absent from the reference is undefined, whatever was predicted there.

Under both, a region that is present but was not predicted at all scores 0. Counts come from
``count_slices``, summed over slices as the question wants: first sum, then score.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float64, Int64, Num, UInt8

from myosweep.errors import InputError
from myosweep.metrics.counts import check_region_maps
from myosweep.regions import NO_REGION

Counts: TypeAlias = Num[np.ndarray, "..."] | np.number | int | float
Scores: TypeAlias = Float64[np.ndarray, "..."]


class MeanDefined(NamedTuple):
    """A mean that says over how many values it was taken."""

    mean: float
    n_defined: int
    n_all: int


def accuracy(tp: Counts, fn: Counts) -> Scores:
    """Share of a region's true pixels that were found: TP / (TP + FN), or recall.

    MATLAB calls it the accuracy of the class. NaN where the region is absent from the reference.

    Args:
        tp, fn: counts whose shapes broadcast; so is the result's shape.

    >>> accuracy(np.array([3, 0, 0]), np.array([1, 2, 0])).tolist()
    [0.75, 0.0, nan]
    """
    true = np.add(tp, fn)
    return divide_defined(tp, true)


def iou(tp: Counts, fp: Counts, fn: Counts, *, strict: bool = False) -> Scores:
    """Intersection over union (Jaccard index): TP / (TP + FP + FN).

    Args:
        tp, fp, fn: counts whose shapes broadcast; so is the result's shape.
        strict: NaN wherever the region is absent from the reference, see the module.

    >>> iou(np.array([1, 0, 0, 0]), np.array([1, 0, 4, 0]), np.array([2, 3, 0, 0])).tolist()
    [0.25, 0.0, 0.0, nan]
    """
    return _absent_undefined(divide_defined(tp, np.add(np.add(tp, fp), fn)), tp, fn, strict)


def dice(tp: Counts, fp: Counts, fn: Counts, *, strict: bool = False) -> Scores:
    """Dice coefficient (F1): 2 TP / (2 TP + FP + FN); arguments and edge cases as for ``iou``.

    >>> dice(np.array([1, 0]), np.array([1, 4]), np.array([1, 0]), strict=True).tolist()
    [0.5, nan]
    """
    doubled = np.multiply(tp, 2)
    return _absent_undefined(divide_defined(doubled, np.add(doubled + fp, fn)), tp, fn, strict)


def global_accuracy(
    tp: Num[np.ndarray, "*batch region"], fn: Num[np.ndarray, "*batch region"]
) -> Float64[np.ndarray, "*batch"]:
    """Share of all labelled pixels that are right: sum of TP over sum of TP + FN.

    Args:
        tp, fn: counts of all regions of a scheme on the last axis, pooled over slices. NaN where
            there are no labelled pixels.

    Source: GlobalAccuracy of MATLAB's evaluateSemanticSegmentation.
    """
    return divide_defined(tp.sum(axis=-1), (tp + fn).sum(axis=-1))


def mean_accuracy(
    tp: Num[np.ndarray, "*batch region"], fn: Num[np.ndarray, "*batch region"]
) -> Float64[np.ndarray, "*batch"]:
    """Mean of ``accuracy`` over the regions on the last axis that are present in the reference.

    NaN where none is. Source: MeanAccuracy of MATLAB's evaluateSemanticSegmentation.
    """
    return mean_along(accuracy(tp, fn), axis=-1)


def mean_iou(
    tp: Num[np.ndarray, "*batch region"],
    fp: Num[np.ndarray, "*batch region"],
    fn: Num[np.ndarray, "*batch region"],
) -> Float64[np.ndarray, "*batch"]:
    """Mean of ``iou`` over the regions on the last axis.

    A region that is in neither map is left out; one that was only predicted counts as 0. NaN where
    all regions are left out. Source: MeanIoU of MATLAB's evaluateSemanticSegmentation.
    """
    return mean_along(iou(tp, fp, fn), axis=-1)


def weighted_iou(
    tp: Num[np.ndarray, "*batch region"],
    fp: Num[np.ndarray, "*batch region"],
    fn: Num[np.ndarray, "*batch region"],
) -> Float64[np.ndarray, "*batch"]:
    """Mean of ``iou`` over the regions on the last axis, weighted by their true pixels.

    A region that is absent from the reference has weight 0. NaN where there are no labelled
    pixels. Source: WeightedIoU of MATLAB's evaluateSemanticSegmentation.
    """
    true = tp + fn
    weighted = true * np.where(true > 0, iou(tp, fp, fn), 0)
    return divide_defined(weighted.sum(axis=-1), true.sum(axis=-1))


def confusion_matrix(
    reference: UInt8[np.ndarray, "*shape"], prediction: UInt8[np.ndarray, "*shape"], regions: int
) -> Int64[np.ndarray, "region answer"]:
    """Labelled pixels of each true region (row) by the predicted region (column).

    There is one column more than regions: the last one counts pixels without an answer (the
    network diverged), so that a row always adds up to the region's true pixels. Pixels without a
    region in the reference are ignored. Empty maps give zeros.

    Args:
        reference, prediction: region maps of one shape, with 0 .. regions - 1 or ``NO_REGION``.

    Raises:
        InputError: if the shapes differ, or a value is neither a region nor ``NO_REGION``.
    """
    check_region_maps(reference, prediction, regions)
    labelled = reference != NO_REGION
    answer = np.minimum(prediction[labelled], regions)
    cells = reference[labelled].astype(np.intp) * (regions + 1) + answer
    counts = np.bincount(cells, minlength=regions * (regions + 1))
    return counts.reshape(regions, regions + 1).astype(np.int64)


def tp_fp_fn(
    confusion: Num[np.ndarray, "region answer"],
) -> tuple[
    Num[np.ndarray, " region"],
    Num[np.ndarray, " region"],
    Num[np.ndarray, " region"],
]:
    """TP, FP and FN of each region from a confusion matrix, square or with "no answer" last.

    Raises:
        InputError: if the matrix has neither shape.

    >>> tp, fp, fn = tp_fp_fn(np.array([[4730, 0], [9601, 88069]]))
    >>> round(float(mean_iou(tp, fp, fn)), 5)
    0.61588
    """
    regions, answers = confusion.shape
    if answers not in (regions, regions + 1):
        raise InputError(
            "a confusion matrix has a column per row, or one more for no answer, this one has the "
            f"shape {confusion.shape}; make it with confusion_matrix"
        )
    tp = np.diagonal(confusion).copy()
    answered = confusion[:, :regions]
    return tp, answered.sum(axis=0) - tp, confusion.sum(axis=1) - tp


def mean_defined(values: Num[np.ndarray, "..."]) -> MeanDefined:
    """Mean of the values that are not NaN, how many those are, and how many there are in all.

    The mean is NaN if none is defined.

    >>> mean_defined(np.array([1.0, np.nan, 0.5]))
    MeanDefined(mean=0.75, n_defined=2, n_all=3)
    """
    mean = mean_along(values.reshape(-1), axis=0)
    return MeanDefined(float(mean), int((~np.isnan(values)).sum()), values.size)


def mean_along(values: Num[np.ndarray, "..."], axis: int) -> Scores:
    """Mean of the defined values along an axis, NaN where none is.

    Where the mean is the result, and not a step on the way, report ``mean_defined``.
    """
    defined = ~np.isnan(values)
    return divide_defined(np.where(defined, values, 0).sum(axis=axis), defined.sum(axis=axis))


def divide_defined(numerator: Counts, denominator: Counts) -> Scores:
    """Quotient, NaN where the denominator is 0; shapes broadcast."""
    top, bottom = np.asarray(numerator), np.asarray(denominator)
    undefined = np.full(np.broadcast_shapes(top.shape, bottom.shape), np.nan)
    quotient: np.ndarray = np.divide(top, bottom, out=undefined, where=bottom != 0)
    return quotient


def _absent_undefined(scores: Scores, tp: Counts, fn: Counts, strict: bool) -> Scores:
    if strict:
        scores[np.broadcast_to(np.add(tp, fn) == 0, scores.shape)] = np.nan
    return scores
